"""Byte-pair encoding: from single bytes to pieces of words, by joining what often stands together.

    pieces = BytePairs.learn(text, 1000)
    ids = pieces.encode("In the beginning")
    pieces.decode(ids)  # b"In the beginning"

The pieces begin as the 256 bytes, so that nothing is unknown: any text, in any script, comes back
as it was. The commonest pair of neighbours becomes a new piece, again and again. A pair never
reaches beyond a word, which takes the blank before it along.
"""

import heapq
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from transformer_lib import checks
from transformer_lib.data.vocabulary import SPECIAL, Vocabulary

# A word, a number or some signs, each with the blank before it; or blanks. All bytes beyond ASCII
# count as letters. (GPT-2 splits in this way too, by the letters of all scripts.)
WORDS = re.compile(rb" ?[A-Za-z\x80-\xff]+| ?[0-9]+| ?[^\sA-Za-z0-9\x80-\xff]+|\s+(?!\S)|\s+")

Pair = tuple[int, int]


class BytePairs:
    """Pieces of words, and how text is cut into them.

    Piece i < 256 is the byte i; piece 256 + n joins the two pieces of `merges[n]`.

    Args:
        merges: pairs of pieces in the order in which they were learnt.

    Raises:
        ValueError: if they are no pairs, or one is not of pieces that are known by then.

    Source: Sennrich et al. 2016, §3.2; on bytes: Radford et al. 2019, §2.2.
    """

    def __init__(self, merges: Sequence[Pair]):
        self.merges = _pairs(merges)
        self.pieces = [bytes([i]) for i in range(256)]
        for n, (a, b) in enumerate(self.merges):
            if not 0 <= min(a, b) <= max(a, b) < len(self.pieces):
                raise ValueError(f"merges[{n}] must join pieces below {256 + n}, got {(a, b)}")
            self.pieces.append(self.pieces[a] + self.pieces[b])
        self._rank = {pair: n for n, pair in enumerate(self.merges)}
        self._known: dict[bytes, list[int]] = {}

    def __len__(self) -> int:
        return len(self.pieces)

    @classmethod
    def learn(cls, text: str | bytes, merges: int) -> "BytePairs":
        """Join the commonest pair of neighbours, `merges` times, or until all words are whole.

        Among pairs that are equally common the one whose pieces are older wins.

        Args:
            text: what to learn from: the training part alone.
            merges: number of pieces to add to the 256 bytes.

        Raises:
            ValueError: if `merges` is negative.
        """
        checks.at_least(0, merges=merges)
        counted = Counter(WORDS.findall(_bytes(text)))
        words, times = [list(word) for word in counted], list(counted.values())
        counts: Counter[Pair] = Counter()
        places: defaultdict[Pair, set[int]] = defaultdict(set)  # the words that a pair stands in
        for n, word in enumerate(words):
            for pair in pairwise(word):
                counts[pair] += times[n]
                places[pair].add(n)
        queue = [(-count, pair) for pair, count in counts.items()]
        heapq.heapify(queue)
        learnt: list[Pair] = []
        while queue and len(learnt) < merges:
            count, best = heapq.heappop(queue)
            if counts[best] != -count:  # out of date: it was pushed anew, or is gone
                continue
            changed = set()
            for n in places.pop(best):
                old = words[n]
                words[n] = new = join(old, best, 256 + len(learnt))
                for pair in pairwise(old):
                    counts[pair] -= times[n]
                    changed.add(pair)
                for pair in pairwise(new):
                    counts[pair] += times[n]
                    changed.add(pair)
                    places[pair].add(n)
            for pair in changed:
                if counts[pair] > 0:
                    heapq.heappush(queue, (-counts[pair], pair))
            learnt.append(best)
        return cls(learnt)

    def encode(self, text: str | bytes) -> list[int]:
        """Cut a text into pieces, joining in the order in which the pairs were learnt."""
        return [piece for word in WORDS.findall(_bytes(text)) for piece in self._cut(word)]

    def decode(self, ids: Iterable[int]) -> bytes:
        """Put pieces together again: the bytes of the text, `.decode()` for a string.

        Raises:
            ValueError: if an id is no piece.
        """
        checks.several(ids=ids)
        ids = [int(i) for i in ids]
        for i in ids:
            if not 0 <= i < len(self.pieces):
                raise ValueError(f"ids must be in 0 … {len(self.pieces) - 1}, got {i}")
        return b"".join(self.pieces[i] for i in ids)

    def _cut(self, word: bytes) -> list[int]:
        if word not in self._known:
            ids = list(word)
            while len(ids) > 1:
                best = min(pairwise(ids), key=lambda pair: self._rank.get(pair, len(self)))
                if best not in self._rank:
                    break
                ids = join(ids, best, 256 + self._rank[best])
            self._known[word] = ids
        return self._known[word]


