"""What may be written next, and how likely it is, under temperature, top-k and top-p.

Python draws the first state, so that the figure stands where no script runs; static/next_token.js
does what the library's `Sampler` does when the reader moves a slider, and draws by lot.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

import torch
from torch import Tensor

from transformer_lib import checks
from transformer_lib.show.canvas import STYLE, WIDTH

_STATIC = Path(__file__).parent / "static"

SHOWN = 10  # tokens with a bar of their own; the others share one
LEFT, BAR, ROW, TOP = 72.0, 190.0, 21.0, 12.0  # in units of the drawing


class NextToken:
    """Bars of the next token's probabilities, likeliest first; what is cut off is dashed.

    Args:
        logits: (tokens,) after each prefix, by the words that name it.
        names: what the tokens are called, more than ten.
        caption: one sentence that says what to try.

    Raises:
        ValueError: if there is no prefix, or logits and names do not go together.
    """

    def __init__(self, logits: Mapping[str, Tensor], names: Sequence[str], *, caption: str):
        named = isinstance(logits, Mapping) and all(isinstance(name, str) for name in logits)
        if not named or not logits:
            raise ValueError(f"logits must be tensors by the names of prefixes, got {logits!r}")
        if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
            raise ValueError(f"names must be a list of strings, got {names!r}")
        if len(names) <= SHOWN:
            raise ValueError(f"names must be more than {SHOWN}, got {len(names)}")
        for prefix, scores in logits.items():
            checks.floating(f"logits[{prefix!r}]", scores, dims=1)
            if scores.shape != (len(names),) or not scores.isfinite().all():
                raise ValueError(
                    f"logits[{prefix!r}] must be {len(names)} numbers, got {tuple(scores.shape)}"
                )
        checks.string(caption=caption)
        self.names, self.caption = list(names), caption
        self.logits = {prefix: scores.detach().double() for prefix, scores in logits.items()}

    def _first(self) -> tuple[list[str], Tensor]:
        """The rows of the first prefix, and their probabilities as the model gives them."""
        p, order = next(iter(self.logits.values())).softmax(dim=0).sort(descending=True)
        rows = [self.names[i] for i in order[:SHOWN].tolist()]
        others = f"{len(self.names) - SHOWN} others"
        return [*rows, others], torch.cat([p[:SHOWN], p[SHOWN:].sum()[None]])

    def _said(self) -> str:
        rows, p = self._first()
        count = len(self.names)
        return (
            f"{count} of {count} may be drawn. {rows[0]}, the likeliest, has {p[0]:.2f}; "
            f"the {rows[-1]} together have {p[-1]:.2f}."
        )

    def _repr_html_(self) -> str:
        script, style = (
            (_STATIC / f"next_token.{kind}").read_text("utf-8") for kind in ("js", "css")
        )
        prefixes = []
        for scores in self.logits.values():
            values, order = scores.sort(descending=True)
            rounded = [round(value, 4) for value in values.tolist()]
            prefixes.append({"logits": rounded, "tokens": order.tolist()})
        state = {"names": self.names, "prefixes": prefixes, "shown": SHOWN, "bar": BAR}
        data = escape(json.dumps(state, ensure_ascii=False))
        own = "tln-" + hashlib.sha256(data.encode()).hexdigest()[:8]
        return (
            f'<figure class="tln" data-play data-state="{data}"><style>{STYLE}{style}</style>'
            f"<figcaption>{escape(self.caption)}</figcaption>{self._prefixes(own)}{self.svg()}"
            f'<p class="tln-said" aria-live="polite">{escape(self._said())}</p>{self._sliders()}'
            "<noscript>The bars stand still: they move by JavaScript.</noscript>"
            f"<script>{{{script}nextToken(document.currentScript.parentElement)}}</script></figure>"
        )

    def __repr__(self) -> str:
        return f"What may be written next: {self._said()}"

    def _prefixes(self, own: str) -> str:
        radios = "".join(
            f'<label><input type="radio" name="{own}"{" checked" * (i == 0)} '
            f'data-lm-suppress-shortcuts="true"> {escape(prefix)}</label>'
            for i, prefix in enumerate(self.logits)
        )
        return f"<fieldset hidden><legend>after</legend>{radios}</fieldset>"

    def _sliders(self) -> str:
        """One for each of the three, and a button."""
        count = len(self.names)
        sliders = "".join(
            f'<label hidden>{name} <input type="range" min="{low}" max="{high}" step="{step}" '
            f'value="{start}" data-for="{name}" data-lm-suppress-shortcuts="true"> '
            f"<output>{said}</output></label>"
            for name, low, high, step, start, said in (
                ("temperature", 0.1, 4, 0.1, 1, "1.0"),
                ("top-k", 1, count, 1, count, "all"),
                ("top-p", 0.05, 1, 0.05, 1, "all"),
            )
        )
        return f'{sliders}<button type="button" hidden>Draw 100</button>'

    def svg(self) -> str:
        """The first state."""
        rows, p = self._first()
        body = ""
        for i, (name, share) in enumerate(zip(rows, p.tolist(), strict=True)):
            y = TOP + ROW * i
            width = BAR * share
            bar = f'x="{LEFT:g}" y="{y - 7:g}" width="{width:.1f}" height="14"'
            body += (
                f'<g class="tln-row"><text x="{LEFT - 6:g}" y="{y:g}" class="right">'
                f'{escape(name)}</text><rect {bar} class="before"/><rect {bar} class="now"/>'
                f'<text x="{LEFT + BAR + 8:g}" y="{y:g}" class="left tln-share">{share:.2f}</text>'
                f'<text x="{WIDTH - 4}" y="{y:g}" class="right tln-times"></text></g>'
            )
        return (
            '<svg xmlns="http://www.w3.org/2000/svg" class="tld" role="img" '
            f'aria-label="{escape(self._said())}" '
            f'viewBox="0 0 {WIDTH} {TOP + ROW * len(rows):g}">{body}</svg>'
        )
