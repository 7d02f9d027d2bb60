"""Sentences of film and product reviews, rated by twenty people each: is it praise or blame?

    films, products = load_ratings("films"), load_ratings("products")
    train, test = split(films, test=2000)

The ratings go from -4 to 4. Sentences between -0.5 and 0.5, on which people were lukewarm or of two
minds, are left out; the rest are praise, 1, or blame, 0.

Source: Hutto and Gilbert 2014, "VADER"; the sentences of Pang and Lee, and of Hu and Liu 2004.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

import torch

from transformer_lib import checks
from transformer_lib.data import archives
from transformer_lib.data.order import random_numbers

LUKEWARM = 0.5
_ARCHIVE, _MEMBER = "ratings", "additional_resources/hutto_ICWSM_2014.tar.gz"
_FILES = {"films": "movieReviewSnippets", "products": "amazonReviewSnippets"}
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?|\d+|[^\sa-z\d]")


class Rated(NamedTuple):
    """A sentence and what people thought of it.

    Attributes:
        text: as it was written.
        label: 1 for praise, 0 for blame.
        rating: the mean of the raters, from -4 to 4.
    """

    text: str
    label: int
    rating: float


def load_ratings(kind: str) -> list[Rated]:
    """All sentences of a kind that are praise or blame, each text once.

    Args:
        kind: "films" or "products".

    Raises:
        ValueError: if `kind` is neither.
        FileNotFoundError: if the archive was not fetched; the message says how.
    """
    checks.one_of(_FILES, kind=kind)
    packed = archives.read(_ARCHIVE, _MEMBER)
    return parse(archives.read_tar(packed, f"hutto_ICWSM_2014/{_FILES[kind]}_GroundTruth.txt"))


def parse(content: bytes) -> list[Rated]:
    """Read lines of ``id TAB mean TAB text``, whatever ends them.

    Args:
        content: UTF-8, with or without its mark, or else Latin-1.

    Raises:
        ValueError: if they are no bytes, or naming the first line that is not of this form.
    """
    if not isinstance(content, bytes):
        raise ValueError(f"content must be bytes, got {type(content).__name__}")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    found = {}
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), start=1):
        if not line.strip():
            continue
        parts = line.split("\t")
        try:
            _, rating, sentence = parts[0], float(parts[1]), parts[2].strip()
        except (ValueError, IndexError):
            raise ValueError(
                f"content must be lines of id, mean and text with tabs between them, "
                f"got {line[:60]!r} in line {number}"
            ) from None
        if abs(rating) > LUKEWARM and sentence:
            found.setdefault(sentence, Rated(sentence, int(rating > 0), rating))
    return list(found.values())


def split(
    sentences: Sequence[Rated], *, test: int, seed: int = 0
) -> tuple[list[Rated], list[Rated]]:
    """Draw some sentences for a test, and leave the rest to learn from.

    Args:
        sentences: no text twice, as `load_ratings` gives them.
        test: how many are drawn.
        seed: decides which.

    Returns:
        Those to learn from, in random order too, and those of the test.

    Raises:
        ValueError: if they are no list, or not more than `test`.
    """
    checks.at_least(1, test=test)
    if not isinstance(sentences, Sequence) or isinstance(sentences, str):
        raise ValueError(f"sentences must be a list, got {type(sentences).__name__}")
    if test >= len(sentences):
        raise ValueError(f"test must be less than all {len(sentences)} sentences, got {test}")
    order = torch.randperm(len(sentences), generator=random_numbers(seed, 0)).tolist()
    drawn = [sentences[i] for i in order]
    return drawn[test:], drawn[:test]


def words(text: str) -> list[str]:
    """A sentence in small letters as its words, numbers and marks; "isn't" is one word.

    Raises:
        ValueError: if `text` is not a string, or holds no word at all.
    """
    if not isinstance(text, str):
        raise ValueError(f"text must be a string, got {type(text).__name__}")
    found = _WORD.findall(text.lower().replace("’", "'").replace("''", '"'))
    if not found:
        raise ValueError(f"text must hold a word, got {text!r}")
    return found
