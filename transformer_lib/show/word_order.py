"""One layer of attention on words to be put in another order: who notices it, and by how much.

Python draws the first state, so that the figure stands where no script runs; static/word_order.js
computes the layer again for every order, kind of position and place of the first word.
"""

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path

import torch
from torch import Tensor, nn

from transformer_lib import checks
from transformer_lib.layers.multi_head import MultiHeadAttention
from transformer_lib.show.canvas import STYLE

_STATIC = Path(__file__).parent / "static"
_DIGITS = 4  # of each weight in the page
_ROW = 4  # features that stand side by side in the picture of a word
_CELL = 10
_PARTS = ("q_proj", "k_proj", "v_proj", "out_proj")

KINDS = ("none", "causal mask alone", "sinusoidal", "rotary", "ALiBi")
STARTS = (0, 1, 2, 3, 10, 30, 100, 300, 1000)


class WordOrder:
    """Words that the reader puts in another order, and what a layer of attention makes of each.

    Under a word stand its output, and the largest difference to what the layer gave it in the
    first order at position 0. The kind of position is chosen, and where the first word stands.

    Args:
        words: seq_len strings, in their first order.
        x: their embeddings (seq_len, d_model).
        layer: a layer that sees all words and knows no positions; it is run.
        swap: the places of two words that a button exchanges.
        caption: one sentence that says what to try.

    Raises:
        ValueError: if words and embeddings do not go together, the layer is of another kind, or
            `swap` is not two places.
    """

    def __init__(
        self,
        words: Sequence[str],
        x: Tensor,
        layer: MultiHeadAttention,
        *,
        swap: tuple[int, int],
        caption: str,
    ):
        if not isinstance(layer, MultiHeadAttention):
            raise ValueError(f"layer must be a MultiHeadAttention, got {type(layer).__name__}")
        if layer.causal or layer.rotary is not None or layer.alibi is not None:
            raise ValueError("layer must see all words and know no positions, got one that does")
        checks.features("x", x, layer.d_model, like=layer.q_proj.weight, dims=2)
        if not x.isfinite().all():
            raise ValueError("x must be finite, got NaN or infinity in it")
        checks.multiple(_ROW, d_model=layer.d_model)
        checks.even(head_dim=layer.head_dim)
        if not isinstance(words, list | tuple) or not all(isinstance(w, str) for w in words):
            raise ValueError(f"words must be a list of strings, got {words!r}")
        if len(words) != len(x) or len(words) < 2:
            raise ValueError(f"words must be one for each row of x, two or more, got {len(words)}")
        places = {*swap} if isinstance(swap, list | tuple) else set()
        if len(places) != 2 or not places <= {*range(len(words))}:
            raise ValueError(f"swap must be two places from 0 to {len(words) - 1}, got {swap!r}")
        checks.string(caption=caption)
        self.words, self.swap, self.caption = list(words), tuple(swap), caption
        self.x, self.num_heads = x, layer.num_heads
        self.parts = {name: getattr(layer, name) for name in _PARTS}
        with torch.no_grad():
            self.first = layer(x[None])[0]  # (seq_len, d_model)

    def _repr_html_(self) -> str:
        state = {
            "words": self.words,
            "x": _rounded(self.x),
            "numHeads": self.num_heads,
            "starts": STARTS,
            "swap": self.swap,
            "layer": {name: _linear(part) for name, part in self.parts.items()},
        }
        script, style = (
            (_STATIC / f"word_order.{kind}").read_text(encoding="utf-8") for kind in ("js", "css")
        )
        words = "".join(map(self._word, range(len(self.words))))
        return (
            f'<figure class="tlw" data-play data-state="{escape(json.dumps(state))}">'
            f"<style>{STYLE}{style}</style><figcaption>{escape(self.caption)}</figcaption>"
            f'{_controls()}<div class="tlw-row" role="group" aria-label="words, in order">'
            f'{words}</div><p class="tlw-said" aria-live="polite">No word has changed.</p>'
            '<p class="tlw-how" hidden>Drag a word, or press the arrow keys on it.</p>'
            "<noscript>The words stand still: they move by JavaScript.</noscript>"
            f"<script>{{{script}wordOrder(document.currentScript.parentElement)}}</script></figure>"
        )

    def __repr__(self) -> str:
        return f"The order of {' '.join(self.words)}"

    def _word(self, i: int) -> str:
        """A word, what the layer made of it, and by how much that has changed: not at all yet."""
        row = self.first[i].unflatten(0, (-1, _ROW)).T.tolist()
        peak = self.first.abs().max().item()
        cells = "".join(
            _cell(x * _CELL, y * _CELL, value, peak)
            for y, values in enumerate(row)
            for x, value in enumerate(values)
        )
        wide, high = len(row[0]) * _CELL, _ROW * _CELL
        word = escape(self.words[i])
        return (
            f'<button type="button" class="tlw-word" disabled data-lm-suppress-shortcuts="true" '
            f'aria-description="word {i + 1}, changed by 0.00"><b>{word}</b>'
            f'<svg class="tld" viewBox="0 0 {wide} {high}" aria-hidden="true">{cells}</svg>'
            '<span class="tlw-change">0.00</span></button>'
        )


def _controls() -> str:
    kinds = "".join(f"<option>{kind}</option>" for kind in KINDS)
    return (
        '<div class="tlw-controls" hidden>'
        f'<label>positions <select class="tlw-kind">{kinds}</select></label>'
        '<label>first word at <input type="range" class="tlw-start" min="0" '
        f'max="{len(STARTS) - 1}" value="0" aria-valuetext="0" data-lm-suppress-shortcuts="true"> '
        '<output class="tlw-at">0</output></label><span>'
        '<button type="button" class="tlw-swap">swap the two</button> '
        '<button type="button" class="tlw-back">as it was</button></span></div>'
    )


def _cell(x: int, y: int, value: float, peak: float) -> str:
    """A number: the fuller the larger, with a dash where it is negative."""
    opacity = abs(value) / peak * 0.9
    dash = f"M{x + 3} {y + 5}h4" if value < 0 else ""
    return (
        f'<g><rect x="{x}" y="{y}" width="{_CELL}" height="{_CELL}" class="cell value" '
        f'fill-opacity="{opacity:.2f}"><title>{value:.2f}</title></rect>'
        f'<path class="line" d="{dash}"/></g>'
    )


def _linear(part: nn.Linear) -> dict[str, list]:
    bias = part.weight.new_zeros(part.out_features) if part.bias is None else part.bias
    return {"weight": _rounded(part.weight), "bias": _rounded(bias)}


def _rounded(x: Tensor) -> list:
    """Numbers of a few digits: more would not be seen, and the page would be longer."""
    return x.detach().double().round(decimals=_DIGITS).tolist()
