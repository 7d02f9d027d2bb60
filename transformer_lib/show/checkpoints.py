"""A training step over a chain of layers: keep inputs or drop them, and see memory and time.

Python draws the first state, so the figure stands where no script runs; static/checkpoints.js
keeps and drops. Both count as the meter of chapter 23 does: what autograd holds, at each time.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from pathlib import Path

from transformer_lib import checks
from transformer_lib.show.canvas import STYLE, WIDTH

_STATIC = Path(__file__).parent / "static"
_LEFT, _TOP, _GAP, _BARS = 26, 20, 26, 84  # margins, and the height of the curve of memory
BACKWARD = 2  # how long a layer's backward pass takes, where its forward pass takes 1


@dataclass(frozen=True)
class Moment:
    """What happens at a time of the step: "forward", "again" or "backward", and units in memory."""

    kind: str
    layer: int
    begin: int
    length: int
    units: int


def moments(kept: list[bool], inside: int = 1) -> list[Moment]:
    """One training step over a chain of layers.

    Args:
        kept: for each layer whether its input is kept until the backward pass; that of the first
            must be.
        inside: units that a layer holds while it is open, its input among them.

    Returns:
        What happens, in order. What lies between two inputs that are kept is run again, if it is
        not in memory.

    Raises:
        ValueError: if the first input is not kept, or `inside` is less than 1.
    """
    checks.at_least(1, inside=inside)
    if not isinstance(kept, list) or not kept or not kept[0]:
        raise ValueError(f"kept must be a list that begins with True, got {kept!r}")
    found, now, held = [], 0, 0

    def add(kind: str, layer: int, length: int, units: int) -> None:
        nonlocal now
        found.append(Moment(kind, layer, now, length, units))
        now += length

    for layer, keep in enumerate(kept):
        held += bool(keep)
        add("forward", layer, 1, held)
    borders = [*(layer for layer, keep in enumerate(kept) if keep), len(kept)]
    for first, end in reversed([*pairwise(borders)]):
        opened = [held + inside * (layer - first + 1) - 1 for layer in range(first, end)]
        if opened[-1] > held:  # not all of it is kept
            for layer in range(first, end):
                add("again", layer, 1, opened[layer - first])
        for layer in reversed(range(first, end)):
            add("backward", layer, BACKWARD, opened[layer - first])
        held -= 1
    return found


class Checkpoints:
    """A square for each layer's input, what is in memory over the time of a step, and its sum.

    Args:
        num_layers: of the chain, at most 48.
        inside: by its name on the page, what a layer holds while it is open, in units.
        caption: one sentence that says what to try.

    Raises:
        ValueError: if there are too few or too many layers, or `inside` is empty or below 1.
    """

    def __init__(self, num_layers: int, *, inside: Mapping[str, int], caption: str):
        checks.at_least(2, num_layers=num_layers)
        checks.string(caption=caption)
        if num_layers > 48:
            raise ValueError(f"num_layers must be at most 48, got {num_layers}")
        if not isinstance(inside, Mapping) or not inside:
            raise ValueError(f"inside must name at least one number of units, got {inside!r}")
        for name, units in inside.items():
            checks.at_least(1, **{f"inside[{name!r}]": units})
        self.num_layers, self.inside, self.caption = num_layers, dict(inside), caption

    def _repr_html_(self) -> str:
        told = {"layers": self.num_layers, "backward": BACKWARD, "inside": [*self.inside.values()]}
        data = json.dumps(told)
        own = "tlk-" + hashlib.sha256((data + self.caption).encode()).hexdigest()[:8]
        css, script = (
            (_STATIC / f"checkpoints.{kind}").read_text("utf-8") for kind in ("css", "js")
        )
        return (
            f'<figure class="tlk tld" data-play id="{own}"><style>{STYLE}{css}</style>'
            f"<figcaption>{escape(self.caption)}</figcaption>{self._controls(own)}"
            f'{self._squares()}{self.svg()}<p class="tlk-said" aria-live="polite">{self.said()}</p>'
            "<noscript>The figure stands still: it moves by JavaScript.</noscript>"
            f'<script type="application/json">{data}</script>'
            f"<script>(() => {{\n{script}\nstart(document.getElementById({own!r}));\n}})();"
            "</script></figure>"
        )

    def __repr__(self) -> str:
        return f"A training step of {self.num_layers} layers"

    def said(self) -> str:
        """Of the first state, in which every input is kept: how much, and for how long."""
        step = self._first()
        again = len({moment.layer for moment in step if moment.kind == "again"})
        usual, time = (1 + BACKWARD) * self.num_layers, sum(moment.length for moment in step)
        most = max(moment.units for moment in step)
        inside = next(iter(self.inside.values()))
        without = f" (without checkpoints {self.num_layers * inside})" if inside > 1 else ""
        return (
            f"Kept: {self.num_layers} of {self.num_layers} inputs. Most at any time: {most} "
            f"units{without}. Run again: {again} layers; time {time} in place of {usual}, "
            f"{time / usual:.2f} times."
        )

    def _first(self) -> list[Moment]:
        return moments([True] * self.num_layers, next(iter(self.inside.values())))

    def _controls(self, own: str) -> str:
        radios = "".join(
            f'<label><input type="radio" name="{own}-inside" value="{i}" disabled'
            f"{' checked' * (i == 0)}> {escape(name)}</label>"
            for i, name in enumerate(self.inside)
        )
        return (
            '<div class="tlk-controls"><label>keep every <input type="range" min="1" '
            f'max="{self.num_layers}" value="1" disabled data-lm-suppress-shortcuts="true">'
            "<output>1</output></label>"
            f'<span role="radiogroup" aria-label="an open layer holds">an open layer holds {radios}'
            "</span></div>"
        )

    def _squares(self) -> str:
        squares = "".join(
            f'<label><input type="checkbox" checked disabled aria-label="keep the input of layer '
            f'{layer}"><span>{layer}</span></label>'
            for layer in range(1, self.num_layers + 1)
        )
        return f'<div class="tlk-squares" role="group" aria-label="inputs">{squares}</div>'

    def svg(self) -> str:
        """The first state: who is in memory when, and how much that is."""
        n, step = self.num_layers, self._first()
        row, wide = 144 / n, (WIDTH - _LEFT - 4) / (2 + BACKWARD) / n
        most = max(moment.units for moment in step)
        peak = n * next(iter(self.inside.values()))
        base = _TOP + 144 + _GAP + _BARS
        end = {moment.layer: moment.begin + moment.length for moment in step}

        def x(time: float) -> str:
            return f"{_LEFT + wide * time:.1f}"

        kept = "".join(
            f'<rect class="kept" x="{x(m.begin)}" y="{_TOP + row * m.layer:.1f}" '
            f'width="{wide * (end[m.layer] - m.begin):.1f}" height="{row - 1:.1f}"/>'
            for m in step
            if m.kind == "forward"
        )
        runs = "".join(
            f"M{x(m.begin)} {_TOP + row * (m.layer + 0.5) - 0.5:.1f}h{wide * m.length:.1f}"
            for m in step
        )
        curve = "".join(
            f"V{base - _BARS * m.units / peak:.1f}H{x(m.begin + m.length)}" for m in step
        )
        top = base - _BARS * most / peak
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{self.said()}" '
            f'viewBox="0 0 {WIDTH} {base + 20:.0f}">'
            f'<text class="left" x="{x(0)}" y="9">forward</text>'
            f'<text class="left" x="{x(n + 1)}" y="9">backward</text>'
            f'<text class="right shape" x="{_LEFT - 5}" y="{_TOP + row / 2:.1f}">1</text>'
            f'<text class="right shape" x="{_LEFT - 5}" y="{_TOP + 144 - row / 2:.1f}">{n}</text>'
            f'<path class="border" d="M{x(n)} 2V{base}"/>'
            f'<g class="tlk-held">{kept}</g><path class="tlk-runs" d="{runs}"/>'
            f'<path class="tlk-curve" d="M{x(0)} {base}{curve}V{base}Z"/>'
            f'<path class="tlk-most" d="M{_LEFT} {top:.1f}H{WIDTH - 4}"/>'
            f'<text class="tlk-number right" x="{WIDTH - 4}" y="{top - 9:.1f}">{most}</text>'
            f'<text class="left" x="{x(0)}" y="{base + 11}">units in memory, over the time of a '
            "step</text></svg>"
        )
