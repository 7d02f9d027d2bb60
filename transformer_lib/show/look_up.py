"""A look-up in the plane, to be held in the hand: one query, a few keys, and what they answer.

Python draws the first state, so the picture stands where nothing runs; the script in
static/look_up.js, which travels with it, then moves what the reader moves.
"""

import hashlib
import json
from collections.abc import Sequence
from html import escape
from pathlib import Path

import torch
from torch import Tensor

from transformer_lib import checks
from transformer_lib.show.canvas import STYLE, WIDTH

_STATIC = Path(__file__).parent / "static"

REACH = 3.0  # the planes go from -3 to 3
SIDE = 170.0  # and are as wide as this, in units of the drawing
SCALE = SIDE / (2 * REACH)
DIVISORS = (0.25, 0.5, 1, 2, 4, 8)
BAR = 130.0  # the length of a weight of one


class LookUp:
    """A plane of keys with a query to be dragged, and beside it what the values answer.

    The query follows the pointer, a finger and the arrow keys. What the scores are divided by is
    a slider. Weights are softmax(scores / divisor), the answer is their average of the values.

    Args:
        keys: (k_len, 2), each number from -3 to 3.
        values: (k_len, 2), likewise.
        key_names, value_names: k_len strings each.
        query: where it stands at first, two numbers.
        caption: one sentence that says what to try.

    Raises:
        ValueError: for shapes or names that do not fit, or arrows that leave the plane.
    """

    def __init__(
        self,
        keys: Tensor,
        values: Tensor,
        key_names: Sequence[str],
        value_names: Sequence[str],
        *,
        query: Sequence[float],
        caption: str = "",
    ):
        for name, x in (("keys", keys), ("values", values)):
            checks.floating(name, x, dims=2)
            if x.size(1) != 2 or not (x.abs() <= REACH).all():
                raise ValueError(
                    f"{name} must be points of the plane, (k_len, 2), from -{REACH:g} to "
                    f"{REACH:g}, got {tuple(x.shape)}"
                )
        if not isinstance(query, Sequence) or len(query) != 2 or isinstance(query, str):
            raise ValueError(f"query must be two numbers, got {query!r}")
        if not all(isinstance(x, int | float) and abs(x) <= REACH for x in query):
            raise ValueError(f"query must be from -{REACH:g} to {REACH:g}, got {query!r}")
        for name, words in (("key_names", key_names), ("value_names", value_names)):
            if not isinstance(words, list | tuple) or not all(isinstance(w, str) for w in words):
                raise ValueError(f"{name} must be a list of strings, got {words!r}")
        checks.string(caption=caption)
        for name, x in (("values", values), ("key_names", key_names), ("value_names", value_names)):
            if len(x) != len(keys):
                raise ValueError(f"{name} must be {len(keys)}, one for each key, got {len(x)}")
        self.keys, self.values = keys.double(), values.double()
        self.key_names, self.value_names = list(key_names), list(value_names)
        self.query, self.caption = torch.tensor(query).double(), caption

    def _repr_html_(self) -> str:
        state = {
            "keys": self.keys.tolist(),
            "values": self.values.tolist(),
            "keyNames": self.key_names,
            "valueNames": self.value_names,
            "reach": REACH,
            "divisors": DIVISORS,
            "scale": round(SCALE, 4),
        }
        start = {"query": self.query.tolist(), "divisor": 1}
        script, style = (
            (_STATIC / f"look_up.{kind}").read_text(encoding="utf-8") for kind in ("js", "css")
        )
        caption = f"<figcaption>{escape(self.caption)}</figcaption>" if self.caption else ""
        return (
            f'<figure class="tlq" data-play data-state="{escape(json.dumps(state))}" '
            f'data-start="{escape(json.dumps(start))}"><style>{STYLE}{style}</style>{caption}'
            f'{self.svg()}<label hidden>divide the scores by <input type="range" min="0" '
            f'max="{len(DIVISORS) - 1}" value="{DIVISORS.index(1)}" aria-valuetext="1" '
            'class="tlq-divisor" data-lm-suppress-shortcuts="true"> '
            '<output class="tlq-divided">1</output></label>'
            f'<p class="tlq-said" aria-live="polite">{escape(self._said())}</p>'
            '<p class="tlq-how" hidden>Drag the blue arrow, or press the arrow keys on it '
            "(with Shift: farther; Home: to the middle).</p>"
            "<noscript>The arrow stands still: it moves by JavaScript.</noscript>"
            f"<script>{{{script}lookUp(document.currentScript.parentElement)}}</script></figure>"
        )

    def __repr__(self) -> str:
        return f"A look-up with keys {', '.join(self.key_names)}"

    def _attend(self) -> tuple[Tensor, Tensor, Tensor]:
        """Scores, weights and answer of the first query."""
        scores = self.keys @ self.query
        weights = scores.softmax(-1)
        return scores, weights, weights @ self.values

    def _said(self) -> str:
        _, weights, answer = self._attend()
        pairs = zip(self.key_names, weights.tolist(), strict=True)
        each = ", ".join(f"{name} {weight:.2f}" for name, weight in pairs)
        nearest = self.value_names[(self.values - answer).norm(dim=-1).argmin()]
        return f"Weights: {each}. The answer lies nearest to {nearest}."

    def svg(self) -> str:
        """The first state."""
        scores, weights, answer = self._attend()
        body = self._plane_of_keys() + self._plane_of_values(answer)
        body += _text(4, 214, "key", "left shape") + _text(100, 214, "score", "right shape")
        body += _text(112, 214, "weight", "left shape") + _text(288, 214, "value", "left shape")
        for i, (score, weight) in enumerate(zip(scores.tolist(), weights.tolist(), strict=True)):
            y = 236 + 23 * i
            body += _text(4, y, self.key_names[i], "left name key")
            body += _text(100, y, f"{score + 0:.2f}", "right tlq-score")
            body += _rect(112, y - 8, BAR, 16, "tlq-track")
            body += _rect(112, y - 8, weight * BAR, 16, "tlq-bar score", f'data-full="{BAR:g}"')
            body += _text(248, y, f"{weight:.2f}", "left tlq-weight")
            body += _text(288, y, self.value_names[i], "left name value")
        height = 236 + 23 * len(scores) - 8
        key = "tlq-" + hashlib.sha256(body.encode()).hexdigest()[:8]
        tips = "".join(
            f'<marker id="{key}-{role}" viewBox="0 0 10 10" refX="8" refY="5" markerWidth="13" '
            'markerHeight="13" markerUnits="userSpaceOnUse" orient="auto">'
            f'<path class="{role}" d="M0 1 10 5 0 9Z"/></marker>'
            for role in ("query", "key", "value")
        )
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="tld" role="group" '
            f'viewBox="0 0 {WIDTH} {height:g}" aria-labelledby="{key}-t {key}-d">'
            f'<title id="{key}-t">A query among {len(scores)} keys</title>'
            f'<desc id="{key}-d">Left, a plane with an arrow for each key and one for the query. '
            f"Right, the plane of the values, with the answer. Below, for each key, its score, its "
            f"weight as a bar, and its value. {escape(self._said())}</desc>"
            f"<defs>{tips}</defs>{body.replace('#tip-', f'#{key}-')}</svg>"
        )

    def _plane_of_keys(self) -> str:
        x, y = (self.query * SCALE).tolist()
        grip = f'cx="{x:g}" cy="{-y:g}"'
        return (
            _text(89, 12, "keys, and the query", "name")
            + f'<g class="tlq-plane" transform="translate(89 109)">{_ground()}'
            + "".join(map(_key, self.key_names, (self.keys * SCALE).tolist()))
            + '<g class="tlq-handle" role="slider" tabindex="0" aria-label="query" '
            f'aria-valuemin="-{REACH:g}" aria-valuemax="{REACH:g}" '
            f'aria-valuenow="{x / SCALE:.2f}" aria-valuetext="right {x / SCALE:.2f}, '
            f'up {y / SCALE:.2f}" data-lm-suppress-shortcuts="true">'
            + _arrow(x, -y, "query", "tlq-query")
            + f'<circle {grip} r="9" class="tlq-at tlq-end query"/>'
            f'<circle {grip} r="24" class="tlq-at tlq-grip"/></g></g>'
        )

    def _plane_of_values(self, answer: Tensor) -> str:
        x, y = (answer * SCALE).tolist()
        places = (self.values * SCALE).tolist()
        return (
            _text(271, 12, "values, and the answer", "name")
            + f'<g transform="translate(271 109)">{_ground()}'
            + "".join(f'<circle cx="{a:g}" cy="{-b:g}" r="4" class="value"/>' for a, b in places)
            + "".join(
                _text(max(-54, min(54, a)), 13 - b, name, "value")
                for name, (a, b) in zip(self.value_names, places, strict=True)
            )
            + _arrow(x, -y, "value", "tlq-answer")
            + "</g>"
        )


def _ground() -> str:
    half = SIDE / 2
    return (
        _rect(-half, -half, SIDE, SIDE, "tlq-ground")
        + f'<path class="axis" d="M{-half:g} 0H{half:g}M0 {-half:g}V{half:g}"/>'
    )


def _key(name: str, place: list[float]) -> str:
    """An arrow and its name beside it."""
    x, y = place
    if abs(x) >= abs(y):
        return _arrow(x, -y, "key") + _text(0.8 * x, -y - 11, name, "key")
    return _arrow(x, -y, "key") + _text(x + 8, -0.9 * y, name, "left key")


def _arrow(x: float, y: float, role: str, name: str = "") -> str:
    return (
        f'<line x1="0" y1="0" x2="{x:g}" y2="{y:g}" class="{f"{name} {role}".strip()}" '
        f'marker-end="url(#tip-{role})"/>'
    )


def _text(x: float, y: float, text: str, kind: str) -> str:
    return f'<text x="{x:g}" y="{y:g}" class="{kind}">{escape(text)}</text>'


def _rect(x, y, width: float, height: float, kind: str, more: str = "") -> str:
    at = f'x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}"'
    return f'<rect {at} class="{kind}" {more}/>'
