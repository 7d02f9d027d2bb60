"""The exercises of chapter 10: wrong answers, written otherwise, are still named."""

import math

import pytest
import torch
from marks import assert_told

from transformer_lib.exercises.chapter_10 import check


def one_by_one(logits, targets, log=math.log2, shift=0):
    """The mean cost in loops."""
    costs = []
    for scores, wanted in zip(logits, targets, strict=True):
        for t in range(len(wanted) - shift):
            powers = scores[t].exp()
            costs.append(-log((powers[wanted[t + shift]] / powers.sum()).item()))
    return torch.tensor(sum(costs) / len(costs), dtype=torch.float64)


def smoothed(counts, shorter, kinds=None, guard=True):
    """Witten and Bell's step in a loop; `kinds` may take the place of T."""
    total = sum(counts.tolist())
    new = sum(c > 0 for c in counts.tolist()) if kinds is None else kinds(counts)
    if guard and not total:
        return shorter
    return torch.stack(
        [(c + new * s) / (total + new) for c, s in zip(counts, shorter, strict=True)]
    )


def by_powers(x, power=3, factor=0.044715):
    inside = (2 / math.pi) ** 0.5 * (x + factor * x**power)
    return x * (inside.exp() / (inside.exp() + (-inside).exp()))  # (1 + tanh) / 2


ANSWERS = [
    (1, one_by_one, None),
    (1, lambda s, t: one_by_one(s, t, log=math.log), "these are nats"),
    (1, lambda s, t: one_by_one(s, t, shift=1), "one character too late"),
    (1, lambda s, t: 2 ** one_by_one(s, t), "perplexity"),
    (2, smoothed, None),
    (2, lambda c, s: smoothed(c, torch.full_like(s, 1 / len(s)), len, guard=False),
     "one is added to every count"),
    (2, lambda c, s: smoothed(c, s, guard=False), "divides by zero"),
    (2, lambda c, s: smoothed(c, s, len, guard=False), "T is the size of the vocabulary"),
    (2, lambda c, s: smoothed(c, s, lambda c: c.sum()), "T counts how often"),
    (3, by_powers, None),
    (3, lambda x: x * 0.5 * torch.erfc(-x / 2**0.5), "that is the exact GELU"),
    (3, lambda x: by_powers(x, power=2), "should stand a cube"),
    (3, lambda x: by_powers(x, factor=0), "the cube is missing"),
]  # fmt: skip


@pytest.mark.parametrize(("number", "answer", "said"), ANSWERS)
def test_an_answer_is_known_however_it_is_written(number, answer, said):
    assert_told(check(number, answer), said)


@pytest.mark.parametrize(
    ("number", "answer", "said"),
    [
        (1, lambda s, t: one_by_one(s, t) + 1, "log2 of the vocabulary's size"),
        (1, lambda s, t: one_by_one(s, t) + s.mean(), "Only differences matter"),
        (2, lambda c, s: c * 0.1 + s, "must add up to one"),
        (2, lambda c, s: c / c.sum() if c.sum() else s, "No character may be impossible"),
        (3, lambda x: x.abs(), "f(x) - f(-x) must be x"),
    ],
)
def test_an_unknown_mistake_is_told_a_property(number, answer, said):
    assert said in check(number, answer)
