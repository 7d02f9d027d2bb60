"""Which cells of a chapter stand in the open, and which in sections marked deep.

A deep section begins with a Markdown cell that is tagged `deep` and begins with a heading. It ends
with the next cell that begins with a heading as high, or higher.
"""

import re
from collections.abc import Iterable

DEEP = "deep"
FOLDED = {"hide-input", "hide-cell", "remove-input", "remove-cell"}


def in_the_open(cells: Iterable[dict]) -> list[dict]:
    """The cells that stand outside the deep sections."""
    found, depth = [], 0  # that of the deep heading above; 0 outside
    for cell in cells:
        text = "".join(cell["source"])
        heading = re.match("(#+) ", text) if cell["cell_type"] == "markdown" else None
        if heading and (not depth or len(heading[1]) <= depth):
            depth = len(heading[1]) if DEEP in cell["metadata"].get("tags", []) else 0
        if not depth:
            found.append(cell)
    return found
