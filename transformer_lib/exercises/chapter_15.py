"""The exercises of chapter 15: generalized IoU, the best assignment, average precision.

from transformer_lib.exercises.chapter_15 import check

check(2, mine)
"""

from itertools import permutations

import torch
from torch import Tensor

from transformer_lib.exercises.marking import Exercise, Mark, mark
from transformer_lib.measure.boxes import generalized_iou, iou
from transformer_lib.measure.sets import match


def check(number: int, mine) -> Mark:
    """Mark an answer.

    Args:
        number: of the exercise: 1, `giou(a, b)`, row by row; 2, `assign(cost)`, the query of each
            object; 3, `ap(scores, hits, total)`, the mean of the staircase at 101 recalls.
        mine: the function.

    Raises:
        ValueError: if there is no such exercise, or `mine` is not a function.
    """
    return mark(EXERCISES, number, mine)


# --- what is drawn ---------------------------------------------------------------------------


def _boxes(count: int) -> Tensor:
    first = 3 * torch.rand(count, 2, dtype=torch.float64)
    return torch.cat([first, first + 0.5 + torch.rand(count, 2, dtype=torch.float64)], dim=1)


def _small_boxes() -> tuple[Tensor, Tensor]:
    first = torch.randint(0, 3, (2, 2, 2)).double()
    size = torch.randint(1, 3, (2, 2, 2)).double()
    return tuple(torch.cat([first, first + size], dim=2))


def _draw_answers() -> tuple[Tensor, Tensor, Tensor]:
    count = int(torch.randint(8, 16, ()))
    hits = torch.rand(count) < 0.6
    hits[:2] = torch.tensor([True, False])
    scores = torch.randperm(count).double() / count
    return scores, hits, hits.sum() + int(torch.randint(1, 4, ()))


# --- right and wrong -------------------------------------------------------------------------


def _giou(a: Tensor, b: Tensor) -> Tensor:
    return generalized_iou(a, b).diagonal()


def _iou(a: Tensor, b: Tensor) -> Tensor:
    return iou(a, b).diagonal()


def _union(a: Tensor, b: Tensor) -> Tensor:
    """The areas that either covers."""
    area = sum((x[:, 2:] - x[:, :2]).prod(1) for x in (a, b))
    ratio = _iou(a, b)
    return area / (1 + ratio)


def _around(a: Tensor, b: Tensor) -> Tensor:
    return (torch.maximum(a[:, 2:], b[:, 2:]) - torch.minimum(a[:, :2], b[:, :2])).prod(1)


def _unclamped(a: Tensor, b: Tensor) -> Tensor:
    shared = (torch.minimum(a[:, 2:], b[:, 2:]) - torch.maximum(a[:, :2], b[:, :2])).prod(1)
    union = sum((x[:, 2:] - x[:, :2]).prod(1) for x in (a, b)) - shared
    return shared / union - (_around(a, b) - union) / _around(a, b)


def _assign(cost: Tensor) -> Tensor:
    queries, objects = match(cost)
    return queries[objects.argsort()]


def _greedy(cost: Tensor) -> Tensor:
    """The cheapest pair first, then the next."""
    cost, chosen = cost.clone(), torch.zeros(cost.size(1)).long()
    for _ in range(cost.size(1)):
        query, wanted = divmod(int(cost.argmin()), cost.size(1))
        chosen[wanted] = query
        cost[query], cost[:, wanted] = torch.inf, torch.inf
    return chosen


def _in_turn(cost: Tensor) -> Tensor:
    """Each object in turn takes the cheapest query that is left."""
    cost, chosen = cost.clone(), []
    for wanted in range(cost.size(1)):
        chosen.append(int(cost[:, wanted].argmin()))
        cost[chosen[-1]] = torch.inf
    return torch.tensor(chosen)


def _dearest(cost: Tensor) -> Tensor:
    ways = permutations(range(len(cost)), cost.size(1))
    return torch.tensor(max(ways, key=lambda way: sum(cost[q, n] for n, q in enumerate(way))))


def _curve(scores: Tensor, hits: Tensor, total: Tensor) -> tuple[Tensor, Tensor]:
    found = hits[scores.argsort(descending=True)].double().cumsum(0)
    return found / torch.arange(1, len(found) + 1), found / total


def _stairs(precision: Tensor, recall: Tensor, at: int = 101) -> Tensor:
    reached = recall[None] >= torch.linspace(0, 1, at, dtype=torch.float64)[:, None] - 1e-12
    return (reached * precision).amax(dim=1).mean()