@dataclass(frozen=True)
class Subwords:
    """Pieces as the ids of a model: texts in, texts out, with ids for padding, start and end.

        symbols = Subwords.of(BytePairs.learn(text, 4000))
        symbols.decode(symbols.encode("In the beginning"))  # "In the beginning"

    A blank is put in front of each text, so that its first word is cut as it would be elsewhere.

    Args:
        merges: of `BytePairs`.

    Raises:
        ValueError: as in `BytePairs`.
    """

    merges: tuple[Pair, ...]

    special = True
    pad_id, bos_id, eos_id = Vocabulary.pad_id, Vocabulary.bos_id, Vocabulary.eos_id

    def __post_init__(self):
        object.__setattr__(self, "_pieces", BytePairs(self.merges))

    @classmethod
    def of(cls, pieces: BytePairs) -> "Subwords":
        """The pieces that were learnt, behind the special ids."""
        return cls(tuple(pieces.merges))

    def __len__(self) -> int:
        return SPECIAL + len(self._pieces)

    def encode(self, text: str) -> Tensor:
        """Ids of a text, (length,) of int64; no end token."""
        if not isinstance(text, str):
            raise ValueError(f"text must be a string, got {type(text).__name__}")
        return torch.tensor(self._pieces.encode(f" {text}")) + SPECIAL

    def decode(self, ids: Sequence[int] | Tensor) -> str:
        """The text of ids, up to the first end token; bytes that are no UTF-8 show as �."""
        return b"".join(self.pieces(ids)).decode(errors="replace").removeprefix(" ")

    def pieces(self, ids: Sequence[int] | Tensor) -> list[bytes]:
        """The bytes that each id stands for, up to the first end token.

        Raises:
            ValueError: if an id is not in the vocabulary.
        """
        checks.several(ids=ids)
        ids = [int(i) for i in ids]
        ids = ids[: ids.index(self.eos_id)] if self.eos_id in ids else ids
        return [self._pieces.decode([i - SPECIAL]) for i in ids if not 0 <= i < SPECIAL]


def join(ids: Sequence[int], pair: Pair, new: int) -> list[int]:
    """Replace each `pair` of neighbours by `new`, from left to right."""
    joined, i = [], 0
    while i < len(ids):
        if tuple(ids[i : i + 2]) == pair:
            joined.append(new)
            i += 2
        else:
            joined.append(ids[i])
            i += 1
    return joined


def _pairs(merges: Iterable[Pair]) -> list[Pair]:
    checks.several(merges=merges)
    try:
        return [(int(a), int(b)) for a, b in merges]
    except (TypeError, ValueError):
        raise ValueError(f"merges must be pairs of whole numbers, got {merges!r:.60}") from None


def _bytes(text: str | bytes) -> bytes:
    if not isinstance(text, (str, bytes)):
        raise ValueError(f"text must be a string or bytes, got {type(text).__name__}")
    return text.encode() if isinstance(text, str) else text
