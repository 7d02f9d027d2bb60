"""Mean IoU: summed over the set, equal to scikit-learn's, and not the mean over pictures."""

import math

import pytest
import torch
from oracles import EXACT
from sklearn.metrics import jaccard_score
from torch.testing import assert_close

from transformer_lib.measure.mean_iou import ClassIoU


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def scores_of(said, true, classes, pieces=1):
    scores = ClassIoU(classes)
    for a, b in zip(said.chunk(pieces), true.chunk(pieces), strict=True):
        scores.add(a, b)
    return scores


@pytest.mark.parametrize("pieces", [1, 5])
def test_it_is_what_scikit_learn_finds_over_the_whole_set(pieces):
    said, true = torch.randint(4, (5, 6, 7)), torch.randint(1, 4, (5, 6, 7))
    scores = scores_of(said, true, 4, pieces)
    sides = true.flatten().numpy(), said.flatten().numpy()
    expected = torch.from_numpy(jaccard_score(*sides, average=None))
    assert_close(scores.per_class(), expected, **EXACT)
    assert expected[0] == 0  # said, never true: it counts
    assert scores.mean() == pytest.approx(jaccard_score(*sides, average="macro"), abs=1e-12)


def test_a_class_that_is_nowhere_is_left_out():
    said, true = torch.tensor([[0, 0, 2]]), torch.tensor([[0, 2, 2]])
    scores = scores_of(said, true, 5)
    assert scores.per_class().isnan().tolist() == [False, True, False, True, True]
    assert scores.mean() == 0.5
    assert math.isnan(ClassIoU(3).mean())


def test_an_empty_answer_is_not_praised_and_a_perfect_one_not_blamed():
    true = torch.zeros(4, 10).long()
    true[torch.arange(4), 0] = torch.arange(
        1, 5
    )  # each picture: nine of background, one of its own
    empty, perfect = scores_of(true * 0, true, 5), scores_of(true, true, 5)
    assert empty.mean() == pytest.approx(0.9 / 5)
    assert perfect.mean() == 1.0


@pytest.mark.parametrize(
    ("said", "true", "message"),
    [
        ([[0]], torch.zeros(1, 1).long(), "said must be a tensor, got list"),
        (torch.zeros(1, 2).long(), [[0]], "true must be a tensor, got list"),
        (torch.zeros(1, 2), torch.zeros(1, 2).long(), "said must be one row .* got .*float32"),
        (torch.zeros(1, 2).long(), torch.zeros(2, 1).long(), r"said must have the shape of true"),
        (torch.full((1, 2), 3), torch.zeros(1, 2).long(), "said must be in 0 … .* = 2, got 3"),
        (torch.zeros(1, 2).long(), torch.full((1, 2), -1), "true must not be negative, got -1"),
    ],
)
def test_what_is_no_class_is_refused(said, true, message):
    scores = ClassIoU(3)
    with pytest.raises(ValueError, match=message):
        scores.add(said, true)
    assert math.isnan(scores.mean())  # nothing was added


def test_no_classes_are_refused():
    with pytest.raises(ValueError, match="num_classes must be at least 1, got 0"):
        ClassIoU(0)
