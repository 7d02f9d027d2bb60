"""The exercises of chapter 23: what is in memory, a softmax's gradient, and how long a segment is.

from transformer_lib.exercises.chapter_23 import check

check(1, mine)
"""

from itertools import pairwise

import torch
from torch import Tensor

from transformer_lib.exercises.marking import Exercise, Mark, mark


def check(number: int, mine) -> Mark:
    """Mark an answer.

    Args:
        number: of the exercise: 1, `most(kept)`, the units in memory at the worst time; 2,
            `backward(weights, grad)`, the gradient at the scores of a softmax; 3,
            `segment(n, c)`, the layers of the segment that needs the least memory.
        mine: the function.

    Raises:
        ValueError: if there is no such exercise, or `mine` is not a function.
    """
    return mark(EXERCISES, number, mine)


def _size(least: int = 2, most: int = 6) -> int:
    return int(torch.randint(least, most, ()))


def _draw_kept(least: int = 6, most: int = 13) -> tuple[Tensor]:
    kept = torch.rand(_size(least, most)) < 0.4
    kept[0] = True
    return (kept,)


def _draw_weights() -> tuple[Tensor, Tensor]:
    scores, grad = torch.randn(2, _size(), _size(6, 9), dtype=torch.float64)
    return scores.softmax(dim=-1), grad


def _small_weights() -> tuple[Tensor, Tensor]:
    weights = torch.tensor([[0.5, 0.5, 0.0], [0.25, 0.25, 0.5]]).double()
    return weights, torch.randint(-3, 4, (2, 3)).double()


def _draw_stacks(count: int = 6) -> tuple[Tensor, Tensor]:
    n = torch.tensor([12, 16, 24, 36, 64, 96])[torch.randint(6, (count,))]
    return n, torch.randint(1, 20, (count,))


def _segments(kept: Tensor) -> list[tuple[int, int]]:
    return [*pairwise([*kept.nonzero().flatten().tolist(), len(kept)])]


def _most(kept: Tensor) -> Tensor:
    return torch.tensor(max(i + end - first for i, (first, end) in enumerate(_segments(kept))))


def _longest(kept: Tensor) -> Tensor:
    return torch.tensor(max(end - first for first, end in _segments(kept)))


def _backward(weights: Tensor, grad: Tensor) -> Tensor:
    return weights * (grad - (weights * grad).sum(dim=-1, keepdim=True))


def _segment(n: Tensor, c: Tensor) -> Tensor:
    def best(n: int, c: int) -> int:
        return min((k for k in range(1, n + 1) if n % k == 0), key=lambda k: n / k + c * k - 1)

    return torch.tensor([best(*pair) for pair in zip(n.tolist(), c.tolist(), strict=True)])


# --- properties ------------------------------------------------------------------------------


def _all_kept(function, given: tuple) -> bool:
    (kept,) = given
    return function(torch.ones_like(kept)).item() == len(kept)


def _first_kept(function, given: tuple) -> bool:
    (kept,) = given
    return function(torch.arange(len(kept)) == 0).item() == len(kept)


def _adds_up_to_nothing(function, given: tuple) -> bool:
    return torch.allclose(function(*given).sum(dim=-1), given[0].new_zeros(()), atol=1e-9)


def _divides(function, given: tuple) -> bool:
    return bool((given[0] % function(*given) == 0).all())


def _alone_where_it_holds_much(function, given: tuple) -> bool:
    n, _ = given
    return bool((function(n, n) == 1).all())


EXERCISES = {
    1: Exercise(
        right=_most,
        draw=_draw_kept,
        small=lambda: _draw_kept(3, 6),
        mistakes={
            "that is in memory when the forward pass is done. In the backward pass a segment is "
            "opened, and comes on top.": lambda kept: kept.sum(),
            "the longest segment alone. What is kept before it is in memory too.": _longest,
            "right where all segments are equal. A segment is opened after those behind it, and "
            "what was kept for them is free by then.": lambda kept: kept.sum() + _longest(kept) - 1,
            "one too many: the first input of an open segment is the one that was kept.": (
                lambda kept: _most(kept) + 1
            ),
        },
        properties={
            "Where all are kept, all are in memory.": _all_kept,
            "Where only the first is kept, all are open at once.": _first_kept,
        },
    ),
    2: Exercise(
        right=_backward,
        draw=_draw_weights,
        small=_small_weights,
        mistakes={
            "each weight by itself. A score moves the other weights of its row too, since they "
            "add up to 1.": lambda weights, grad: weights * grad,
            "only the diagonal, w(1 − w), as for a sigmoid: the other weights of the row move as "
            "well.": lambda weights, grad: weights * (1 - weights) * grad,
            "what is taken away is summed over the queries, and should be summed over the keys.": (
                lambda weights, grad: weights * (grad - (weights * grad).sum(0, keepdim=True))
            ),
            "the gradients of a row are added up without their weights.": lambda weights, grad: (
                weights * (grad - grad.sum(dim=-1, keepdim=True))
            ),
            "right but for the last step: each difference must be multiplied by its weight.": (
                lambda weights, grad: grad - (weights * grad).sum(dim=-1, keepdim=True)
            ),
        },
        properties={
            "A number added to all scores of a row changes no weight, so a row of the gradient "
            "adds up to 0.": _adds_up_to_nothing,
        },
    ),
    3: Exercise(
        right=_segment,
        draw=_draw_stacks,
        small=lambda: _draw_stacks(2),
        mistakes={
            "the rule for a chain whose open layer holds one unit; here it holds c.": (
                lambda n, c: _segment(n, torch.ones_like(c))
            ),
            "one layer always. That is best only where c is at least half of n.": (
                lambda n, c: torch.ones_like(n)
            ),
            "the whole model in one segment: the least when the forward pass is done, and the "
            "most in the backward pass.": lambda n, c: n,
            "√(n/c), rounded. It must divide n, and so the best may lie on the other side.": (
                lambda n, c: (n / c).sqrt().round().clamp(min=1).long()
            ),
        },
        properties={
            "It must divide n.": _divides,
            "Where an open layer holds n units, it should be opened alone.": (
                _alone_where_it_holds_much
            ),
        },
    ),
}
