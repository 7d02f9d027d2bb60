"""The pieces that a text is read in: words where they come again, characters where they do not.

The table knows the training part alone. Baseline and model read the same pieces.
"""

import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

PAD, BOS, EOS, UNKNOWN = range(4)
MOST = 8_000  # symbols in a table
_WORD = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True)
class Tokens:
    """A table of symbols: ids 0 … 3 are padding, start, end and unknown.

    Attributes:
        unit: "words" (and punctuation, without capitals), "blanks" (what stands between blanks)
            or "characters".
        symbols: those with an id of their own, from id 4 on.
    """

    unit: str
    symbols: tuple[str, ...]

    @classmethod
    def of(cls, texts: list[str], unit: str, *, least: int = 1) -> "Tokens":
        """The symbols that come at least so often, the most frequent first."""
        counts = Counter(piece for text in texts for piece in pieces(text, unit))
        ranked = sorted(counts.items(), key=lambda found: (-found[1], found[0]))[:MOST]
        return cls(unit, tuple(symbol for symbol, count in ranked if count >= least))

    def __len__(self) -> int:
        return 4 + len(self.symbols)

    def pieces(self, text: str) -> list[str]:
        """What is looked up of a text."""
        return pieces(text, self.unit)

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {symbol: i for i, symbol in enumerate(self.symbols, 4)}

    def encode(self, text: str) -> Tensor:
        """Ids (length,): a symbol that the table lacks is unknown."""
        found = [self._ids.get(piece, UNKNOWN) for piece in self.pieces(text)]
        return torch.tensor(found, dtype=torch.long)

    def decode(self, ids: list[int]) -> str:
        """The text that ids stand for, up to the end; what is unknown is a question in a box."""
        ids = ids[: ids.index(EOS)] if EOS in ids else ids
        said = ["\ufffd" if i == UNKNOWN else self.symbols[i - 4] for i in ids if i >= UNKNOWN]
        return ("" if self.unit == "characters" else " ").join(said)


def pieces(text: str, unit: str) -> list[str]:
    """Cut a text."""
    if unit == "words":
        return _WORD.findall(text.lower())
    return text.split() if unit == "blanks" else list(text)


def unit_of(texts: list[str], unit: str, *, once: float) -> str:
    """`unit`, unless more than the share `once` of the pieces come only once: then characters."""
    counts = Counter(piece for text in texts for piece in pieces(text, unit))
    total, single = sum(counts.values()), sum(count == 1 for count in counts.values())
    long_enough = total > 1.5 * len(texts)  # with blanks between its pieces
    return unit if long_enough and single <= once * total else "characters"
