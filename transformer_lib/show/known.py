"""What each token knows after each layer, or step: a grid that fills up.

Python draws the first state and writes every sentence, so the figure stands where no script runs;
static/known.js shows another layer, another token, or another way of looking.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import torch
from torch import Tensor

from transformer_lib import checks
from transformer_lib.show.canvas import STYLE, WIDTH

_STATIC = Path(__file__).parent / "static"
_LEFT, _TOP, _ROW = 154, 70, 18  # where the grid begins, and the height of a row


@dataclass(frozen=True)
class Way:
    """What a run of a stack left in its tokens.

    Args:
        known: boolean (num_layers + 1, tokens, facts), before the first layer and after each.
        looks: (num_layers, tokens), the token that each looks at in each layer, -1 for none; or
            None, where none can be named.

    Raises:
        ValueError: if the shapes do not go together, or what was known is forgotten.
    """

    known: Tensor
    looks: Tensor | None = None

    def __post_init__(self):
        if self.known.dim() != 3 or self.known.dtype != torch.bool:
            raise ValueError(
                "known must be boolean (num_layers + 1, tokens, facts), "
                f"got {self.known.dtype} {tuple(self.known.shape)}"
            )
        layers, tokens, _ = self.known.shape
        if self.looks is not None and self.looks.shape != (layers - 1, tokens):
            raise ValueError(
                f"looks must be (num_layers, tokens) = {(layers - 1, tokens)}, "
                f"got {tuple(self.looks.shape)}"
            )
        if (self.known[:-1] & ~self.known[1:]).any():
            raise ValueError("known must only grow from layer to layer, and something is forgotten")

    def since(self, token: int) -> str:
        """For each fact the layer after which a token knows it; "." for never."""
        never = len(self.known)
        counts = (~self.known[:, token]).sum(dim=0).tolist()
        return "".join("." if count == never else str(count) for count in counts)


class Known:
    """A row for each token, a column for each fact, under a slider for the layer.

    Args:
        ways: by the name of each, of one size; at most 9 layers.
        tokens: a string each.
        facts: a string each.
        asks: the token that is picked at first.
        wanted: for each token the fact that it must guess, and should not know; -1 for none.
        unit: what the slider counts.
        begins: the layer that is shown at first.
        caption: one sentence that says what to try.

    Raises:
        ValueError: if sizes do not go together, or there is no such layer.
    """

    def __init__(
        self,
        ways: Mapping[str, Way],
        tokens: Sequence[str],
        facts: Sequence[str],
        *,
        asks: int,
        caption: str,
        wanted: Sequence[int] | None = None,
        unit: str = "layer",
        begins: int = 0,
    ):
        if len({way.known.shape for way in ways.values()}) != 1:
            raise ValueError("ways must be of one size, and at least one")
        layers, *size = next(iter(ways.values())).known.shape
        if [len(tokens), len(facts)] != size:
            raise ValueError(
                f"tokens and facts must be {size[0]} and {size[1]}, "
                f"got {len(tokens)} and {len(facts)}"
            )
        if layers > 10:
            raise ValueError(f"ways must have at most 9 layers, got {layers - 1}")
        checks.whole(asks=asks, begins=begins)
        if not 0 <= asks < len(tokens):
            raise ValueError(f"asks must be from 0 to {len(tokens) - 1}, got {asks}")
        if not 0 <= begins < layers:
            raise ValueError(f"begins must be from 0 to {layers - 1}, got {begins}")
        self.wanted = [-1] * len(tokens) if wanted is None else list(wanted)
        if len(self.wanted) != len(tokens) or not all(-1 <= w < len(facts) for w in self.wanted):
            raise ValueError(f"wanted must name a fact for each token, or -1, got {self.wanted}")
        self.ways, self.tokens, self.facts = dict(ways), list(tokens), list(facts)
        self.asks, self.caption, self.num_layers, self.unit = asks, caption, layers - 1, unit
        self.begins = begins

    def said(self, name: str, layer: int, token: int) -> str:
        """What a token found in a layer, and how much it knows after it."""
        way, who = self.ways[name], self.tokens[token]
        known = way.known[layer, token]
        total = f"{known.sum().item()} of {len(self.facts)}"
        at = f"{self.unit.capitalize()} {layer}"
        if layer == 0:
            found = f"Before the first {self.unit}: {who} knows {total}{self._listed(known)}."
        elif not (new := known & ~way.known[layer - 1, token]).any():
            found = f"{at}: {who} finds nothing new. It knows {total}."
        else:
            seen = -1 if way.looks is None else way.looks[layer - 1, token].item()
            looks = f" looks at “{self.tokens[seen]}” and" if seen >= 0 else ""
            found = f"{at}: {who}{looks} takes{self._listed(new)[1:]}: {total}."
        if (wanted := self.wanted[token]) < 0:
            return found
        return f"{found} It must guess {self.facts[wanted]}{self._whether(known[wanted])}."

    def _whether(self, known: Tensor) -> str:
        return ", and has read it" if known else ", which it has not read"

    def _listed(self, known: Tensor) -> str:
        """The facts, a comma before each."""
        return "".join(f", {name}" for name, here in zip(self.facts, known, strict=True) if here)

    def _repr_html_(self) -> str:
        told = {
            name: {
                "since": [way.since(token) for token in range(len(self.tokens))],
                "looks": (
                    [[-1] * len(self.tokens)] * self.num_layers
                    if way.looks is None
                    else way.looks.tolist()
                ),
                "said": [
                    [self.said(name, layer, token) for token in range(len(self.tokens))]
                    for layer in range(self.num_layers + 1)
                ],
            }
            for name, way in self.ways.items()
        }
        data = json.dumps(list(told.values()), ensure_ascii=False).replace("<", "\\u003c")
        own = "known-" + hashlib.sha256(data.encode()).hexdigest()[:8]
        css, script = ((_STATIC / f"known.{kind}").read_text("utf-8") for kind in ("css", "js"))
        first = self.said(next(iter(self.ways)), self.begins, self.asks)
        return (
            f'<figure class="known" data-play id="{own}"><style>{STYLE}{css}</style>'
            f"<figcaption>{escape(self.caption)}</figcaption>{self._controls(own)}{self.svg()}"
            f'<p class="known-said" aria-live="polite">{escape(first)}</p>'
            "<noscript>The figure stands still: it moves by JavaScript.</noscript>"
            f'<script type="application/json">{data}</script>'
            f"<script>(() => {{\n{script}\nstart(document.getElementById({own!r}));\n}})();"
            "</script></figure>"
        )

    def __repr__(self) -> str:
        return f"What {len(self.tokens)} tokens know after {self.num_layers} {self.unit}s"

    def _controls(self, own: str) -> str:
        ways = "".join(
            f'<label><input type="radio" name="{own}-way" value="{i}" disabled'
            f"{' checked' if i == 0 else ''}> {escape(name)}</label>"
            for i, name in enumerate(self.ways)
        )
        options = "".join(
            f"<option{' selected' if i == self.asks else ''}>{escape(token)}</option>"
            for i, token in enumerate(self.tokens)
        )
        return (
            f'<div class="known-controls"><label>{escape(self.unit)}s <input type="range" min="0" '
            f'max="{self.num_layers}" value="{self.begins}" disabled '
            f'data-lm-suppress-shortcuts="true"><output>{self.begins}</output></label>'
            f"<label>who looks <select disabled>{options}</select></label>{ways}</div>"
        )

    def svg(self) -> str:
        """The first state."""
        way = next(iter(self.ways.values()))
        known = way.known[self.begins]
        cell = (WIDTH - _LEFT - 4) / len(self.facts)
        body = "".join(
            f'<text class="left" transform="translate({_LEFT + (i + 0.5) * cell:.1f} {_TOP - 6}) '
            f'rotate(-90)">{escape(fact)}</text>'
            for i, fact in enumerate(self.facts)
        )
        for i, token in enumerate(self.tokens):
            y = _TOP + _ROW * i
            row = "".join(
                f'<rect x="{_LEFT + j * cell + 0.5:.1f}" y="{y + 0.5}" width="{cell - 1:.1f}" '
                f'height="{_ROW - 1}"{self._kind(i, j, known)}/>'
                f'<text x="{_LEFT + (j + 0.5) * cell:.1f}" y="{y + _ROW / 2}">'
                f"{since if known[i, j] else ''}</text>"
                for j, since in enumerate(way.since(i))
            )
            chosen = " asks" if i == self.asks else ""
            body += (
                f'<g class="known-row{chosen}"><rect class="whole" x="1" y="{y}" '
                f'width="{WIDTH - 3}" height="{_ROW}"/><text class="right" x="{_LEFT - 5}" '
                f'y="{y + _ROW / 2}">{escape(token)}</text>{row}</g>'
            )
        said = self.said(next(iter(self.ways)), self.begins, self.asks)
        return (
            '<svg xmlns="http://www.w3.org/2000/svg" class="tld" role="img" '
            f'aria-label="{escape(said)}" '
            f'viewBox="0 0 {WIDTH} {_TOP + _ROW * len(self.tokens) + 4}">{body}</svg>'
        )

    def _kind(self, token: int, fact: int, known: Tensor) -> str:
        kinds = ["has"] * known[token, fact].item() + ["wanted"] * (self.wanted[token] == fact)
        return f' class="{" ".join(kinds)}"' if kinds else ""
