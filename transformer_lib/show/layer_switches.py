"""What a deep stack makes of a few tokens, behind switches that take parts of its layers away.

Every setting was run beforehand, and its numbers travel with the page. Python draws the first
state, so that the figure stands where no script runs; static/layer_switches.js shows another
setting, another depth, and takes away what is clicked on in the drawing.
"""

import hashlib
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from torch import Tensor
from torch.nn.functional import normalize

from transformer_lib.show.canvas import STYLE, WIDTH, Canvas

_STATIC = Path(__file__).parent / "static"

LOW, HIGH = -12, 14  # powers of ten that the axis shows
_LEFT, _TOP, _CELL = 98, 28, 19  # where the table of cosines begins, and its largest cell
_WIDE, _HIGH, _GAP = 92, 96, 14  # a panel of the curves, and what lies between two


@dataclass(frozen=True)
class Passage:
    """What a run of a stack left.

    Args:
        drawing: one of its layers, drawn.
        states: (num_layers + 1, tokens, d_model), before the first layer and after each.
        gradients: of the same size, what a gradient at the top is at each state.

    Raises:
        ValueError: if the sizes do not go together.
    """

    drawing: Canvas
    states: Tensor
    gradients: Tensor

    def __post_init__(self):
        if self.states.dim() != 3 or self.states.shape != self.gradients.shape:
            raise ValueError(
                "states and gradients must both be (num_layers + 1, tokens, d_model), got "
                f"{tuple(self.states.shape)} and {tuple(self.gradients.shape)}"
            )

    def cosines(self) -> list[list[int]]:
        """For each state, row by row, the cosine of each token with each other, in hundredths."""
        x = normalize(self.states, dim=-1)
        return (100 * (x @ x.mT)).round().clamp(0, 100).int().flatten(1).tolist()

    def curves(self) -> dict[str, list[float]]:
        """Size, spread and gradient of each state, as powers of ten that the axis shows."""
        x, across = self.states.double(), (-2, -1)
        away = x - x.mean(dim=-2, keepdim=True)
        slopes = self.gradients.double().norm(dim=across)
        found = {
            "size": x.std(dim=across),
            "spread": away.norm(dim=across) / x.norm(dim=across),
            "gradient": slopes / slopes[-1],
        }
        return {
            name: [round(y, 3) for y in values.log10().clamp(LOW, HIGH).tolist()]
            for name, values in found.items()
        }


