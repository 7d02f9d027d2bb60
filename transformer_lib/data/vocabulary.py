"""Symbols and their ids: the characters of a text, the phonemes of a language, words."""

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral

import torch
from torch import Tensor

from transformer_lib import checks

SPECIAL = 3  # padding, start and end


@dataclass(frozen=True)
class Vocabulary:
    """Symbols, each with an id: its place in the row.

        Vocabulary("abc")  # of characters: text in, text out
        Vocabulary(("AA", "B", "K"), special=True)  # 0 is padding, 1 the start, 2 the end, 3 "AA"

    Args:
        symbols: the symbols, each once. A string stands for its characters, which are decoded to
            a string; a tuple for words, which are decoded to a tuple.
        special: three ids in front of the symbols' own: `pad_id`, `bos_id` and `eos_id`.

    Raises:
        ValueError: if `symbols` are neither a string nor a tuple of strings, or one occurs twice.
    """

    symbols: str | tuple[str, ...]
    special: bool = False

    pad_id, bos_id, eos_id = range(SPECIAL)  # only where there are special ids

    def __post_init__(self):
        checks.flag(special=self.special)
        if not isinstance(self.symbols, str | tuple) or not all(
            isinstance(symbol, str) for symbol in self.symbols
        ):
            raise ValueError(f"symbols must be a string or a tuple of strings, got {self.symbols}")
        if len(set(self.symbols)) != len(self.symbols):
            raise ValueError(f"symbols must be distinct, got {self.symbols!r}")

    @classmethod
    def of(cls, text: str) -> "Vocabulary":
        """The characters that occur in `text`, sorted."""
        return cls("".join(sorted(set(text))))

    def __len__(self) -> int:
        return self._first + len(self.symbols)

    @property
    def _first(self) -> int:
        return SPECIAL if self.special else 0

    def encode(self, symbols: Sequence[str]) -> Tensor:
        """Ids of a string of characters or a sequence of words, (len(symbols),) of int64.

        Raises:
            ValueError: if a symbol has no id; the message says which and where.
        """
        if not isinstance(symbols, Sequence):
            raise ValueError(f"symbols must be a string or a list of them, got {symbols!r}")
        ids = {symbol: self._first + i for i, symbol in enumerate(self.symbols)}
        at = next((i for i, symbol in enumerate(symbols) if symbol not in ids), None)
        if at is not None:
            raise ValueError(
                f"symbols must be of the vocabulary {self.symbols!r}, got {symbols[at]!r} at {at}, "
                f"in {symbols[max(0, at - 10) : at + 10]!r}"
            )
        return torch.tensor([ids[symbol] for symbol in symbols], dtype=torch.long)

    def decode(self, ids: Sequence[int] | Tensor) -> str | tuple[str, ...]:
        """The symbols that ids (length,) stand for.

        Where there are special ids, up to the first `eos_id`, padding and start left out.

        Raises:
            ValueError: if `ids` are not one row of ids of the vocabulary.
        """
        if isinstance(ids, Tensor) and not ids.is_meta:
            ids = ids.tolist()
        if not isinstance(ids, Sequence) or not all(
            isinstance(i, Integral) and not isinstance(i, bool) and 0 <= i < len(self) for i in ids
        ):
            raise ValueError(f"ids must be one row of numbers in 0 … {len(self) - 1}, got {ids}")
        if self.special:
            ids = ids[: ids.index(self.eos_id)] if self.eos_id in ids else ids
            ids = [i for i in ids if i >= SPECIAL]
        symbols = (self.symbols[i - self._first] for i in ids)
        return "".join(symbols) if isinstance(self.symbols, str) else tuple(symbols)
