"""A pytest plugin over nbval: every cell again; words must be equal, numbers as near as they say.

    python -m pytest -p tests.notebooks.compare_numbers notebooks --nbval-current-env

A number may differ from the committed one by one unit of its last printed digit, a whole number
not at all. The last digits of a float depend on the processor; what a page claims must not. Plots
are not compared.

A cell's metadata may say otherwise:

    "tolerance": 0.03         allowed in each of its numbers: absolute below 1, relative above
    "tags": ["not-compared"]  only run: what a model writes that was trained on the page. A number
                              that stands for it is printed, and compared, in a cell beside it
    "tags": ["archive"]       skipped where the archives are not there; in CI that is a failure
"""

import copy
import difflib
import functools
import os
import re
from decimal import Decimal
from pathlib import Path

import pytest
from nbval.plugin import IPyNbCell, IPyNbFile

from transformer_lib.data import archives

NUMBER = re.compile(
    r"(?<![\w.])[-+−]?(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)"  # 1,684 or 1684
    r"(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?"
)
NOT_COMPARED, ARCHIVE = "not-compared", "archive"
PLOT = "image/svg+xml"  # its points are floats; what it must show, the cells beside it print
TEXTS = ("text/plain", "text/html", "text/markdown", "text/latex")

LEGEND = (
    "A number may differ by one unit of its last printed digit, a whole number not at all, unless "
    "the cell's metadata has a tolerance (absolute below 1, relative above). Words may not differ."
)


def value(number: str) -> Decimal:
    """The number that a text prints."""
    return Decimal(number.replace(",", "").replace("−", "-"))


def allowed(number: str, tolerance: float = 0.0) -> Decimal:
    """By how much another run may miss a committed number."""
    exact = value(number)
    whole = not re.search(r"\.[0-9]|[eE]", number)
    unit = Decimal(0) if whole else Decimal(1).scaleb(exact.as_tuple().exponent)
    return max(unit, Decimal(str(tolerance)) * max(Decimal(1), abs(exact)))


def words(text: str) -> str:
    """What is left of a text without its numbers, and without the spaces that align them."""
    return re.sub(r"\s*\0\s*", "\0", " ".join(NUMBER.sub("\0", text).split()))


def pairs(committed: str, computed: str) -> list[tuple[str, str]] | None:
    """The numbers of two texts side by side, as printed; None if words or counts differ."""
    if words(committed) != words(computed):
        return None
    return list(zip(NUMBER.findall(committed), NUMBER.findall(computed), strict=True))


def too_far(both: list[tuple[str, str]], tolerance: float = 0.0) -> list[tuple[str, str, Decimal]]:
    """Of pairs of numbers those that are too far apart, each with what is allowed."""
    limits = [(a, b, allowed(a, tolerance)) for a, b in both]
    return [(a, b, limit) for a, b, limit in limits if abs(value(a) - value(b)) > limit]


def diff(committed: str, computed: str) -> str:
    """The lines in which two texts differ."""
    lines = committed.splitlines(), computed.splitlines()
    return "\n".join(difflib.unified_diff(*lines, "committed", "computed", lineterm="", n=0))


@functools.cache  # each look reads all of them
def not_fetched() -> str:
    """The names of the archives that are not there."""
    return ", ".join(archives.missing())


class Cell(IPyNbCell):
    """A cell named as Jupyter shows it, whose numbers are compared as numbers."""

    def runtest(self):
        """Run the cell, unless it reads from an archive that was not fetched."""
        if ARCHIVE in self.cell.metadata.get("tags", []) and (names := not_fetched()):
            leave = pytest.fail if os.environ.get("CI") else pytest.skip
            leave(f"not fetched: {names}; `make archives` fetches (needs the network once)")
        super().runtest()

    def compare_outputs(self, test, ref, skip_compare=None) -> bool:
        """Compare as nbval does, but for the texts whose numbers are near enough."""
        self.report = []
        test = copy.deepcopy(test)
        for new, old in zip(test, ref, strict=False):
            self._settle(new, old, "text")
            for kind in TEXTS:
                self._settle(new.get("data", {}), old.get("data", {}), kind)
        return super().compare_outputs(test, ref, skip_compare) and not self.report

    def _settle(self, new: dict, old: dict, kind: str) -> None:
        """Report what differs in one text of an output; nbval then need not compare it."""
        if not isinstance(new.get(kind), str) or not isinstance(old.get(kind), str):
            return
        committed, computed = self.sanitize(old[kind]), self.sanitize(new[kind])
        both = pairs(committed, computed)
        if both is None:
            self.report.append(f"The words, or how many numbers:\n{diff(committed, computed)}")
        elif far := too_far(both, self.cell.metadata.get("tolerance", 0.0)):
            rows = [("committed", "computed", "allowed"), *far]
            self.report.append("\n".join("".join(f"{x!s:>16}" for x in row) for row in rows))
        new[kind] = old[kind]

    def repr_failure(self, excinfo) -> str:
        """Chapter, cell, and the numbers that differ; for all else what nbval says."""
        place = f"{Path(self.path).stem}, {self.name}"
        if not getattr(self, "report", None):
            return f"{place}\n{super().repr_failure(excinfo)}"
        return "\n\n".join([f"{place} differs from what is committed.", *self.report, LEGEND])


class Notebook(IPyNbFile):
    """A notebook whose cells are ours."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.skip_compare += (PLOT,)

    def collect(self):
        """Yield a test for each code cell."""
        for item in super().collect():
            name = f"In [{item.cell.execution_count or ' '}]"
            options = item.options
            if NOT_COMPARED in item.cell.metadata.get("tags", []):
                options["check"] = False
            made = {"cell_num": item.cell_num, "cell": item.cell, "options": options}
            yield Cell.from_parent(self, name=name, **made)


def pytest_collect_file(file_path, parent):
    """Take every notebook; nbval's own option --nbval is not needed."""
    return Notebook.from_parent(parent, path=file_path) if file_path.suffix == ".ipynb" else None
