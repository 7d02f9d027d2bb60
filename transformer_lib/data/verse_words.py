"""The King James verses as rows of words without capitals, and which of the words were names.

Everything is written small, so that a name looks like any other word:

    and the lord said unto cain , where is abel thy brother ?
    .   .   .    .    .    name . .     .  name .   .       .

What the capitals said is kept aside as labels that nobody had to write. The verses are split by
chapter, so that a verse and its neighbours stand on the same side.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from transformer_lib import checks
from transformer_lib.data.order import random_numbers
from transformer_lib.data.verses import load_verses
from transformer_lib.data.vocabulary import Vocabulary

PAD, UNKNOWN, MASK = "<pad>", "<unk>", "<mask>"
SPECIAL = (PAD, UNKNOWN, MASK)
PAD_ID, UNKNOWN_ID, MASK_ID = range(len(SPECIAL))
NOT_NAMES = frozenset(
    ["i", "o", "god", "lord", "jehovah", "almighty", "father", "holy", "ghost", "spirit"]
)
"""Words with a capital that are no names, or titles of God, which are everywhere."""
_WORD = re.compile(r"[a-z’'-]+|[^\sa-z]", re.IGNORECASE)
_BEGINS = frozenset(".?!:;(")  # what comes after these has a capital anyway


class Verse(NamedTuple):
    """A verse.

    Attributes:
        place: (book, chapter, verse), counted from 1.
        words: words and punctuation, without capitals.
        names: for each of them whether it is a name.
    """

    place: tuple[int, int, int]
    words: tuple[str, ...]
    names: tuple[bool, ...]


@dataclass(frozen=True)
class VerseWords:
    """Verses in three parts, each of whole chapters, and the vocabulary of the first."""

    train: list[Verse]
    dev: list[Verse]
    test: list[Verse]
    vocabulary: Vocabulary

    def encode(self, rows: Sequence[Sequence[str]]) -> list[Tensor]:
        """Ids of rows of words; a word that the vocabulary lacks is unknown."""
        known = set(self.vocabulary.symbols)
        words = [word if word in known else UNKNOWN for row in rows for word in row]
        return list(self.vocabulary.encode(words).split([len(row) for row in rows]))


def load_verse_words(*, least: int = 3, seed: int = 0) -> VerseWords:
    """The verses of the King James text: 85 % of its chapters to train on, 5 % dev, 10 % test.

    Args:
        least: how often a word must stand in the training part to be in the vocabulary.
        seed: decides which chapters are which.

    Raises:
        ValueError: if one of them is no such number.
    """
    checks.at_least(1, least=least)
    texts = {place: cut(text) for place, text in load_verses().items()}
    known = always_capital(texts.values())
    verses = [_verse(place, words, known) for place, words in texts.items()]
    chapters = sorted({verse.place[:2] for verse in verses})
    order = torch.randperm(len(chapters), generator=random_numbers(seed, 0)).tolist()
    rank = {chapters[i]: n / len(chapters) for n, i in enumerate(order)}
    parts: tuple[list[Verse], ...] = ([], [], [])
    for verse in verses:
        at = rank[verse.place[:2]]
        parts[(at >= 0.85) + (at >= 0.90)].append(verse)
    counts = Counter(word for verse in parts[0] for word in verse.words)
    often = tuple(word for word, n in counts.most_common() if n >= least)
    return VerseWords(*parts, Vocabulary(SPECIAL + often))


def cut(text: str) -> list[str]:
    """A text as its words and punctuation; brackets, which stand for italics, are left out.

    Raises:
        ValueError: if `text` is not a string.
    """
    checks.string(text=text)
    return _WORD.findall(text.translate({ord("["): None, ord("]"): None}))


def always_capital(texts: Iterable[Sequence[str]]) -> set[str]:
    """Words that are written with a capital where nothing asks for one, ten times as often as not.

    Args:
        texts: rows of words as they were printed.

    Returns:
        The words in small letters, without those of `NOT_NAMES`.

    Raises:
        ValueError: if `texts` are no such rows.
    """
    checks.several(texts=texts)
    capital, small = Counter(), Counter()
    for words in texts:
        checks.several(texts=words)
        for before, word in pairwise(words):
            if word[0].islower():
                small[word] += 1
            elif word[0].isupper() and before not in _BEGINS:
                capital[word.lower()] += 1
    often = (word for word, n in capital.items() if n >= 10 * small[word])
    return {word for word in often if word.removesuffix("’s") not in NOT_NAMES}


def _verse(place: tuple[int, int, int], words: list[str], known: set[str]) -> Verse:
    small = tuple(word.lower() for word in words)
    names = (word[0].isupper() and word.lower() in known for word in words)
    return Verse(place, small, tuple(names))
