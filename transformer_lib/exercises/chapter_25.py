"""The exercises of chapter 25: one mean of unequal parts, the sum in parts, a law's prediction.

from transformer_lib.exercises.chapter_25 import check

check(1, mine)
"""

import torch
from torch import Tensor

from transformer_lib.exercises.marking import Exercise, Mark, mark


def check(number: int, mine) -> Mark:
    """Mark an answer.

    Args:
        number: of the exercise: 1, `loss_of_all(means, counts)`; 2, `reduce_scatter(x)`;
            3, `predict(sizes, losses, floor, target)`.
        mine: the function.

    Raises:
        ValueError: if there is no such exercise, or `mine` is not a function.
    """
    return mark(EXERCISES, number, mine)


def _parts(size: int) -> tuple[Tensor, Tensor]:
    return torch.rand(size, dtype=torch.float64) * 4, torch.arange(1, size + 1).double() ** 2


def _runs(size: int) -> tuple[Tensor, ...]:
    sizes = (torch.arange(size).double() + 1) * 1000
    losses = 1.5 + 30 * sizes**-0.4 + 0.01 * torch.rand(size, dtype=torch.float64)
    return sizes, losses, torch.tensor(1.0 + torch.rand(()).item() / 4).double(), 4 * sizes[-1]


def _scattered(x: Tensor) -> Tensor:
    return x.sum(0).unflatten(0, (len(x), -1))


def _line(sizes: Tensor, losses: Tensor, target: Tensor) -> Tensor:
    """The straight line through logarithms, at the target."""
    x, y = sizes.log(), losses.log()
    slope = ((x - x.mean()) * (y - y.mean())).sum() / (x - x.mean()).square().sum()
    return (y.mean() + slope * (target.log() - x.mean())).exp()


def _equal_counts(function, given: tuple) -> bool:
    means, counts = given
    same = torch.full_like(counts, 3)
    return torch.allclose(function(means, same), means.mean(), atol=1e-6)


def _adds(function, given: tuple) -> bool:
    return torch.allclose(function(2 * given[0]), 2 * function(*given), atol=1e-6)


def _floor_moves(function, given: tuple) -> bool:
    sizes, losses, floor, target = given
    moved = function(sizes, losses + 1, floor + 1, target)
    return torch.allclose(moved, function(*given) + 1, atol=1e-6)


EXERCISES = {
    1: Exercise(
        right=lambda means, counts: (means * counts).sum() / counts.sum(),
        draw=lambda: _parts(int(torch.randint(2, 6, ()))),
        small=lambda: _parts(2),
        mistakes={
            "the mean of means: each batch weighs the same, however few tokens it counts.": (
                lambda means, counts: means.mean()
            ),
            "the sum is not divided by all counts, but by the number of batches.": (
                lambda means, counts: (means * counts).mean()
            ),
            "a mean times its count is the sum again: do not divide by the count.": (
                lambda means, counts: (means / counts).sum() / counts.sum()
            ),
        },
        properties={"Where all count equally many, it is the plain mean.": _equal_counts},
    ),
    2: Exercise(
        right=_scattered,
        draw=lambda: (_wide(int(torch.randint(2, 5, ()))),),
        small=lambda: (torch.arange(8.0).view(2, 4).double(),),
        mistakes={
            "this is the mean; a sum is asked for.": lambda x: _scattered(x) / len(x),
            "every process keeps the whole sum: that is an all-reduce.": (
                lambda x: x.sum(0).expand(len(x), -1)
            ),
            "each process keeps its part of its own numbers, and nothing is summed.": (
                lambda x: torch.stack([row.chunk(len(x))[r] for r, row in enumerate(x)])
            ),
            "the parts are dealt out like cards; part r is the r-th block.": (
                lambda x: x.sum(0).unflatten(0, (-1, len(x))).mT
            ),
        },
        properties={"Twice the numbers are twice the sums.": _adds},
    ),
    3: Exercise(
        right=lambda sizes, losses, floor, target: floor + _line(sizes, losses - floor, target),
        draw=lambda: _runs(int(torch.randint(4, 8, ()))),
        small=lambda: _runs(3),
        mistakes={
            "the floor is subtracted, and never added again.": (
                lambda sizes, losses, floor, target: _line(sizes, losses - floor, target)
            ),
            "a straight line through the losses' own logarithms, as if there were no floor.": (
                lambda sizes, losses, floor, target: _line(sizes, losses, target)
            ),
            "only the sizes are in logarithms; losses above the floor must be too.": (
                lambda sizes, losses, floor, target: _line(sizes, losses.exp(), target).log()
            ),
        },
        properties={"Losses and floor raised by 1 raise the prediction by 1.": _floor_moves},
    ),
}


def _wide(processes: int) -> Tensor:
    return torch.rand(processes, 3 * processes, dtype=torch.float64)
