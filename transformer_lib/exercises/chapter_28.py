"""The exercises of chapter 28: the same row, TF-IDF, and what is chance.

from transformer_lib.exercises.chapter_28 import check

check(1, mine)
"""

import torch
from torch import Tensor

from transformer_lib.exercises.marking import Exercise, Mark, mark


def check(number: int, mine) -> Mark:
    """Mark an answer.

    Args:
        number: of the exercise: 1, `same(rows)`; 2, `tfidf(counts)`; 3, `error(right)`.
        mine: the function.

    Raises:
        ValueError: if there is no such exercise, or `mine` is not a function.
    """
    return mark(EXERCISES, number, mine)


def _rows(size: int) -> tuple[Tensor]:
    return (torch.randint(2, (size, 2)).double(),)


def _counts(texts: int) -> tuple[Tensor]:
    counts = torch.randint(4, (texts, 5)).double()
    counts[:, 0] = 1 + torch.arange(texts) % 3  # a word of all texts, and no text is empty
    return (counts,)


def _right(size: int) -> tuple[Tensor]:
    right = torch.rand(size) < 0.7
    right[0], right[1] = True, False
    return (right,)


def _same(rows: Tensor) -> Tensor:
    return (rows[:, None] == rows).all(-1).int().argmax(1)


def _tfidf(counts: Tensor, smooth: int = 1, log: bool = True, divide: bool = True) -> Tensor:
    seen = (counts > 0).sum(0).clamp(min=1 - smooth)
    idf = 1 + ((smooth + len(counts)) / (smooth + seen)).log()
    tf = 1 + counts.clamp(min=1).log() if log else counts
    weights = torch.where(counts > 0, tf, 0.0) * idf
    return weights / weights.norm(dim=1, keepdim=True) if divide else weights


def _error(right: Tensor) -> Tensor:
    p = right.double().mean()
    return (p * (1 - p) / len(right)).sqrt()


EXERCISES = {
    1: Exercise(
        right=_same,
        draw=lambda: _rows(int(torch.randint(6, 12, ()))),
        small=lambda: _rows(5),
        mistakes={
            "each row is its own: copies are not found.": lambda r: torch.arange(len(r)),
            "this is the last row that is equal, not the first.": (
                lambda r: len(r) - 1 - (r[:, None] == r).all(-1).flip(1).int().argmax(1)
            ),
            "one equal number is enough here: the whole row must be equal.": (
                lambda r: (r[:, None] == r).any(-1).int().argmax(1)
            ),
        },
        properties={
            "A row's number must be at most its own place.": (
                lambda f, given: bool((f(*given) <= torch.arange(len(given[0]))).all())
            )
        },
    ),
    2: Exercise(
        right=_tfidf,
        draw=lambda: _counts(int(torch.randint(4, 9, ()))),
        small=lambda: _counts(3),
        mistakes={
            "the rows are not divided by their length.": lambda c: _tfidf(c, divide=False),
            "counts stand as they are: take 1 + log of them.": lambda c: _tfidf(c, log=False),
            "the ones in the fraction are missing.": lambda c: _tfidf(c, smooth=0),
        },
        properties={
            "Each row must have length 1.": (
                lambda f, given: torch.allclose(f(*given).norm(dim=1), torch.ones(()).double())
            )
        },
    ),
    3: Exercise(
        right=_error,
        draw=lambda: _right(int(torch.randint(20, 60, ()))),
        small=lambda: _right(4),
        mistakes={
            "this is the spread of one answer: divide by the number of rows.": (
                lambda r: _error(r) * len(r) ** 0.5
            ),
            "the root is missing: this is the variance.": lambda r: _error(r) ** 2,
            "this is two standard errors.": lambda r: 2 * _error(r),
            "this is the mean itself.": lambda r: r.double().mean(),
        },
        properties={
            "Right and wrong may change places.": (
                lambda f, given: torch.allclose(f(*given), f(~given[0]))
            )
        },
    ),
}
