"""Chapter 17's exercises: right answers are right, and each known mistake is told from the rest."""

import math

import pytest
import torch

from transformer_lib.exercises.chapter_17 import check
from transformer_lib.exercises.marking import Mark


def cosines(a, b):
    return torch.cosine_similarity(a[:, None], b[None], dim=2)


def loops(a, b, scale):
    """The loss in scalars."""
    scores = (scale * a @ b.T).tolist()
    n, total = len(scores), 0.0
    for i in range(n):
        row, column = scores[i], [line[i] for line in scores]
        for candidates in (row, column):
            total += math.log(sum(map(math.exp, candidates))) - scores[i][i]
    return torch.tensor([total / (2 * n)], dtype=torch.float64)


def sorted_out(scores, k):
    best = scores.topk(k, dim=1).indices
    return (best == torch.arange(len(scores))[:, None]).any(1).double().mean()[None]


@pytest.mark.parametrize(
    ("number", "answer", "said"),
    [
        (1, cosines, None),
        (1, lambda a, b: a @ b.T, "products, not cosines"),
        (1, lambda a, b: cosines(a, b) / 2, "is not the function|must have"),
        (2, loops, None),
        (2, lambda a, b, s: loops(a, b, 1.0), "the scale was left out"),
        (2, lambda a, b, s: loops(a, b, s) * 2, "take their mean"),
        (3, sorted_out, None),
        (3, lambda s, k: sorted_out(s, 1), "the first only"),
        (3, lambda s, k: sorted_out(s.T, k), "down the columns"),
    ],
)
def test_an_answer_is_known_however_it_is_written(number, answer, said):
    mark = check(number, answer)
    if said is None:
        assert mark == Mark("Right, on 12 random inputs.")
    else:
        assert mark.startswith("Not yet")
        assert any(part in mark for part in said.split("|"))
