"""The exercises of chapter 24: the share of the future, the entropy of frequencies, lost steps.

from transformer_lib.exercises.chapter_24 import check

check(1, mine)
"""

import torch
from torch import Tensor

from transformer_lib.exercises.marking import Exercise, Mark, mark


def check(number: int, mine) -> Mark:
    """Mark an answer.

    Args:
        number: of the exercise: 1, `future_share(found)`; 2, `frequencies(targets, counted)`;
            3, `lost(weights, steps)`.
        mine: the function.

    Raises:
        ValueError: if there is no such exercise, or `mine` is not a function.
    """
    return mark(EXERCISES, number, mine)


def _square(size: int) -> tuple[Tensor]:
    return (torch.rand(size, size, dtype=torch.float64) + 0.1,)


def _counts(size: int) -> tuple[Tensor, Tensor]:
    targets = torch.randint(4, (size,)) * 2 + 1  # some numbers never come
    return targets, torch.arange(size) < size - 2


def _weights(size: int) -> tuple[Tensor, Tensor]:
    weights = torch.randn(size) * 0.1
    return weights, torch.randn(size).exp() * 3e-4


def _entropy(share: Tensor) -> Tensor:
    share = share[share > 0]
    return -(share * share.log()).sum()


def _frequencies(targets: Tensor, counted: Tensor) -> Tensor:
    return _entropy(targets[counted].bincount().double() / counted.sum())


def _lost(weights: Tensor, steps: Tensor) -> Tensor:
    w, s = weights.bfloat16(), steps.bfloat16()
    return (w - s == w).double().mean()


def _scale_free(function, given: tuple) -> bool:
    """Twice the influence is the same share."""
    return torch.allclose(function(2 * given[0]), function(*given), atol=1e-6)


def _order_free(function, given: tuple) -> bool:
    return torch.allclose(function(*(x.flip(0) for x in given)), function(*given), atol=1e-6)


def _nothing_lost(function, given: tuple) -> bool:
    """A step as large as the weight is never lost."""
    return float(function(given[0], given[0])) == 0.0


EXERCISES = {
    1: Exercise(
        right=lambda found: found.triu(1).sum() / found.sum(),
        draw=lambda: _square(int(torch.randint(5, 9, ()))),
        small=lambda: _square(3),
        mistakes={
            "the diagonal is counted as future, and an output may read its own place.": (
                lambda f: f.triu().sum() / f.sum()
            ),
            "this is the past: rows are outputs, columns tokens, so the future lies above the "
            "diagonal.": lambda f: f.tril(-1).sum() / f.sum(),
            "this is past and present, all that may be read.": lambda f: f.tril().sum() / f.sum(),
            "the sum is not divided by that of all.": lambda f: f.triu(1).sum(),
            "each row is divided by its own sum first, so that all outputs weigh the same.": (
                lambda f: (f / f.sum(1, keepdim=True)).triu(1).sum() / len(f)
            ),
        },
        properties={"Twice the influence is the same share.": _scale_free},
    ),
    2: Exercise(
        right=_frequencies,
        draw=lambda: _counts(int(torch.randint(12, 30, ()))),
        small=lambda: _counts(6),
        mistakes={
            "it is in bits: the natural logarithm gives nats.": (
                lambda t, c: _frequencies(t, c) / torch.tensor(2.0).log()
            ),
            "all targets count, also where `counted` is False.": (
                lambda t, c: _entropy(t.bincount().double() / len(t))
            ),
            "the sign is missing: it is negative.": lambda t, c: -_frequencies(t, c),
            "it is the logarithm of how many there are: they do not come equally often.": (
                lambda t, c: torch.tensor(float(len(t[c].unique()))).log()
            ),
            "numbers that never come give 0 · log 0, which is NaN.": (
                lambda t, c: torch.tensor(torch.nan)
            ),
        },
        properties={"The order of the targets must not matter.": _order_free},
    ),
    3: Exercise(
        right=_lost,
        draw=lambda: _weights(int(torch.randint(40, 80, ()))),
        small=lambda: _weights(6),
        mistakes={
            "it is computed in float32, where nothing is lost: round to bfloat16 first.": (
                lambda w, s: (w - s == w).double().mean()
            ),
            "this is the share that moves.": lambda w, s: 1 - _lost(w, s),
            "a step counts as lost where it is small, whatever the weight.": (
                lambda w, s: (s.bfloat16() < 1e-3).double().mean()
            ),
            "this is how many, not which part.": lambda w, s: _lost(w, s) * len(w),
        },
        properties={"A step as large as its weight is never lost.": _nothing_lost},
    ),
}
