"""A pole that stands as long as one asks for: the Decision Transformer of chapter 18, in the page.

Python draws the first state and what was played before, so the picture stands where nothing runs.
The scripts that travel with it, static/transformer.js and static/pole.js, play on: physics and
model are plain JavaScript, the weights have 8 bits each. It takes a dict and tensors, and knows no
model.
"""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from torch import Tensor

from transformer_lib import checks
from transformer_lib.show.canvas import STYLE, WIDTH
from transformer_lib.show.page_checks import tensor
from transformer_lib.show.quantize import pack

_STATIC = Path(__file__).parent / "static"
_NEEDED = ("d_model", "num_heads", "num_layers", "activation", "eps", "return_scale")
_ACTIVATIONS = ("relu", "relu2", "gelu", "gelu_tanh")

MOST = 500  # steps of a game
ZOOM = 65.0  # units of the drawing to a metre
FLOOR, TOP, BOTTOM, LEFT = 130.0, 172.0, 352.0, 60.0  # where cart and chart stand
SIZE = (BOTTOM - TOP) / MOST  # units of the chart to a step


class PoleOnRequest:
    """A dial for the return, a pole that a model balances, and a chart of asked against got.

    Args:
        config: the model's: d_model, num_heads, num_layers, activation, eps and return_scale.
            Further entries are left out.
        weights: its state dict, with the names of `models.decision_transformer`: four numbers to a
            state, two actions, a position for each of 500 steps.
        context: how many steps the model is shown at most.
        played: pairs (asked for, got) from games that were played before, for the chart.
        wish: where the dial stands at first.
        caption: one sentence that says what to try.

    Raises:
        ValueError: for a configuration that the page cannot compute, weights of another model, or
            a wish that is not on the dial.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        weights: Mapping[str, Tensor],
        *,
        context: int,
        played: Sequence[tuple[float, float]] = (),
        wish: int = 50,
        caption: str = "",
    ):
        if not isinstance(config, Mapping) or {*_NEEDED} - config.keys():
            raise ValueError(f"config must name {', '.join(_NEEDED)}, got {config!r}")
        checks.one_of(_ACTIVATIONS, activation=config["activation"])
        checks.at_least(1, context=context, wish=wish)
        width = config["d_model"]
        for name, shape in (
            ("return_proj.weight", (width, 1)),
            ("state_proj.weight", (width, 4)),
            ("action_embedding.weight", (2, width)),
            ("positions.weight", (MOST, width)),
            ("head.weight", (2, width)),
        ):
            if tensor(weights, name).shape != shape:
                got = tuple(weights[name].shape)
                raise ValueError(f"weights must be those of config, {name} {shape}, got {got}")
        if wish > MOST:
            raise ValueError(f"wish must be at most {MOST}, got {wish}")
        checks.string(caption=caption)
        self.config = {name: config[name] for name in _NEEDED}
        self.data, self.contents = pack(weights)
        self.context, self.wish, self.caption = context, wish, caption
        self.played = [(float(asked), float(got)) for asked, got in played]

    def _repr_html_(self) -> str:
        chart = {"left": LEFT, "bottom": BOTTOM, "scale": SIZE}
        state = {"config": self.config, "contents": self.contents, "context": self.context}
        state |= {"zoom": ZOOM, "chart": chart}
        style = (_STATIC / "pole.css").read_text(encoding="utf-8")
        caption = f"<figcaption>{escape(self.caption)}</figcaption>" if self.caption else ""
        quiet = 'data-lm-suppress-shortcuts="true"'
        return (
            f'<figure class="tlc" data-play data-state="{escape(json.dumps(state))}" '
            f'data-weights="{base64.b64encode(self.data).decode()}">'
            f"<style>{STYLE}{style}</style>{caption}{self.svg()}"
            f'<div class="tlc-row" hidden><label>Ask for <input type="range" class="tlc-dial" '
            f'min="10" max="{MOST}" step="10" value="{self.wish}" {quiet}> '
            f'<output class="tlc-asked">{self.wish}</output></label>'
            f'<button type="button" class="tlc-play" {quiet}>Play</button>'
            f'<label>Pace <select class="tlc-pace" {quiet}><option>as in life</option>'
            "<option>five times as fast</option><option>at once</option></select></label></div>"
            f'<p class="tlc-said" aria-live="polite">{escape(self._said())}</p>'
            "<noscript>The pole stands still: it moves by JavaScript.</noscript>"
            f"<script>{{{script()}poleOnRequest(document.currentScript.parentElement)}}</script>"
            "</figure>"
        )

    def __repr__(self) -> str:
        return f"A pole on request, with {len(self.played)} games played before"

    def _said(self) -> str:
        if not self.played:
            return f"The dial stands at {self.wish}."
        asked, got = min(self.played, key=lambda pair: abs(pair[0] - self.wish))
        return f"Played before: asked for {asked:g}, it stood for {got:.0f} steps."

    def svg(self) -> str:
        """The first state: the pole upright, and the chart of what was played before."""
        middle, end = WIDTH / 2, LEFT + MOST * SIZE
        half = ZOOM * 2.4
        body = (
            f'<line class="tlc-ground" x1="{middle - half:g}" x2="{middle + half:g}" '
            f'y1="{FLOOR:g}" y2="{FLOOR:g}"/>'
            f'<g transform="translate({middle:g} {FLOOR:g})"><g class="tlc-cart">'
            '<rect class="tlc-body" x="-22" y="-20" width="44" height="18" rx="3"/>'
            '<path class="tlc-push" d="M26 -15h14v-5l10 9-10 9v-5h-14Z"/>'
            '<g transform="translate(0 -20)"><line class="tlc-pole tlc-rod" x1="0" y1="0" '
            'x2="0" y2="-76"/></g></g></g>'
            f'<text x="8" y="14" class="left tlc-left">still to gain {self.wish}</text>'
            f'<text x="{WIDTH - 8}" y="14" class="right tlc-steps">step 0</text>'
            '<g class="tlc-chart">'
            f'<path class="tlc-axis" d="M{LEFT:g} {TOP:g}V{BOTTOM:g}H{end:g}"/>'
            f'<line class="tlc-even" x1="{LEFT:g}" y1="{BOTTOM:g}" x2="{end:g}" y2="{TOP:g}"/>'
            '<circle class="tlc-dot" r="4" cx="-9" cy="-9"/>'
        )
        for asked, got in self.played:
            x, y = LEFT + asked * SIZE, BOTTOM - got * SIZE
            body += f'<circle class="tlc-dot" r="4" cx="{x:g}" cy="{y:g}"/>'
        body += "</g>"
        for n in (0, 250, 500):
            body += f'<text x="{LEFT + n * SIZE:g}" y="{BOTTOM + 14:g}" class="shape">{n}</text>'
            if n:
                y = BOTTOM - n * SIZE
                body += f'<text x="{LEFT - 6:g}" y="{y:g}" class="shape right">{n}</text>'
        body += f'<text x="{(LEFT + end) / 2:g}" y="{BOTTOM + 32:g}">steps asked for</text>'
        body += f'<text x="{end + 12:g}" y="{TOP + 12:g}" class="left">on the line:</text>'
        body += f'<text x="{end + 12:g}" y="{TOP + 28:g}" class="left">got as asked</text>'
        body += f'<text x="{LEFT - 8:g}" y="{TOP - 14:g}" class="left">steps that it stood</text>'
        key = "tlc-" + hashlib.sha256(body.encode()).hexdigest()[:8]
        pairs = ", ".join(f"{asked:g}: {got:.0f}" for asked, got in self.played)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="tld" role="img" '
            f'viewBox="0 0 {WIDTH} {BOTTOM + 44:g}" aria-labelledby="{key}-t {key}-d">'
            f'<title id="{key}-t">A pole on a cart</title><desc id="{key}-d">Above, a cart on its '
            "track with a pole upright. Below, a chart of the steps asked for against the steps "
            f"that the pole stood, with a line where both are the same. {pairs}</desc>{body}</svg>"
        )


def script() -> str:
    """All that runs in the page: the Transformer, the physics, and what answers to the reader."""
    names = ("transformer", "pole")
    source = "".join((_STATIC / f"{name}.js").read_text(encoding="utf-8") for name in names)
    return source.replace("export function", "function")
