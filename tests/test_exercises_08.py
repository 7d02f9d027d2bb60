"""The exercises of chapter 8: wrong answers, written otherwise, are still named."""

import math

import pytest
import torch
from marks import assert_told

from transformer_lib.exercises.chapter_08 import check


def powers(p, T, scaled=True):
    """Number by number."""
    raised = [math.exp(math.log(x) / float(T)) for x in p]
    total = sum(raised) if scaled else 1
    return torch.tensor([x / total for x in raised], dtype=torch.float64)


def filtered(logits, share, filler=-torch.inf, whole=False):
    """Token by token."""
    found = logits.clone()
    for row, out in zip(logits, found, strict=True):
        best = logits.max() if whole else row.max()
        for n, logit in enumerate(row):
            if math.exp(logit - best) < share:
                out[n] = filler
    return found


def priced(log_p, length, alpha, add=5.0):
    found = [x * (6 / (add + n)) ** alpha for x, n in zip(log_p, length, strict=True)]
    return torch.stack(found)


ANSWERS = [
    (1, powers, None),
    (1, lambda p, T: powers(p, 1 / T), "a low one flattens"),
    (1, lambda p, T: powers(p, T, scaled=False), "no longer sum to one"),
    (1, lambda p, T: p / T / (p / T).sum(), "nothing has changed"),
    (2, filtered, None),
    (2, lambda logits, share: filtered(logits, share, filler=0.0), "a logit like any other"),
    (2, lambda logits, share: filtered(logits, share, whole=True), "one bar for all rows"),
    (3, priced, None),
    (3, lambda log_p, length, alpha: priced(log_p, length, alpha, add=6.0), "counted twice"),
    (3, lambda log_p, length, alpha: log_p / torch.exp(alpha * length.log()), "5 and the 6"),
]


@pytest.mark.parametrize(("number", "answer", "said"), ANSWERS)
def test_an_answer_is_known_however_it_is_written(number, answer, said):
    assert_told(check(number, answer), said)


@pytest.mark.parametrize(
    ("number", "answer", "said"),
    [
        (1, lambda p, T: powers(p, T) / 2, "must sum to one"),
        (1, lambda p, T: powers(p, T / 2), "At T = 1 nothing must change"),
        (
            2,
            lambda logits, share: filtered(logits, share * 20),
            "likeliest token of a row must stay",
        ),
        (2, lambda logits, share: filtered(logits + 1, share), "must keep its logit"),
        (3, lambda log_p, length, alpha: priced(log_p, length, alpha + 1), "must be log p"),
        (3, lambda log_p, length, alpha: log_p / 2 ** (alpha * length), "one token must keep"),
    ],
)
def test_an_unknown_mistake_is_told_a_property(number, answer, said):
    assert said in check(number, answer)
