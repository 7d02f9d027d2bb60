"""Two words on a ruler: the score of a query with a key at every place, by kind of position.

Python draws the first state, so that the figure stands where no script runs; static/ruler.js moves
the two words. All scores are handed in.
"""

import hashlib
import json
from collections.abc import Mapping
from html import escape
from pathlib import Path

from torch import Tensor

from transformer_lib import checks
from transformer_lib.show.canvas import STYLE, WIDTH

_STATIC = Path(__file__).parent / "static"

LEFT, BROAD = 16.0, 328.0  # the ruler, in units of the drawing
RULER, FIRST, ROW, HALF = 62.0, 112.0, 60.0, 17.0  # its height; the charts; half a bar
_DIGITS = 2  # of a score on the page


class Ruler:
    """A key and a query that the reader drags, and their score by each kind of position.

    The first half of the ruler is memory, the second the segment that is read; each counts its
    places from 0. A chart shows a score for every place where the key could stand.

    Args:
        scores: by the name of a kind a matrix (places, places): the score of the query at a row
            with the key at a column. All are of one even size.
        words: what is written on the key and on the query.
        key: where the key stands at first.
        query: where the query stands, not before the key.
        caption: one sentence that says what to try.

    Raises:
        ValueError: if a matrix is not square, finite, even and as large as the others, a word is
            missing, or the places are not on the ruler.
    """

    def __init__(
        self,
        scores: Mapping[str, Tensor],
        *,
        words: tuple[str, str],
        key: int,
        query: int,
        caption: str = "",
    ):
        if not isinstance(scores, Mapping) or not scores:
            raise ValueError(f"scores must hold one matrix or more, by name, got {scores!r}")
        for name, found in scores.items():
            checks.floating(f"scores[{name!r}]", found, dims=2)
            if found.size(0) != found.size(1) or found.size(0) % 2 or not found.isfinite().all():
                raise ValueError(
                    f"scores[{name!r}] must be an even square of finite numbers, "
                    f"got {tuple(found.shape)}"
                )
        sizes = {len(found) for found in scores.values()}
        if len(sizes) > 1:
            raise ValueError(f"scores must be of one size, got {sorted(sizes)}")
        if not isinstance(words, list | tuple) or len(words) != 2:
            raise ValueError(f"words must be two, of the key and of the query, got {words!r}")
        checks.string(caption=caption, **dict(zip(("words[0]", "words[1]"), words, strict=True)))
        (self.places,) = sizes
        checks.at_least(0, key=key, query=query)
        if not key <= query < self.places:
            raise ValueError(f"key must be <= query < {self.places}, got {key} and {query}")
        self.scores = {str(name): _rounded(found) for name, found in scores.items()}
        self.words, self.key, self.query, self.caption = tuple(words), key, query, caption

    def _repr_html_(self) -> str:
        state = {
            "scores": self.scores, "words": self.words, "left": LEFT, "step": self._step,
            "first": FIRST, "row": ROW, "half": HALF, "peaks": self._peaks(),
        }  # fmt: skip
        script, style = (
            (_STATIC / f"ruler.{kind}").read_text(encoding="utf-8") for kind in ("js", "css")
        )
        quiet = 'data-lm-suppress-shortcuts="true"'
        sliders = "".join(
            f'<label>{escape(word)} at <input type="range" min="0" max="{self.places - 1}" '
            f'value="{at}" data-for="{name}" aria-valuetext="{escape(self._place(at))}" {quiet}>'
            "</label>"
            for name, word, at in zip(
                ("key", "query"), self.words, (self.key, self.query), strict=True
            )
        )
        caption = f"<figcaption>{escape(self.caption)}</figcaption>" if self.caption else ""
        return (
            f'<figure class="tlr" data-play data-state="{escape(json.dumps(state))}">'
            f"<style>{STYLE}{style}</style>{caption}{self.svg()}"
            f'<div class="tlr-row" hidden>{sliders}<span>'
            f'<button type="button" data-by="-1" {quiet}>← both</button> '
            f'<button type="button" data-by="1" {quiet}>both →</button></span></div>'
            f'<p class="tlr-said" aria-live="polite">{escape(self._said())}</p>'
            "<noscript>The words stand still: they move by JavaScript.</noscript>"
            f"<script>{{{script}ruler(document.currentScript.parentElement)}}</script></figure>"
        )

    def __repr__(self) -> str:
        return f"Two words on a ruler: {', '.join(self.scores)}"

    def svg(self) -> str:
        """The first state."""
        middle, end, low = LEFT + BROAD / 2, LEFT + BROAD, FIRST + ROW * len(self.scores)
        body = f'<path class="tlr-line" d="M{LEFT:g} {RULER:g}H{end:g}"/>'
        body += f'<path class="tlr-border" d="M{middle:g} {RULER:g}V{low - 6:g}"/>'
        for n in range(self.places):
            body += _text(self._middle(n), RULER + 11, str(n % (self.places // 2)), "shape")
        for x, name in ((middle - BROAD / 4, "memory"), (middle + BROAD / 4, "segment")):
            body += _text(x, RULER + 28, name, "shape")
        for i, (name, found) in enumerate(self.scores.items()):
            y = FIRST + i * ROW
            body += _text(LEFT, y, name, "left name")
            body += _text(end, y, _shown(found[self.query][self.key]), "right tlr-score")
            body += f'<path class="tlr-zero" d="M{LEFT:g} {y + 30:g}H{end:g}"/>'
            body += "".join(self._bar(i, name, n) for n in range(self.places))
        for kind, word, at, y in (
            ("key", self.words[0], self.key, 14),
            ("query", self.words[1], self.query, 40),
        ):
            wide = max(40, 9 * len(word) + 12)
            body += (
                f'<g class="tlr-word {kind}" transform="translate({self._middle(at):g} 0)">'
                f'<path class="line" d="M0 {y + 11}V{RULER:g}"/><rect class="weights {kind}" '
                f'x="{-wide / 2:g}" y="{y - 11}" width="{wide}" height="22" rx="5"/>'
                f"{_text(0, y, word, 'name')}</g>"
            )
        key = "tlr-" + hashlib.sha256(body.encode()).hexdigest()[:8]
        return (
            '<svg xmlns="http://www.w3.org/2000/svg" class="tld" role="img" '
            f'viewBox="0 0 {WIDTH} {low:g}" aria-labelledby="{key}-t {key}-d">'
            f'<title id="{key}-t">Scores of a query with a key at {self.places} places</title>'
            f'<desc id="{key}-d">A ruler, half memory and half segment, and under it a chart for '
            f"each of {', '.join(map(escape, self.scores))}. {escape(self._said())}</desc>"
            f"{body}</svg>"
        )

    @property
    def _step(self) -> float:
        return BROAD / self.places

    def _middle(self, place: int) -> float:
        return LEFT + self._step * (place + 0.5)

    def _peaks(self) -> list[float]:
        """The largest score of each kind that can be seen, which fills half a chart."""
        return [
            max(abs(value) for n, row in enumerate(found) for value in row[: n + 1]) or 1.0
            for found in self.scores.values()
        ]

    def _bar(self, i: int, name: str, place: int) -> str:
        """A score as a bar, up or down; none for a key ahead of the query."""
        score = self.scores[name][self.query][place] if place <= self.query else 0.0
        high = abs(score) / self._peaks()[i] * HALF
        zero = FIRST + i * ROW + 30
        lit = " lit" if place == self.key else ""
        return (
            f'<rect class="tlr-bar{lit}" x="{self._middle(place) - self._step * 0.36:g}" '
            f'y="{zero - (high if score > 0 else 0):.1f}" width="{self._step * 0.72:g}" '
            f'height="{high:.1f}"/>'
        )

    def _place(self, n: int) -> str:
        half = self.places // 2
        return f"{n % half} of the {'memory' if n < half else 'segment'}"

    def _said(self) -> str:
        key, query = self.words
        found = ", ".join(
            f"{name} {_shown(rows[self.query][self.key])}" for name, rows in self.scores.items()
        )
        return (
            f"{query} at {self._place(self.query)}, {key} at {self._place(self.key)}, "
            f"{self.query - self.key} back: {found}."
        )


def _shown(score: float) -> str:
    return f"{score:.{_DIGITS}f}".replace("-", "−")


def _rounded(found: Tensor) -> list[list[float]]:
    rows = found.detach().double().tolist()
    return [[round(value, _DIGITS) + 0.0 for value in row] for row in rows]  # + 0.0: no -0


def _text(x: float, y: float, text: str, kind: str) -> str:
    return f'<text x="{x:g}" y="{y:g}" class="{kind}">{escape(text)}</text>'
