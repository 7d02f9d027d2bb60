"""A line that the reader types, judged word by word in the page: TF-IDF and logistic regression.

Python draws the first answer, so it stands where nothing runs; static/line_judge.js judges on. It
takes plain numbers, and knows no model.
"""

import base64
import json
import math
import re
from collections import Counter
from collections.abc import Mapping
from html import escape
from pathlib import Path

_STATIC = Path(__file__).parent / "static"
_WORD = re.compile(r"\w+|[^\w\s]")


class LineJudge:
    """A field to type in; under it every word with its pull, and the chance of the second class.

    Args:
        table: for each word what it weighs for being rare, and its pull to the second class.
        bias: the pull without any word.
        classes: names of the two.
        text: what is judged at first.

    Raises:
        ValueError: if there are not two classes, or the table is empty.
    """

    def __init__(
        self,
        table: Mapping[str, tuple[float, float]],
        bias: float,
        classes: tuple[str, str],
        *,
        text: str,
    ):
        if len(classes) != 2:
            raise ValueError(f"classes must be two names, got {classes!r}")
        if not table:
            raise ValueError("table must have a word or more, got none")
        self.table = {w: (round(idf, 4), round(pull, 4)) for w, (idf, pull) in table.items()}
        self.bias, self.classes, self.text = round(bias, 4), tuple(classes), text

    def pulls(self, text: str) -> dict[str, float]:
        """How much each known word of a text pulls to the second class."""
        counts = Counter(_WORD.findall(text.lower()))
        weights = {
            word: (1 + math.log(count)) * self.table[word][0]
            for word, count in counts.items()
            if word in self.table
        }
        length = math.sqrt(sum(weight**2 for weight in weights.values())) or 1.0
        return {word: weight / length * self.table[word][1] for word, weight in weights.items()}

    def chance(self, text: str) -> float:
        """The chance of the second class."""
        return 1 / (1 + math.exp(-self.bias - sum(self.pulls(text).values())))

    def _repr_html_(self) -> str:
        state = {"table": self.table, "bias": self.bias, "classes": self.classes}
        packed = json.dumps(state, ensure_ascii=False).encode()
        chips = "".join(self._chip(word, pull) for word, pull in self.pulls(self.text).items())
        style = (_STATIC / "line_judge.css").read_text(encoding="utf-8")
        script = (_STATIC / "line_judge.js").read_text(encoding="utf-8")
        share = self.chance(self.text)
        return (
            f'<figure class="tlj" data-play data-state="{base64.b64encode(packed).decode()}">'
            f"<style>{style}</style>"
            f'<label>A line <input type="text" value="{escape(self.text)}" maxlength="200" '
            'autocomplete="off" data-lm-suppress-shortcuts="true"></label>'
            f'<div class="tlj-words">{chips}</div>'
            f'<meter min="0" max="1" value="{share:.3f}" aria-label="{escape(self.classes[1])}">'
            f'</meter><p class="tlj-said" aria-live="polite">{escape(self._said(share))}</p>'
            "<noscript>The line stays as it is: it is judged by JavaScript.</noscript>"
            f"<script>{{{script}lineJudge(document.currentScript.parentElement)}}</script>"
            "</figure>"
        )

    def __repr__(self) -> str:
        return self._said(self.chance(self.text))

    def _said(self, share: float) -> str:
        return f"{self.classes[1]} {100 * share:.0f} %, {self.classes[0]} {100 - 100 * share:.0f} %"

    @staticmethod
    def _chip(word: str, pull: float) -> str:
        kind = "plus" if pull > 0 else "minus"
        return f'<span class="tlj-{kind}">{escape(word)} <b>{pull:+.2f}</b></span>'
