"""The exercises of chapter 18 are marked by what an answer does."""

import pytest
import torch
from marks import assert_told

from transformer_lib.exercises.chapter_18 import check


def looped(start, rewards, sign=-1, *, before=True, keep=1.0):
    """What is told at each step, in loops."""
    rows = []
    for wish, row in zip(start.flatten().tolist(), rewards.tolist(), strict=True):
        told = []
        for reward in row:
            if before:
                told.append(wish)
            wish = keep * wish + sign * reward
            if not before:
                told.append(wish)
        rows.append(told)
    return torch.tensor(rows, dtype=torch.float64)


def one_by_one(*order):
    return lambda *tokens: torch.stack([tokens[k][t] for t in range(len(tokens[0])) for k in order])


ANSWERS = [
    (1, lambda r: looped(r.sum(1), r), None),
    (1, lambda r: looped(r.sum(1), r, before=False), "own reward is left out"),
    (1, lambda r: looped(torch.zeros(len(r)), r, 1, before=False), "adds up from the start"),
    (1, lambda r: looped(r.sum(1), r, 0), "return of the whole game"),
    (1, lambda r: looped(torch.zeros(len(r)), r.flip(1), 1, before=False), "in reverse"),
    (1, lambda r: looped(torch.zeros(len(r)), r.flip(1), 1, before=False, keep=0.99).flip(1),
     "discounted by 0.99"),
    (2, lambda w, r: looped(w, r), None),
    (2, lambda w, r: looped(w, r, 0), "the wish is not lowered"),
    (2, lambda w, r: looped(w, r, before=False), "a step too early"),
    (2, lambda w, r: looped(w, r, 1), "the rewards are added"),
    (3, one_by_one(0, 1, 2), None),
    (3, one_by_one(0, 2, 1), "the action stands before the state"),
    (3, one_by_one(1, 2, 0), "the return stands last"),
    (3, lambda *tokens: torch.stack([x for t in tokens for x in t]), "that is cat"),
    (3, lambda *tokens: one_by_one(0, 1, 2)(*(t.flip(0) for t in tokens)), "run backwards"),
]  # fmt: skip


@pytest.mark.parametrize(("number", "answer", "said"), ANSWERS)
def test_an_answer_is_known_however_it_is_written(number, answer, said):
    assert_told(check(number, answer), said)


@pytest.mark.parametrize(
    ("number", "answer", "said"),
    [
        (1, lambda r: r + 1, "At the last step only its own reward"),
        (1, lambda r: r.clone(), "From step to step it goes down by the reward"),
        (2, lambda w, r: 2 * w - r.cumsum(1) + r, "the model is told the wish itself"),
        (3, lambda R, s, a: torch.cat([R, R, R]), "Each number must stand there once"),
    ],
)
def test_an_unknown_mistake_is_told_a_property(number, answer, said):
    mark = check(number, answer)
    assert said in mark
    assert "it gives [[" in mark
