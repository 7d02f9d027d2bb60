"""Retrieval: what a sort says, and equal scores are no merit."""

import pytest
import torch
from oracles import randn

from transformer_lib.measure.retrieval import ranks, recall_at


@pytest.mark.parametrize("given", [False, True])
def test_ranks_are_those_of_a_sort(given):
    torch.manual_seed(0)
    scores = randn(20, 30)
    right = torch.randint(30, (20,)) if given else torch.arange(20)
    wanted = [
        scores[i].argsort(descending=True).tolist().index(place)
        for i, place in enumerate(right.tolist())
    ]
    found = ranks(scores, right) if given else ranks(scores)
    assert found.tolist() == wanted
    for k in (1, 3, 10):
        share = sum(rank < k for rank in wanted) / 20
        assert recall_at(scores, right, k=(k,)) == (pytest.approx(share),)


def test_by_default_at_one_and_five():
    scores = torch.tensor([[9.0, 8, 7, 6, 5, 4], [9, 1, 8, 7, 6, 0], [9, 8, 1, 7, 6, 5]])
    assert ranks(scores).tolist() == [0, 4, 5]
    assert recall_at(scores) == pytest.approx((1 / 3, 2 / 3))


def test_the_same_score_for_all_is_neither_best_nor_worst():
    assert ranks(torch.zeros(1, 9)).tolist() == [4]
    assert ranks(torch.zeros(1, 2)).tolist() == [1]
    assert recall_at(torch.zeros(5, 5), k=(1,)) == (0.0,)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ranks(torch.ones(3, 2)), "right must be in 0 … candidates - 1 = 1, got 2"),
        (lambda: ranks(randn(3, 4), torch.arange(2)), "right must be one for each of 3 queries"),
        (lambda: ranks(randn(3)), "scores must be of floating point, with 2 axes"),
        (lambda: ranks(torch.full((2, 2), torch.nan)), "scores must be numbers, got NaN"),
        (lambda: ranks(randn(0, 3)), "right must be one row of at least 1 numbers"),
        (lambda: recall_at(randn(2, 2), k=(0,)), "k must be at least 1, got 0"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
