"""What is left of a gradient that is handed down from step to step, to be held in the hand.

Two lines over the steps, on a logarithmic axis: a recurrence of one number, and the cell of an
LSTM. Python draws the first state, so that the figure stands where no script runs; the script in
static/handed_down.js computes the same when the reader moves a weight, a bias or the distance.
"""

import hashlib
import json
import math
from html import escape
from pathlib import Path

import torch
from torch import Tensor

from transformer_lib import checks
from transformer_lib.show.canvas import STYLE, WIDTH

_STATIC = Path(__file__).parent / "static"

STEPS = 100
FIRST = 0.01  # the state at the start of the recurrence; after it nothing is heard
LOWEST, HIGHEST = -12, 6  # powers of ten that the axis shows
LEFT, TOP, BROAD, HIGH = 44.0, 26.0, 300.0, 180.0  # the field, in units of the drawing

# A slider: its least and greatest value, its step, and what it is called.
SLIDERS = {
    "w": (0.0, 2.0, 0.05, "weight w of the recurrence"),
    "bias": (-2.0, 6.0, 0.25, "forget bias b of the LSTM"),
    "distance": (1, STEPS, 1, "distance in steps"),
}


class HandedDown:
    """Two lines that tell how much of a gradient arrives, under three sliders.

    Args:
        w: weight of the recurrence at first, 0 to 2.
        bias: of the forget gate at first, −2 to 6.
        distance: the step that is read off at first, 1 to 100.
        caption: one sentence that says what to try.

    Attributes:
        lines: the sizes after 1 … 100 steps: |∂h_t / ∂h_0| of the "recurrence" h_t = tanh(w h_t−1),
            and ∂c_t / ∂c_0 along the "gated" cell whose forget gate is σ(bias).

    Raises:
        ValueError: if a number is out of range, or `caption` is no text.
    """

    def __init__(
        self, *, w: float = 0.9, bias: float = 1.0, distance: int = STEPS, caption: str = ""
    ):
        self.start = {"w": w, "bias": bias, "distance": distance}
        for name, value in self.start.items():
            low, high, *_ = SLIDERS[name]
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not number or not low <= value <= high:
                raise ValueError(f"{name} must be {low:g} to {high:g}, got {value!r}")
        checks.whole(distance=distance)
        checks.string(caption=caption)
        self.caption = caption
        gate = torch.tensor(bias, dtype=torch.float64).sigmoid()
        gated = gate ** torch.arange(1, STEPS + 1)
        self.lines = {"recurrence": _recurrence(w), "gated": gated}

    def _repr_html_(self) -> str:
        script, style = (
            (_STATIC / f"handed_down.{kind}").read_text(encoding="utf-8") for kind in ("js", "css")
        )
        state = {
            "steps": STEPS, "first": FIRST, "lowest": LOWEST, "highest": HIGHEST,
            "left": LEFT, "top": TOP, "broad": BROAD, "high": HIGH,
        }  # fmt: skip
        sliders = "".join(
            f'<label hidden>{escape(said)} <input type="range" min="{low}" max="{high}" '
            f'step="{step}" value="{self.start[name]}" data-for="{name}" '
            f'data-lm-suppress-shortcuts="true"> <output>{self.start[name]:g}</output></label>'
            for name, (low, high, step, said) in SLIDERS.items()
        )
        caption = f"<figcaption>{escape(self.caption)}</figcaption>" if self.caption else ""
        return (
            f'<figure class="tlh" data-play data-state="{escape(json.dumps(state))}">'
            f"<style>{STYLE}{style}</style>{caption}{self.svg()}{sliders}"
            f'<p class="tlh-said" aria-live="polite">{escape(self._said())}</p>'
            "<noscript>The lines stand still: they move by JavaScript.</noscript>"
            f"<script>{{{script}handedDown(document.currentScript.parentElement)}}</script>"
            "</figure>"
        )

    def __repr__(self) -> str:
        return "A gradient handed down: " + ", ".join(f"{k} {v:g}" for k, v in self.start.items())

    def _said(self) -> str:
        at = self.start["distance"] - 1
        recurrence, cell = (line[at].item() for line in self.lines.values())
        return (
            f"After {at + 1} steps: {_power(recurrence)} of the gradient is left in the "
            f"recurrence, {_power(cell)} along the LSTM's cell."
        )

    def svg(self) -> str:
        """The first state."""
        low, high = TOP + HIGH, TOP
        body = _text(LEFT, 11, "how much of the gradient arrives", "left name")
        field = f'x="{LEFT:g}" y="{TOP:g}" width="{BROAD:g}" height="{HIGH:g}"'
        body += f'<rect {field} class="tlh-field"/>'
        for power in range(LOWEST, HIGHEST + 1, 3):
            y = _height(10.0**power)
            body += f'<path class="tlh-grid{" one" * (power == 0)}" d="M{LEFT:g} {y:g}h{BROAD:g}"/>'
            body += _text(LEFT - 6, y, f"1e{power}" if power else "1", "right shape")
        for step in range(0, STEPS + 1, 20):
            body += _text(LEFT + BROAD * step / STEPS, low + 13, str(step), "shape")
        body += _text(LEFT + BROAD / 2, low + 31, "steps", "shape")
        for name, line in self.lines.items():
            body += f'<path class="tlh-line {name}" d="{_path(line)}"/>'
        at = LEFT + BROAD * self.start["distance"] / STEPS
        body += f'<path class="tlh-at" d="M{at:g} {high:g}V{low:g}"/>'
        for i, (name, said) in enumerate((("recurrence", "recurrence"), ("gated", "LSTM’s cell"))):
            x, y = LEFT + 60 + 115 * i, TOP + 14
            body += f'<path class="tlh-line {name}" d="M{x:g} {y:g}h22"/>'
            body += _text(x + 28, y, said, "left")
        key = "tlh-" + hashlib.sha256(body.encode()).hexdigest()[:8]
        return (
            '<svg xmlns="http://www.w3.org/2000/svg" class="tld" role="img" '
            f'viewBox="0 0 {WIDTH} {low + 42:g}" aria-labelledby="{key}-t {key}-d">'
            f'<title id="{key}-t">A gradient over {STEPS} steps, logarithmic</title>'
            f'<desc id="{key}-d">A line for a recurrence of one number and one for the cell of an '
            f"LSTM. {escape(self._said())}</desc>{body}</svg>"
        )


