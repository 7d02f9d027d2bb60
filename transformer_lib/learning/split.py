"""Three parts: to learn from, to choose on (dev), and for the last figure (test).

The same row twice is one row: its copies stand on one side, or the held-out part would ask what
was learnt by heart.
"""

from collections import defaultdict
from dataclasses import dataclass

import torch

from transformer_lib.learning.data import Data

SEED = 0  # of every split


@dataclass(frozen=True)
class Part:
    """Some of the rows of a file; of a text a piece of it."""

    sources: list
    targets: list[str]

    def __len__(self) -> int:
        return len(self.sources)


@dataclass(frozen=True)
class Split:
    """The three parts, and how many rows were there before (of a text: lines seen in training)."""

    train: Part
    dev: Part
    test: Part
    duplicates: int


def split(data: Data) -> Split:
    """Cut into 80, 10 and 10 % of rows, class by class; a text into its first 90, then 5 and 5 %.

    Raises:
        ValueError: if the different rows are too few for three parts.
    """
    if data.kind == "writer":
        return _split_text(data.sources[0])
    groups = defaultdict(list)
    for i, source in enumerate(data.sources):
        groups[key(source)].append(i)
    classes, labelled = defaultdict(list), data.kind in ("classifier", "pictures")
    for rows in groups.values():
        classes[data.targets[rows[0]] if labelled else None].append(rows)
    parts: tuple[list, list, list] = [], [], []
    generator = torch.Generator().manual_seed(SEED)
    for groups_of_class in classes.values():
        order = torch.randperm(len(groups_of_class), generator=generator).tolist()
        held = max(1, round(len(order) / 10)) if len(order) >= 3 else 0
        for place, at in enumerate(order):
            parts[1 if place < held else 2 if place < 2 * held else 0].extend(groups_of_class[at])
    if not all(parts):
        raise ValueError(
            f"{data.name} must have different rows enough for three parts, got {len(groups)}"
        )
    made = [
        Part([data.sources[i] for i in rows], [data.targets[i] for i in rows])
        for rows in map(sorted, parts)
    ]
    return Split(*made, duplicates=len(data.sources) - len(groups))


def key(source) -> object:
    """What two rows have in common that are the same: a text but for case and blanks, pixels."""
    return (
        " ".join(source.split()).casefold() if isinstance(source, str) else source.numpy().tobytes()
    )


def _split_text(text: str) -> Split:
    ends = [_line_end(text, len(text) * percent // 100) for percent in (90, 95)]
    if not 0 < ends[0] < ends[1] < len(text):  # long lines: cut between two characters
        ends = [len(text) * percent // 100 for percent in (90, 95)]
    pieces = text[: ends[0]], text[ends[0] : ends[1]], text[ends[1] :]
    known = set(pieces[0].split("\n"))
    again = [line for line in text[ends[0] :].split("\n") if len(line) > 30 and line in known]
    return Split(*(Part([piece], []) for piece in pieces), duplicates=len(again))


def _line_end(text: str, near: int) -> int:
    return text.find("\n", near) + 1