class LayerSwitches:
    """A layer's drawing, the cosines of its tokens and three curves, under switches and a slider.

    Args:
        options: what each switch can be set to, by its name: the first at first, and the last takes
            the part of the drawing that has this name away.
        run: gets an option of every switch, in order, and gives the `Passage` of that setting.
        words: a name for each token.
        caption: one sentence that says what to try.

    Raises:
        ValueError: if a switch has fewer than two options, or passages are of different sizes.
    """

    def __init__(
        self,
        options: Mapping[str, Sequence[str]],
        run: Callable[..., Passage],
        words: Sequence[str],
        *,
        caption: str,
    ):
        for name, choices in options.items():
            if isinstance(choices, str) or len({*choices}) < 2:
                raise ValueError(f"{name!r} must have two options or more, got {choices!r}")
        self.options = {name: list(choices) for name, choices in options.items()}
        self.words, self.caption = list(words), caption
        settings = itertools.product(*self.options.values())
        self.passages = {setting: run(*setting) for setting in settings}
        sizes = {passage.states.shape[:2] for passage in self.passages.values()}
        if len(sizes) > 1 or next(iter(sizes))[1] != len(self.words):
            raise ValueError(
                f"run must give states of {len(self.words)} tokens, as many for each setting, "
                f"got {sorted(map(tuple, sizes))}"
            )
        self.num_layers = next(iter(sizes))[0] - 1

    def said(self, setting: tuple[str, ...], layer: int) -> str:
        """What is seen at one layer."""
        size, spread, gradient = (
            _shown(values[layer]) for values in self.passages[setting].curves().values()
        )
        at = f"After layer {layer}" if layer else "Before the first layer"
        return f"{at}: size {size}, spread {spread}. A gradient of 1 at the top is {gradient} here."

    def _repr_html_(self) -> str:
        drawings = {passage.drawing.svg(): None for passage in self.passages.values()}  # each once
        places = {svg: i for i, svg in enumerate(drawings)}
        state = {
            "settings": {
                "|".join(setting): {
                    "drawing": places[passage.drawing.svg()],
                    "cosines": passage.cosines(),
                    "curves": [*passage.curves().values()],
                }
                for setting, passage in self.passages.items()
            },
            "axis": {"low": LOW, "high": HIGH, "top": self._top, "tall": _HIGH, "wide": _WIDE},
            "lefts": [_panel(i) for i in range(3)],
        }
        own = "tlw-" + hashlib.sha256(repr((self.options, self.caption)).encode()).hexdigest()[:8]
        fields = "".join(_field(own, i, *each) for i, each in enumerate(self.options.items()))
        first = next(iter(self.passages))  # and so is its drawing
        shown = "".join(
            f'<div class="tlw-drawing"{" hidden" * (i > 0)}>{svg}</div>'
            for i, svg in enumerate(drawings)
        )
        said = escape(self.said(first, self.num_layers))
        data = json.dumps(state, separators=(",", ":")).replace("<", "\\u003c")
        script, style = (
            (_STATIC / f"layer_switches.{kind}").read_text("utf-8") for kind in ("js", "css")
        )
        return (
            f'<figure class="tlw" data-play><style>{STYLE}{style}</style>'
            f"<figcaption>{escape(self.caption)}</figcaption>"
            f'<div class="tlw-fields" hidden>{fields}<label>layer <input type="range" min="0" '
            f'max="{self.num_layers}" value="{self.num_layers}" data-lm-suppress-shortcuts="true">'
            f"<output>{self.num_layers}</output></label></div>"
            f'<div class="tlw-both">{shown}{self._seen().svg()}</div>'
            f'<p class="tlw-said" aria-live="polite">{said}</p>'
            "<noscript>This is one of several settings: the switches need JavaScript.</noscript>"
            f'<script type="application/json">{data}</script>'
            f"<script>{{{script}layerSwitches(document.currentScript.parentElement)}}</script>"
            "</figure>"
        )

    def __repr__(self) -> str:
        return f"{len(self.passages)} settings of {', '.join(self.options)}"

    @property
    def _top(self) -> float:
        """Where the panels begin."""
        return _TOP + self._cell * len(self.words) + 44

    @property
    def _cell(self) -> float:
        return min(_CELL, (WIDTH - _LEFT - 4) / len(self.words))

    def _seen(self) -> Canvas:
        """The cosines and the curves of the first setting, at the top."""
        passage = next(iter(self.passages.values()))
        c = Canvas(
            "What the stack makes of its words",
            "Above, the cosine of each word with each other: the fuller a cell, the more alike. "
            "Below, over the layers, the size of the numbers, how much the words differ, and what "
            "comes back of a gradient, on a logarithmic axis.",
        )
        count, cell, cosines = len(self.words), self._cell, passage.cosines()[-1]
        c.text(_LEFT + cell * count / 2, 12, "cosines", "name")
        for i, word in enumerate(self.words):
            c.text(_LEFT - 6, _TOP + (i + 0.5) * cell, word, "right tight")
            c.parts += [
                f'<rect x="{_LEFT + j * cell:g}" y="{_TOP + i * cell:g}" width="{cell:g}" '
                f'height="{cell:g}" class="cell query" '
                f'fill-opacity="{cosines[i * count + j] / 100:g}"/>'
                for j in range(count)
            ]
        for power in (-10, 0, 10):
            y = _height(power, self._top)
            c.text(_panel(0) - 5, y, f"1e{power}" if power else "1", "shape right")
            c.line((_panel(0), y), (_panel(2) + _WIDE, y), kind="frame", tip=False)
        for i, (name, powers) in enumerate(passage.curves().items()):
            left, low = _panel(i), self._top + _HIGH
            c.text(left + _WIDE / 2, self._top - 10, name, "name")
            points = [
                (left + _WIDE * n / self.num_layers, _height(power, self._top))
                for n, power in enumerate(powers)
            ]
            path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
            c.parts.append(f'<path d="{path}" class="line curve"/>')
            c.parts.append(f'<path d="M{left + _WIDE:g} {self._top:g}v{_HIGH}" class="line at"/>')
            c.text(left, low + 10, "0", "shape left")
            c.text(left + _WIDE, low + 10, str(self.num_layers), "shape right")
            c.text(left + _WIDE / 2, low + 10, "layer", "shape")
        return c


def _panel(i: int) -> float:
    """Where a panel's left side is."""
    return 44 + i * (_WIDE + _GAP)


def _height(power: float, top: float) -> float:
    return top + _HIGH * (HIGH - power) / (HIGH - LOW)


def _shown(power: float) -> str:
    """As JavaScript's toExponential(1) writes it, and plainly near one."""
    if power <= LOW:
        return f"below 1e{LOW}"
    if power >= HIGH:
        return f"above 1e{HIGH}"
    value = 10.0**power
    if 0.01 <= value < 1000:
        return f"{value:.2f}"
    mantissa, _, exponent = f"{value:.1e}".partition("e")
    return f"{mantissa}e{int(exponent):+d}"


def _field(own: str, i: int, name: str, choices: list[str]) -> str:
    inputs = "".join(
        f'<label><input type="radio" name="{own}-{i}" value="{escape(choice)}"'
        f'{" checked" * (choice == choices[0])} data-lm-suppress-shortcuts="true">'
        f"<span>{escape(choice)}</span></label>"
        for choice in choices
    )
    said = escape(name.replace("_", "-"))
    return f'<fieldset data-part="{escape(name)}"><legend>{said}</legend>{inputs}</fieldset>'
