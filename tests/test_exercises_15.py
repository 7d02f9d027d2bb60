"""Chapter 15's exercises: what readers write, in loops, is known by what it does."""

from itertools import permutations

import pytest
import torch
from marks import assert_told

from transformer_lib.exercises.chapter_15 import check


def giou(a, b, *, clamp=True, by="around", sign=-1.0):
    out = []
    for (l1, t1, r1, b1), (l2, t2, r2, b2) in zip(a.tolist(), b.tolist(), strict=True):
        wide, high = min(r1, r2) - max(l1, l2), min(b1, b2) - max(t1, t2)
        if clamp:
            wide, high = max(wide, 0.0), max(high, 0.0)
        union = (r1 - l1) * (b1 - t1) + (r2 - l2) * (b2 - t2) - wide * high
        around = (max(r1, r2) - min(l1, l2)) * (max(b1, b2) - min(t1, t2))
        rest = (around - union) / (around if by == "around" else union)
        out.append(wide * high / union + sign * rest)
    return torch.tensor(out, dtype=torch.float64)


def cheapest(cost, *, best=min):
    ways = [*permutations(range(len(cost)), cost.shape[1])]
    return torch.tensor(best(ways, key=lambda way: sum(cost[q, n] for n, q in enumerate(way))))


def in_turn(cost):
    taken = []
    for n in range(cost.shape[1]):
        left = [q for q in range(len(cost)) if q not in taken]
        taken.append(min(left, key=lambda q: float(cost[q, n])))
    return torch.tensor(taken)


def pair_by_pair(cost):
    taken = {}
    pairs = sorted((float(cost[q, n]), q, n) for q in range(len(cost)) for n in range(len(cost[0])))
    for _, q, n in pairs:
        if q not in taken.values() and n not in taken:
            taken[n] = q
    return torch.tensor([taken[n] for n in sorted(taken)])


def loop_ap(scores, hits, total, *, turn=1, recalls=101, stairs=True, of=None):
    order = sorted(range(len(scores)), key=lambda i: -turn * float(scores[i]))
    curve, found = [], 0
    for rank, i in enumerate(order, start=1):
        found += bool(hits[i])
        curve.append((found / float(total if of is None else of(hits)), found / rank))
    at = []
    for k in range(recalls):
        reached = [p for r, p in curve if r >= k / (recalls - 1) - 1e-12]
        at.append((max(reached) if stairs else reached[0]) if reached else 0.0)
    return torch.tensor(sum(at) / recalls, dtype=torch.float64)


ANSWERS = [
    (1, giou, None),
    (1, lambda a, b: giou(a, b, sign=0.0), "this is the IoU"),
    (1, lambda a, b: giou(a, b, clamp=False), "Clamp them at 0"),
    (1, lambda a, b: giou(a, b, by="union"), "divided by the union"),
    (1, lambda a, b: giou(a, b, sign=1.0), "is added"),
    (1, lambda a, b: 1 - giou(a, b), "the loss"),
    (2, cheapest, None),
    (2, lambda cost: torch.tensor([int(c.argmin()) for c in cost.T]), "two may take the same"),
    (2, pair_by_pair, "cheapest pair goes first"),
    (2, in_turn, "the order of the list matters"),
    (2, lambda cost: cheapest(cost, best=max), "the dearest way"),
    (2, lambda cost: cheapest(cost).sort().values, "in ascending order"),
    (2, lambda cost: cheapest(cost).argsort(), "the objects of the queries"),
    (3, loop_ap, None),
    (3, lambda s, h, n: loop_ap(-torch.arange(len(s)), h, n), "not sorted"),
    (3, lambda s, h, n: loop_ap(s, h, n, turn=-1), "least sure answer goes first"),
    (3, lambda s, h, n: loop_ap(s, h, n, of=sum), "of all hits"),
    (3, lambda s, h, n: loop_ap(s, h, n, stairs=False), "never rises"),
    (3, lambda s, h, n: loop_ap(s, h, n, recalls=11), "at 11 recalls"),
]


@pytest.mark.parametrize(("number", "answer", "said"), ANSWERS)
def test_an_answer_is_known_however_it_is_written(number, answer, said):
    assert_told(check(number, answer), said)


@pytest.mark.parametrize(
    ("number", "answer", "said"),
    [
        (1, lambda a, b: giou(a, b) + 0.25, "A box and itself must give 1."),
        (
            1,
            lambda a, b: giou(a, b) + (a[:, 0] - b[:, 0]) / 9,
            "It must not matter which of the two",
        ),
        (2, lambda cost: 0 * cheapest(cost), "No query may have two objects."),
        (3, lambda s, h, n: -loop_ap(s, h, n), "To be surer of the hits must not make it worse."),
    ],
)
def test_an_unknown_mistake_is_told_by_a_property(number, answer, said):
    assert f"Not yet. {said}" in check(number, answer)