def _ap(scores: Tensor, hits: Tensor, total: Tensor) -> Tensor:
    return _stairs(*_curve(scores, hits, total))


def _no_stairs(scores: Tensor, hits: Tensor, total: Tensor) -> Tensor:
    """Each recall reads the precision where it is first reached, and not the best from there on."""
    precision, recall = _curve(scores, hits, total)
    at = torch.searchsorted(recall, torch.linspace(0, 1, 101, dtype=torch.float64) - 1e-12)
    return torch.cat([precision, torch.zeros(1).double()])[at].mean()


def _at_hits(scores: Tensor, hits: Tensor, total: Tensor) -> Tensor:
    precision, _ = _curve(scores, hits, total)
    return (precision * hits[scores.argsort(descending=True)]).sum() / total


# --- properties ------------------------------------------------------------------------------


def _same_is_one(function, given: tuple) -> bool:
    a, _ = given
    return torch.allclose(function(a, a), torch.ones(len(a)).double(), atol=1e-6)


def _either_way(function, given: tuple) -> bool:
    a, b = given
    return torch.allclose(function(a, b), function(b, a), atol=1e-6)


def _never_twice(function, given: tuple) -> bool:
    return len(set(function(*given).tolist())) == given[0].size(1)


def _sure_hits_first(function, given: tuple) -> bool:
    scores, hits, total = given
    return bool(function(hits.double() + 0.1 * scores, hits, total) >= function(*given) - 1e-6)


EXERCISES = {
    1: Exercise(
        right=_giou,
        draw=lambda: (_boxes(9), _boxes(9)),
        small=_small_boxes,
        mistakes={
            "this is the IoU: nothing is taken away for what neither fills.": _iou,
            "boxes that do not touch share a negative width and height, whose product can be "
            "positive. Clamp them at 0.": _unclamped,
            "what neither fills is divided by the union, and should be by the box around both.": (
                lambda a, b: _iou(a, b) - (_around(a, b) - _union(a, b)) / _union(a, b)
            ),
            "what neither fills is added, and should be taken away.": lambda a, b: (
                _iou(a, b) + (_around(a, b) - _union(a, b)) / _around(a, b)
            ),
            "this is 1 - GIoU, the loss.": lambda a, b: 1 - _giou(a, b),
        },
        properties={
            "A box and itself must give 1.": _same_is_one,
            "It must not matter which of the two is named first.": _either_way,
        },
    ),
    2: Exercise(
        right=_assign,
        draw=lambda: (torch.randn(6, 4, dtype=torch.float64),),
        small=lambda: (torch.randint(0, 9, (3, 2)).double() + torch.rand(3, 2).double() / 9,),
        mistakes={
            "every object takes its cheapest query, and two may take the same.": lambda cost: (
                cost.argmin(dim=0)
            ),
            "the cheapest pair goes first, then the cheapest of the rest: that can end dearer.": (
                _greedy
            ),
            "each object in turn takes the cheapest query left: the order of the list matters.": (
                _in_turn
            ),
            "this is the dearest way.": _dearest,
            "the queries are in ascending order, and should be in that of the objects.": (
                lambda cost: match(cost)[0]
            ),
            "these are the objects of the queries, and should be the queries of the objects.": (
                lambda cost: match(cost)[1]
            ),
        },
        properties={"No query may have two objects.": _never_twice},
    ),
    3: Exercise(
        right=_ap,
        draw=_draw_answers,
        small=lambda: (
            torch.tensor([0.9, 0.8, 0.7]).double(),
            torch.rand(3) < 0.7,
            torch.tensor(3),
        ),
        mistakes={
            "the answers are not sorted by their scores.": lambda scores, hits, total: _ap(
                -torch.arange(len(scores)).double(), hits, total
            ),
            "the least sure answer goes first.": lambda scores, hits, total: _ap(
                -scores, hits, total
            ),
            "recall counts the hits of all hits, and should count them of all objects.": (
                lambda scores, hits, total: _ap(scores, hits, hits.sum())
            ),
            "each recall reads the precision where it is reached, and should read the best from "
            "there on: a staircase never rises.": _no_stairs,
            "the precision is averaged over the hits, and should be read at 101 recalls.": _at_hits,
            "it is read at 11 recalls, as in an older contest, and should be at 101.": (
                lambda scores, hits, total: _stairs(*_curve(scores, hits, total), at=11)
            ),
        },
        properties={"To be surer of the hits must not make it worse.": _sure_hits_first},
    ),
}
