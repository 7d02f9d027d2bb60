"""Labels of words: how well they are found, and the classifier of windows to compare with."""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from transformer_lib import checks

EDGE = "<edge>"  # beyond the ends of a text
REACH = 2  # words to either side


def f1(guessed: Tensor, true: Tensor) -> float:
    """The harmonic mean of precision and recall: 2 · hits / (guessed + true).

    Args:
        guessed: boolean (count,), what is said to be one.
        true: boolean (count,), what is one.

    Returns:
        From 0 to 1; 0 where nothing is guessed and nothing is there.

    Raises:
        ValueError: if they are not boolean rows of one length.
    """
    _check(guessed=guessed, true=true)
    return 2 * (guessed & true).sum().item() / max(1, (guessed.sum() + true.sum()).item())


def recall(guessed: Tensor, true: Tensor, among: Tensor) -> float:
    """The share of those that are one, among some, that are found.

    Args:
        guessed: boolean (count,), what is said to be one.
        true: boolean (count,), what is one.
        among: boolean (count,), which are looked at.

    Returns:
        From 0 to 1; NaN where there is none.

    Raises:
        ValueError: if they are not boolean rows of one length.
    """
    _check(guessed=guessed, true=true, among=among)
    there = true & among
    return (guessed & there).sum().item() / there.sum().item() if there.any() else math.nan


def window_features(words: Sequence[str], counts: Mapping[str, int]) -> list[dict[str, bool]]:
    """What a classifier of each word may look at: the word, two to either side, and spelling.

    Args:
        words: a text.
        counts: how often each word stands in a larger text without labels; the frequency of a
            word and of its neighbours is a feature too, to the next power of two.

    Returns:
        For each word the names of what holds of it, as `sklearn`'s `DictVectorizer` reads them.

    Raises:
        ValueError: if `words` are no list of strings, or `counts` no dict.
    """
    checks.several(words=words)  # a string is no list: its letters are no words
    checks.string(**{f"words[{i}]": word for i, word in enumerate(words)})
    checks.mapping(counts=counts)
    edge = [EDGE] * REACH
    row = [*edge, *words, *edge]
    found = []
    for i, word in enumerate(words, start=REACH):
        near = {f"{k:+d}={row[i + k]}" for k in range(-REACH, REACH + 1)}
        near |= {f"{k:+d} frequent {_size(counts.get(row[i + k], 0))}" for k in (-1, 0, 1)}
        near |= {f"ends {word[-2:]}", f"ends {word[-3:]}", f"begins {word[:2]}"}
        found.append(dict.fromkeys(sorted(near), True))
    return found


def _size(count: int) -> int:
    """A number to the power of two below it: 0, 1, 2 for 2 and 3, 3 for 4 to 7."""
    return count.bit_length()


def _check(**rows: Tensor) -> None:
    shapes = set()
    for name, value in rows.items():
        row = isinstance(value, Tensor) and value.dtype == torch.bool and value.dim() == 1
        if not row or value.is_meta:
            raise ValueError(f"{name} must be a boolean row, (count,), got {value!r}")
        shapes.add(len(value))
    if len(shapes) > 1:
        raise ValueError(f"{' and '.join(rows)} must be of one length, got {sorted(shapes)}")
