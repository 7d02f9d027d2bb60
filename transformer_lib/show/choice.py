"""A row of choices above drawings: the chosen one is seen, and nothing runs but style.

Keys, pointer and finger choose, as in any form; without a style sheet all drawings are seen.
"""

import hashlib
from collections.abc import Mapping
from html import escape

from transformer_lib import checks
from transformer_lib.show import canvas

STYLE = """
.tlo{--ink:var(--pst-color-text-base,var(--jp-content-font-color1,#1f2328));
--lit:var(--pst-color-primary,#0072b2);color:var(--ink);max-width:44rem;margin:1rem auto}
.tlo fieldset{border:0;padding:0;margin:0 0 .4rem;display:flex;flex-wrap:wrap;
gap:0 .9rem;justify-content:center}
.tlo legend{font-weight:600;font-size:1rem;margin:0;padding:0;float:none;width:100%;
text-align:center}
.tlo label{display:inline-flex;gap:.3rem;align-items:center;min-height:1.9rem}
.tlo input{margin:0;accent-color:var(--lit)}
.tlo summary{cursor:pointer;text-align:center;color:var(--lit);min-height:1.9rem}
.tlo .option{display:none}
"""


class Choice:
    """Drawings of which the reader chooses one.

    Args:
        label: what is chosen.
        drawings: by the name of each choice.
        behind: a second drawing for each choice, which is covered until the reader asks.
        uncover: what is to be pressed then.
        start: which choice is made at first.

    Raises:
        ValueError: if there is no drawing, `behind` is not for the same choices, or a text is none.
    """

    def __init__(
        self,
        label: str,
        drawings: Mapping[str, canvas.Canvas],
        *,
        behind: Mapping[str, canvas.Canvas] | None = None,
        uncover: str = "Uncover",
        start: int = 0,
    ):
        checks.string(label=label, uncover=uncover)
        if not isinstance(drawings, Mapping) or not drawings:
            raise ValueError(f"drawings must hold at least one, by its name, got {drawings!r}")
        if behind is not None:
            checks.mapping(behind=behind)
        if behind is not None and [*behind] != [*drawings]:
            raise ValueError(f"behind must be for {[*drawings]}, got {[*behind]}")
        checks.one_of(range(len(drawings)), start=start)
        self.label, self.drawings, self.behind = label, dict(drawings), behind
        self.uncover, self.start = uncover, start

    def _repr_html_(self) -> str:
        parts = "".join(self._option(i, name) for i, name in enumerate(self.drawings))
        key = "tlo-" + hashlib.sha256((self.label + parts).encode()).hexdigest()[:8]
        rules = "".join(
            f"#{key}:has(.c{i}:checked) .o{i}{{display:block}}" for i in range(len(self.drawings))
        )
        choices = "".join(
            f'<label><input type="radio" name="{key}" class="c{i}"'
            f"{' checked' * (i == self.start)}>{escape(name)}</label>"
            for i, name in enumerate(self.drawings)
        )
        return (
            f"<style>{canvas.STYLE}{STYLE}{rules}</style>"
            f'<figure class="tlo" data-play id="{key}"><fieldset>'
            f"<legend>{escape(self.label)}</legend>{choices}</fieldset>{parts}</figure>"
        )

    def __repr__(self) -> str:
        return f"{self.label}: {', '.join(self.drawings)}"

    def _option(self, i: int, name: str) -> str:
        more = ""
        if self.behind is not None:
            covered = self.behind[name].svg()
            more = f"<details><summary>{escape(self.uncover)}</summary>{covered}</details>"
        return f'<div class="option o{i}">{self.drawings[name].svg()}{more}</div>'
