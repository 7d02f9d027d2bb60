"""The exercises of chapter 6: wrong answers, written otherwise, are still named."""

import pytest
import torch
from marks import assert_told

from transformer_lib.exercises.chapter_06 import check


def one_by_one(logits, target, shift=1, skip=True):
    """The mean loss in loops."""
    costs = []
    for scores, ids in zip(logits, target, strict=True):
        for t in range(min(len(scores), len(ids) - shift)):
            wanted = ids[t + shift]
            if wanted or not skip:
                costs.append(-scores[t].log_softmax(-1)[wanted])
    return sum(costs) / len(costs)


def table(length, prefix, seen=lambda q, k, prefix: k <= q or k < prefix):
    return torch.tensor([[seen(q, k, prefix) for k in range(length)] for q in range(length)])


def word_by_word(guessed, says, skip=True):
    right = [
        all(
            a == b or (skip and b == 0) for a, b in zip(mine.tolist(), wanted.tolist(), strict=True)
        )
        for mine, wanted in zip(guessed, says, strict=True)
    ]
    return torch.tensor(sum(right) / len(right), dtype=torch.float64)


def letters(guessed, says):
    right = [
        a == b
        for a, b in zip(guessed.flatten().tolist(), says.flatten().tolist(), strict=True)
        if b
    ]
    return torch.tensor(sum(right) / len(right), dtype=torch.float64)


ANSWERS = [
    (1, one_by_one, None),
    (1, lambda s, t: one_by_one(s, t, shift=0), "nothing is shifted: the model"),
    (1, lambda s, t: one_by_one(s, t, skip=False), "padding is asked for too: what"),
    (1, lambda s, t: one_by_one(s, t, shift=2), "shifted by two"),
    (2, table, None),
    (2, lambda n, p: table(n, p, lambda q, k, p: k <= q), "causal everywhere"),
    (2, lambda n, p: table(n, p, lambda q, k, p: k <= q and k < p), "takes |"),
    (2, lambda n, p: table(n, p, lambda q, k, p: k <= q or q < p), "the prefix sees everything"),
    (3, word_by_word, None),
    (3, letters, "the flattering measure"),
    (3, lambda g, s: word_by_word(g, s, skip=False), "behind the end counts as a mistake"),
]


@pytest.mark.parametrize(("number", "answer", "said"), ANSWERS)
def test_an_answer_is_known_however_it_is_written(number, answer, said):
    assert_told(check(number, answer), said)


@pytest.mark.parametrize(
    ("number", "answer", "said"),
    [
        (1, lambda s, t: one_by_one(s, t) + s.mean(), "where padding should follow"),
        (1, lambda s, t: one_by_one(s, t) + t[0, 0], "BOS is never asked for"),
        (2, lambda n, p: table(n, p) & (torch.arange(n) > 0), "see the whole prefix"),
        (2, lambda n, p: table(n, p, lambda q, k, p: k < p), "seen by itself"),
        (3, lambda g, s: word_by_word(g, s) / 2, "If all is right, the share is one"),
    ],
)
def test_an_unknown_mistake_is_told_a_property(number, answer, said):
    assert said in check(number, answer)
