"""A quiz of curves: which training is ill of what? Drawn without a script, and answered with one.

The curves are SVG and the rest is plain HTML, so that a page without JavaScript shows all that is
to be seen; static/diagnosis.js adds the answering, by pointer, finger and keys.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from string import ascii_uppercase

from transformer_lib import checks

_STATIC = Path(__file__).parent / "static"
_WIDTH, _HEIGHT, _TOP = 150, 84, 1.3  # of a curve; the loss at its upper edge


@dataclass(frozen=True)
class Case:
    """A training, and what is seen of it.

    Args:
        name: what it is ill of.
        loss: of the training batches, step by step, as parts of the loss of one who knows nothing.
        held_out: of a held-out batch, at equal distances up to the last step.
        dials: up to five numbers by name: value, least, greatest, and whether the scale is
            logarithmic.
        tells: one sentence, which number tells it.

    Raises:
        ValueError: if a row is too short, or a number is not finite.
    """

    name: str
    loss: Sequence[float]
    held_out: Sequence[float]
    dials: Mapping[str, tuple[float, float, float, bool]]
    tells: str

    def __post_init__(self):
        if len(self.loss) < 2 or len(self.held_out) < 1:
            raise ValueError(
                f"loss and held_out must have at least 2 and 1 numbers, got {len(self.loss)} and "
                f"{len(self.held_out)}"
            )
        for x in (*self.loss, *self.held_out, *(d[0] for d in self.dials.values())):
            if not math.isfinite(x):
                raise ValueError(f"loss, held_out and dials must be finite, got {x}")


class Diagnosis:
    """Curves in one pile and names in another: drag each name onto its curve.

    Args:
        cases: in the order in which the curves stand; at most 26. Names are listed by the alphabet.
        line: where the loss of one who knows only the frequencies lies, drawn across.
        caption: one sentence that says what to do.

    Raises:
        ValueError: if there are fewer than two cases, or two have one name.
    """

    def __init__(self, cases: Sequence[Case], *, line: float, caption: str):
        checks.positive(line=line)
        self.cases = list(cases)
        names = {case.name for case in self.cases}
        if not 2 <= len(self.cases) <= len(ascii_uppercase) or len(names) < len(self.cases):
            raise ValueError(f"cases must be 2 to 26 with names that differ, got {len(names)}")
        self.line, self.caption = line, caption

    def _repr_html_(self) -> str:
        told = [
            {
                "name": case.name,
                "tells": case.tells,
                "dials": [
                    {"name": name, "value": float(f"{value:.3g}"), "at": _place(value, *scale)}
                    for name, (value, *scale) in case.dials.items()
                ],
            }
            for case in self.cases
        ]
        own = "dx-" + hashlib.sha256(json.dumps(told).encode()).hexdigest()[:8]
        cards = "".join(map(self._card, ascii_uppercase, self.cases))
        names = "".join(
            f'<li><button type="button" class="dx-name" disabled>{escape(name)}</button></li>'
            for name in sorted(case.name for case in self.cases)
        )
        data = json.dumps(told, ensure_ascii=False).replace("<", "\\u003c")
        css, script = ((_STATIC / f"diagnosis.{kind}").read_text("utf-8") for kind in ("css", "js"))
        return (
            f'<figure class="dx" data-play id="{own}" aria-label="Diagnosis"><style>{css}</style>'
            f"<figcaption>{escape(self.caption)}</figcaption>"
            f'<div class="dx-cards">{cards}</div><ul class="dx-names">{names}</ul>'
            f'<div class="dx-panel"></div><p class="dx-said" aria-live="polite"></p>'
            f'<script type="application/json">{data}</script>'
            f"<script>(() => {{\n{script}\nstart(document.getElementById({own!r}));\n}})();"
            "</script></figure>"
        )

    def _card(self, letter: str, case: Case) -> str:
        first, last = case.loss[0], sum(case.loss[-5:]) / len(case.loss[-5:])
        said = (
            f"Training {letter}: the loss goes from {first:.2f} to {last:.2f} times that of one "
            f"who knows nothing, on held-out text to {case.held_out[-1]:.2f} times"
        )
        step = (len(case.loss) - 1) / len(case.held_out)
        held_out = [((i + 1) * step, y) for i, y in enumerate(case.held_out)]
        level = _HEIGHT * (1 - self.line / _TOP)
        return (
            f'<div class="dx-card" data-letter="{letter}"><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" '
            f'role="img" aria-label="{said}"><path class="dx-know" d="M0 {level:.1f}H{_WIDTH}"/>'
            f'<path class="dx-none" d="M0 {_HEIGHT * (1 - 1 / _TOP):.1f}H{_WIDTH}"/>'
            f'<path class="dx-held" d="{_path(held_out, len(case.loss))}"/>'
            f'<path class="dx-loss" d="{_path(list(enumerate(case.loss)), len(case.loss))}"/>'
            f'<text x="5" y="{_HEIGHT - 6}">{letter}</text></svg>'
            '<span class="dx-slot"></span></div>'
        )


def _path(points: Sequence[tuple[float, float]], steps: int) -> str:
    places = (
        f"{x / (steps - 1) * _WIDTH:.1f} {_HEIGHT * (1 - min(max(y, 0), _TOP) / _TOP):.1f}"
        for x, y in points
    )
    return "M" + "L".join(places)


def _place(value: float, least: float, greatest: float, logarithmic: bool) -> float:
    """Where a needle stands, from 0 to 1."""
    if logarithmic:
        value, least, greatest = (math.log(max(x, 1e-12)) for x in (value, least, greatest))
    return round(min(max((value - least) / (greatest - least), 0), 1), 3)
