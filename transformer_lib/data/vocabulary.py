"""Symbols and their ids: of a text the characters, of pairs the letters and the phonemes."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Characters:
    """The symbols of a text, each with an id, which is its place in the row.

    Args:
        symbols: the symbols, each once.

    Raises:
        ValueError: if a symbol occurs twice.
    """

    symbols: str

    def __post_init__(self):
        if len(set(self.symbols)) != len(self.symbols):
            raise ValueError(f"symbols must be distinct, got {self.symbols!r}")

    @classmethod
    def of(cls, text: str) -> "Characters":
        """The characters that occur in `text`, sorted."""
        return cls("".join(sorted(set(text))))

    def __len__(self) -> int:
        return len(self.symbols)

    def encode(self, text: str) -> Tensor:
        """Ids of the characters of `text`, (len(text),).

        Raises:
            ValueError: if there is one that has no id; the message says which and where.
        """
        ids = {symbol: i for i, symbol in enumerate(self.symbols)}
        try:
            return torch.tensor([ids[symbol] for symbol in text], dtype=torch.long)
        except KeyError:
            at = next(i for i, symbol in enumerate(text) if symbol not in ids)
            raise ValueError(
                f"text must hold only the {len(self)} characters {self.symbols!r}, got "
                f"{text[at]!r} at {at}, in {text[max(0, at - 10) : at + 10]!r}"
            ) from None

    def decode(self, ids: Sequence[int] | Tensor) -> str:
        """The text that the ids (length,) stand for."""
        return "".join(self.symbols[i] for i in torch.as_tensor(ids).tolist())


@dataclass(frozen=True)
class Vocabulary:
    """Symbols and their ids: padding, start, end, then the symbols themselves.

    Args:
        symbols: the symbols, without the three special ones.

    Raises:
        ValueError: if a symbol occurs twice.
    """

    symbols: tuple[str, ...]
    pad_id: int = 0
    bos_id: int = 1
    eos_id: int = 2

    def __post_init__(self):
        if len(set(self.symbols)) != len(self.symbols):
            raise ValueError(f"symbols must be distinct, got {self.symbols}")

    def __len__(self) -> int:
        return 3 + len(self.symbols)

    def encode(self, symbols: Sequence[str]) -> list[int]:
        """Ids of `symbols`, a string of letters or a sequence of phonemes, without BOS and EOS.

        Raises:
            ValueError: if a symbol is not in the vocabulary.
        """
        try:
            return [3 + self.symbols.index(symbol) for symbol in symbols]
        except ValueError:
            unknown = sorted(set(symbols) - set(self.symbols))
            raise ValueError(
                f"symbols must come from {' '.join(self.symbols)}, got {unknown}"
            ) from None

    def decode(self, ids: Sequence[int] | Tensor) -> tuple[str, ...]:
        """Symbols of `ids` up to the first EOS, padding and BOS left out."""
        symbols = []
        for i in ids.tolist() if isinstance(ids, Tensor) else ids:
            if i == self.eos_id:
                break
            if i not in (self.pad_id, self.bos_id):
                symbols.append(self.symbols[i - 3])
        return tuple(symbols)
