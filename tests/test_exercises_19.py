"""The exercises of chapter 19: wrong answers, written otherwise, are still named."""

import math

import pytest
import torch
from marks import assert_told

from transformer_lib.exercises.chapter_19 import EXERCISES, check

BIT = math.log(2)  # in nats


def counted(window, stride, least=1):
    """The contexts one by one."""
    pairs = zip(window.tolist(), stride.tolist(), strict=True)
    means = [sum(range(w - s + least, w + 1)) / (s + 1 - least) for w, s in pairs]
    return torch.tensor(means, dtype=torch.float64)


def paid(table, unit=BIT, last=-1):
    """Place by place behind the border, and character by character."""
    extra = [sum(a - b for a, b in zip(row, table[last], strict=True)) for row in table]
    return sum(extra) / table.size(1) / unit


def one_by_one(short, long, best=lambda column, i: column.min(), least=min):
    """Model by model, position by position."""
    found = []
    for i, row in enumerate(long):
        b = [best(column, i).item() for column in short.T]
        f_short = sum(b) / len(b)
        f_long = sum(least(x, y) for x, y in zip(b, row.tolist(), strict=True)) / len(b)
        found.append((math.exp(f_short) - math.exp(f_long)) / math.exp(f_short))
    return torch.tensor(found, dtype=torch.float64)


ANSWERS = [
    (1, counted, None),
    (1, lambda w, s: counted(w, s, least=0), "half a character too little"),
    (1, lambda w, s: counted(w, w), "the mean in chunks"),
    (1, lambda w, s: w - counted(w, s), "missing on average"),
    (2, paid, None),
    (2, lambda table: paid(table, unit=1), "in nats"),
    (2, lambda table: paid(table) / len(table), "of *one* character"),
    (2, lambda table: paid(table[[0, -1]]), "the first place pays"),
    (3, one_by_one, None),
    (3, lambda a, b: one_by_one(a, b, best=lambda column, i: column[i]), "compared with itself"),
    (3, lambda a, b: one_by_one(a, b, least=lambda x, y: y), "min(b, l) is missing"),
    (3, lambda a, b: one_by_one(a, b.amin(0, True).expand_as(b)), "of the whole group"),
]


@pytest.mark.parametrize(("number", "answer", "said"), ANSWERS)
def test_an_answer_is_known_however_it_is_written(number, answer, said):
    assert_told(check(number, answer), said)


@pytest.mark.parametrize(
    ("number", "answer", "said"),
    [
        (1, lambda w, s: counted(w, s) - 1, "With a stride of 1"),
        (1, lambda w, s: counted(w, s) * (s * 0 + 1) + (s > 1) * 9, "It must lie from"),
        (1, lambda w, s: torch.where(s == 1, w, w - s - 0.5), "It must lie from"),
        (1, lambda w, s: torch.where(s == 1, w, w - s + 0.5), "It must lie from"),
        (2, lambda table: paid(table) + 1, "costs nothing"),
        (2, lambda table: paid(table) ** 2, "twice the price"),
        (3, lambda a, b: one_by_one(a, b) + 0.1, "gain nothing"),
        (3, lambda a, b: -one_by_one(a, b), "never negative"),
    ],
)
def test_an_unknown_mistake_is_told_a_property(number, answer, said):
    assert said in check(number, answer)


def test_a_window_is_never_shorter_than_its_stride():
    torch.manual_seed(0)
    for window, stride in (EXERCISES[1].draw() for _ in range(20)):
        assert (window > stride).all()
        assert (stride > 0).all()
