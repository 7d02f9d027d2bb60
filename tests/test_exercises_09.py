"""The exercises of chapter 9: wrong answers, written otherwise, are still named."""

import math

import pytest
import torch
from marks import assert_told

from transformer_lib.exercises.chapter_09 import check


def walked(w, states, squared=True):
    """Step by step."""
    size = torch.tensor(1.0, dtype=torch.float64)
    for h in states:
        size = size * w * (1 - (h * h if squared else h))
    return size


def summed(w, states):
    total = 0
    for h in states:
        total = total + w - w * h * h
    return total


def solved(share, steps, sign=1):
    """From log f = log share / steps."""
    f = [math.exp(math.log(s) / n) for s, n in zip(share.tolist(), steps.tolist(), strict=True)]
    logits = [sign * (math.log(x) - math.log(1 - x)) for x in f]
    return torch.tensor(logits, dtype=torch.float64)


def asked(s, context, mask, W, U, v, *, skip=True, late=False, of=None):
    """Key by key, in plain exponentials."""
    found, total = 0, 0
    for h, seen in zip(context, mask, strict=True):
        if not seen and skip and not late:
            continue
        size = torch.exp((torch.tanh(W.mv(s) + U.mv(h)) * v).sum())
        total = total + size
        if seen or not skip:
            found = found + size * (U.mv(h) if of == "keys" else h)
    return found / total


ANSWERS = [
    (1, walked, None),
    (1, lambda w, states: walked(w, states, squared=False), "this is 1 − tanh"),
    (1, summed, "the factors are added"),
    (1, lambda w, states: walked(w, states) / w ** (len(states) - 1), "the weight counts once"),
    (1, lambda w, states: walked(w, states[1:]), "the first step is missing"),
    (2, solved, None),
    (2, lambda share, steps: solved(share, steps, sign=-1), "the wrong sign"),
    (2, lambda share, steps: solved(share, steps) * 0.5, "two bias vectors"),
    (2, lambda share, steps: torch.exp(share.log() / steps), "that is the gate f"),
    (3, asked, None),
    (3, lambda *given: asked(*given, skip=False), "the mask is not used"),
    (3, lambda *given: asked(*given, late=True), "no longer sum to one"),
    (3, lambda *given: asked(*given, of="keys"), "it averages the projected keys"),
]


@pytest.mark.parametrize(("number", "answer", "said"), ANSWERS)
def test_an_answer_is_known_however_it_is_written(number, answer, said):
    assert_told(check(number, answer), said)


@pytest.mark.parametrize(
    ("number", "answer", "said"),
    [
        (1, lambda w, states: walked(w, states) * 2, "After one step it must be w"),
        (1, lambda w, states: walked(w, states[:1]), "the product of what its parts give"),
        (2, lambda share, steps: solved(share, steps) + 1, "must be the share"),
        (3, lambda s, c, m, *rest: asked(s, c, m, *rest) + c[-1], "must not matter"),
        (3, lambda *given: asked(*given) * 2, "that vector must come out"),
    ],
)
def test_an_unknown_mistake_is_told_a_property(number, answer, said):
    assert said in check(number, answer)
