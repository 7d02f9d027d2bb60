"""A beam search to be operated: how many beams, and by hand which ones are kept.

Python draws the first state, so that the figure stands where no script runs; the script in
static/beam_tree.js, which travels with it, searches again after every press.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from torch import Tensor

from transformer_lib import checks
from transformer_lib.show.canvas import STYLE, WIDTH

_STATIC = Path(__file__).parent / "static"

MOST_BEAMS = 3
STEPS = 4
COLUMN, PILL, ROW, TOP = WIDTH / STEPS, 76.0, 26.0, 40.0  # in units of the drawing


@dataclass(frozen=True)
class Hypothesis:
    """A text so far.

    Args:
        tokens: their numbers; 0 is the end.
        p: its probability.
        kept: whether the search goes on with it, or holds it as an answer.
        row: where it stands in its column, the likeliest on top.
    """

    tokens: tuple[int, ...]
    p: float
    kept: bool
    row: int

    @property
    def ended(self) -> bool:
        """Whether it is a whole text."""
        return self.tokens[-1] == 0


class BeamTree:
    """Columns of hypotheses, one for each step; those that are dropped are dashed.

    Args:
        names: what the tokens are called; the first one ends a text.
        first: (tokens,), probabilities of the first token.
        after: (tokens, tokens), those of the next one, a row for each token before it.
        num_beams: at first, 1 to 3.
        caption: one sentence that says what to try.

    Attributes:
        columns: the hypotheses of each step, likeliest first.

    Raises:
        ValueError: if the tables are no probabilities of those tokens, or `num_beams` is too many.
    """

    def __init__(
        self,
        names: Sequence[str],
        first: Tensor,
        after: Tensor,
        *,
        num_beams: int = 2,
        caption: str = "",
    ):
        if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
            raise ValueError(f"names must be a list of strings, got {names!r}")
        for name, table, dims in (("first", first, 1), ("after", after, 2)):
            checks.floating(name, table, dims=dims)
            if table.shape != (len(names),) * dims or not (table >= 0).all():
                raise ValueError(
                    f"{name} must be probabilities of {len(names)} tokens, got {tuple(table.shape)}"
                )
        checks.at_least(1, num_beams=num_beams)
        if num_beams > MOST_BEAMS:
            raise ValueError(f"num_beams must be 1 to {MOST_BEAMS}, got {num_beams}")
        checks.string(caption=caption)
        self.names, self.num_beams, self.caption = list(names), num_beams, caption
        self.first, self.after = first.double().tolist(), after.double().tolist()
        self.columns = self._search()

    def _search(self) -> list[list[Hypothesis]]:
        columns, live, ended = [], [((), 1.0)], 0
        for _ in range(STEPS):
            grown = [
                ((*tokens, token), p * share)
                for tokens, p in live
                for token, share in enumerate(self.after[tokens[-1]] if tokens else self.first)
                if share > 0
            ]
            grown.sort(key=lambda one: -one[1])
            places = self.num_beams - ended
            columns.append([Hypothesis(*one, n < places, n) for n, one in enumerate(grown)])
            kept = [one for one in columns[-1] if one.kept]
            ended += sum(one.ended for one in kept)
            live = [(one.tokens, one.p) for one in kept if not one.ended]
            if not live:
                break
        return columns

    def best(self) -> Hypothesis | None:
        """The likeliest whole text that was kept; None where none has ended."""
        ended = [one for column in self.columns for one in column if one.kept and one.ended]
        return max(ended, key=lambda one: one.p, default=None)

    def _text(self, tokens: Sequence[int]) -> str:
        return " ".join(self.names[token] for token in tokens)

    def _said(self) -> str:
        best = self.best()
        found = f"{self._text(best.tokens)}, with p = {best.p:.3f}" if best else "none that ended"
        beams = f"{self.num_beams} beam{'s' * (self.num_beams > 1)}"
        looked = sum(map(len, self.columns))
        return f"{beams}: the best text found is {found}. {looked} were looked at."

    def _repr_html_(self) -> str:
        script, style = (
            (_STATIC / f"beam_tree.{kind}").read_text(encoding="utf-8") for kind in ("js", "css")
        )
        state = {
            "names": self.names, "first": self.first, "after": self.after, "steps": STEPS,
            "column": COLUMN, "pill": PILL, "row": ROW, "top": TOP,
        }  # fmt: skip
        caption = f"<figcaption>{escape(self.caption)}</figcaption>" if self.caption else ""
        return (
            f'<figure class="tlb" data-play data-state="{escape(json.dumps(state))}">'
            f"<style>{STYLE}{style}</style>{caption}"
            f'<label hidden>beams <input type="range" min="1" max="{MOST_BEAMS}" '
            f'value="{self.num_beams}" data-lm-suppress-shortcuts="true"> '
            f"<output>{self.num_beams}</output></label> "
            f'<button type="button" hidden>As the search keeps them</button>{self.svg()}'
            f'<p class="tlb-said" aria-live="polite">{escape(self._said())}</p>'
            '<p class="tlb-how" hidden>Press one to keep or to drop it.</p>'
            "<noscript>The tree stands still: it grows by JavaScript.</noscript>"
            f"<script>{{{script}beamTree(document.currentScript.parentElement)}}</script></figure>"
        )

    def __repr__(self) -> str:
        return f"A beam search, {self._said()}"

    def svg(self) -> str:
        """The first state."""
        body = "".join(
            f'<text x="{COLUMN * (t + 0.5):g}" y="12" class="shape">step {t + 1}</text>'
            for t in range(STEPS)
        )
        body += f'<g class="tlb-tree">{"".join(map(self._column, range(len(self.columns))))}</g>'
        height = TOP + ROW * max(map(len, self.columns))
        key = "tlb-" + hashlib.sha256(body.encode()).hexdigest()[:8]
        return (
            '<svg xmlns="http://www.w3.org/2000/svg" class="tld" role="group" '
            f'viewBox="0 0 {WIDTH} {height:g}" aria-labelledby="{key}-t {key}-d">'
            f'<title id="{key}-t">Texts of a beam search</title>'
            f'<desc id="{key}-d">A column for each step, the likeliest text on top. '
            f"{escape(self._said())}</desc>{body}</svg>"
        )

    def _column(self, t: int) -> str:
        """The hypotheses of a step, each with a line from the one that it continues."""
        drawn = ""
        for one in self.columns[t]:
            x, y = COLUMN * t + (COLUMN - PILL) / 2, TOP + ROW * one.row
            if t:
                parent = next(p for p in self.columns[t - 1] if p.tokens == one.tokens[:-1])
                start = f"M{x + PILL - COLUMN:g} {TOP + ROW * parent.row:g}"
                drawn += (
                    f'<path class="line{"" if one.kept else " dropped"}" d="{start}L{x:g} {y:g}"/>'
                )
        for one in self.columns[t]:
            x, y = COLUMN * t + (COLUMN - PILL) / 2, TOP + ROW * one.row
            kind = ("kept" if one.kept else "dropped") + " ended" * one.ended
            drawn += (
                f'<g class="tlb-one {kind}" data-tokens="{" ".join(map(str, one.tokens))}" '
                f'role="button" tabindex="0" aria-pressed="{str(one.kept).lower()}" '
                f'aria-label="{escape(self._text(one.tokens))}, {one.p:.3f}">'
                f'<rect x="{x:g}" y="{y - 11:g}" width="{PILL:g}" height="22" rx="11"/>'
                f'<text x="{x + PILL / 2:g}" y="{y:g}">{escape(self.names[one.tokens[-1]])} '
                f"{one.p:.3f}</text></g>"
            )
        return drawn
