"""The exercises of chapter 17: cosines, the loss in both directions, and recall.

from transformer_lib.exercises.chapter_17 import check

check(2, mine)
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from transformer_lib.exercises.marking import Exercise, Mark, mark
from transformer_lib.layers.contrastive import contrastive_loss
from transformer_lib.measure.retrieval import ranks


def check(number: int, mine) -> Mark:
    """Mark an answer.

    Args:
        number: of the exercise: 1, `cosines(a, b)`, the cosine of each row of `a` (n, width) with
            each row of `b` (m, width), as (n, m); 2, `loss(a, b, scale)`, the contrastive loss of
            pairs of vectors of length 1 (n, width), as (1,); 3, `recall(scores, k)`, the share of
            rows (n, n) whose own column is among the k largest, as (1,).
        mine: the function.

    Raises:
        ValueError: if there is no such exercise, or `mine` is not a function.
    """
    return mark(EXERCISES, number, mine)


# --- cosines ---------------------------------------------------------------------------------


def _cosines(a: Tensor, b: Tensor) -> Tensor:
    return F.normalize(a, dim=1) @ F.normalize(b, dim=1).T


def _draw_vectors() -> tuple[Tensor, Tensor]:
    n, m, width = torch.randint(2, 6, (3,)).tolist()
    return torch.randn(n, width, dtype=torch.float64), torch.randn(m, width, dtype=torch.float64)


def _small_vectors() -> tuple[Tensor, Tensor]:
    return torch.tensor([[3.0, 4.0], [0.0, 2.0]]).double(), torch.tensor([[1.0, 0.0]]).double()


def _longer(function, given: tuple) -> bool:
    a, b = given
    return torch.allclose(function(7 * a, b), function(a, b), atol=1e-6)


# --- the loss --------------------------------------------------------------------------------


def _loss(a: Tensor, b: Tensor, scale: float) -> Tensor:
    return contrastive_loss(a, b, scale)[None]


def _draw_pairs() -> tuple[Tensor, Tensor, float]:
    n, width = torch.randint(3, 7, (2,)).tolist()
    a, b = F.normalize(torch.randn(2, n, width, dtype=torch.float64), dim=2)
    return a, b, 1 + 9 * torch.rand(()).item()


def _one_way(scores: Tensor) -> Tensor:
    return F.cross_entropy(scores, torch.arange(len(scores)))[None]


def _sides_change(function, given: tuple) -> bool:
    a, b, scale = given
    return torch.allclose(function(b, a, scale), function(a, b, scale), atol=1e-6)


# --- recall ----------------------------------------------------------------------------------


def _recall(scores: Tensor, k: int) -> Tensor:
    return (ranks(scores) < k).double().mean()[None]


def _draw_scores() -> tuple[Tensor, int]:
    n = int(torch.randint(8, 14, ()))
    return torch.randn(n, n, dtype=torch.float64), int(torch.randint(2, 4, ()))


def _all_found(function, given: tuple) -> bool:
    scores, _ = given
    return bool((function(scores, len(scores)) == 1).all())


EXERCISES = {
    1: Exercise(
        right=_cosines,
        draw=_draw_vectors,
        small=_small_vectors,
        mistakes={
            "these are products, not cosines: neither side was brought to length 1.": lambda a, b: (
                a @ b.T
            ),
            "only one side was brought to length 1.": lambda a, b: F.normalize(a, dim=1) @ b.T,
            "only the second side was brought to length 1.": lambda a, b: (
                a @ F.normalize(b, dim=1).T
            ),
            "lengths were taken along the batch (dim=0), not along the features.": lambda a, b: (
                F.normalize(a, dim=0) @ F.normalize(b, dim=0).T
            ),
            "it was divided by the squares of the lengths: take the root.": lambda a, b: (
                (a / a.square().sum(1, keepdim=True)) @ (b / b.square().sum(1, keepdim=True)).T
            ),
        },
        properties={"A vector seven times as long must have the same cosines.": _longer},
    ),
    2: Exercise(
        right=_loss,
        draw=_draw_pairs,
        small=_draw_pairs,
        mistakes={
            "it asks in one direction only: for each row of a, which of b?": lambda a, b, s: (
                _one_way(s * a @ b.T)
            ),
            "it asks in one direction only: for each row of b, which of a?": lambda a, b, s: (
                _one_way(s * b @ a.T)
            ),
            "the two directions are added up: take their mean.": lambda a, b, s: 2 * _loss(a, b, s),
            "the cosines are divided by the scale: multiply by it.": lambda a, b, s: _loss(
                a, b, 1 / s
            ),
            "the scale was left out.": lambda a, b, s: _loss(a, b, 1.0),
            "it is a sum over the pairs: take the mean.": lambda a, b, s: len(a) * _loss(a, b, s),
        },
        properties={"Pictures and names may change places.": _sides_change},
    ),
    3: Exercise(
        right=_recall,
        draw=_draw_scores,
        small=lambda: (torch.arange(100.0).view(10, 10).fmod(7).double() + torch.rand(10, 10), 2),
        mistakes={
            "it looks at the k smallest.": lambda s, k: _recall(-s, k),
            "it goes down the columns: each row is a query.": lambda s, k: _recall(s.T, k),
            "it looks at the first only, whatever k is.": lambda s, k: _recall(s, 1),
            "it is one too generous: rank k itself is beyond the first k.": lambda s, k: _recall(
                s, k + 1
            ),
            "it is one too strict: of ranks that begin with 0, k - 1 counts.": lambda s, k: _recall(
                s, k - 1
            ),
        },
        properties={"Among all candidates the right one is always found.": _all_found},
    ),
}