def _recurrence(w: float) -> Tensor:
    h, size, found = FIRST, 1.0, []
    for _ in range(STEPS):
        h = math.tanh(w * h)
        size *= abs(w * (1 - h * h))
        found.append(size)
    return torch.tensor(found, dtype=torch.float64)


def _path(line: Tensor) -> str:
    """A line through one point a step; what leaves the axis runs along its edge."""
    points = [(LEFT, _height(1.0))]
    points += [
        (LEFT + BROAD * t / len(line), _height(size)) for t, size in enumerate(line.tolist(), 1)
    ]
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def _height(size: float) -> float:
    """Where a size stands on the axis."""
    power = torch.tensor(size, dtype=torch.float64).log10().clamp(LOWEST, HIGHEST).item()
    return TOP + HIGH * (HIGHEST - power) / (HIGHEST - LOWEST)


def _power(size: float) -> str:
    """As JavaScript's toExponential(1) writes it, and plainly near one."""
    if 0.01 <= size < 1000:
        return f"{size:.2f}"
    mantissa, _, exponent = f"{size:.1e}".partition("e")
    return f"{mantissa}e{int(exponent):+d}"


def _text(x: float, y: float, text: str, kind: str) -> str:
    return f'<text x="{x:g}" y="{y:g}" class="{kind}">{escape(text)}</text>'
