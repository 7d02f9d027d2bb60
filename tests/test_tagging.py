"""F1, recall among some, and what the classifier of windows may look at."""

import math

import pytest
import torch
from sklearn.metrics import f1_score, recall_score

from transformer_lib.measure.tagging import f1, recall, window_features

GUESSED, TRUE, AMONG = (
    torch.rand(500, generator=torch.Generator().manual_seed(n)) < share
    for n, share in enumerate((0.3, 0.2, 0.5))
)


def test_f1_is_that_of_scikit_learn():
    assert f1(GUESSED, TRUE) == pytest.approx(f1_score(TRUE, GUESSED))


def test_recall_is_that_of_scikit_learn_on_those_that_are_looked_at():
    expected = recall_score(TRUE[AMONG], GUESSED[AMONG])
    assert recall(GUESSED, TRUE, AMONG) == pytest.approx(expected)


def test_nothing_guessed_and_nothing_there():
    nothing = torch.zeros(3, dtype=torch.bool)
    assert f1(nothing, nothing) == 0
    assert f1(nothing, ~nothing) == 0
    assert math.isnan(recall(nothing, nothing, ~nothing))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ((GUESSED.long(), TRUE), "guessed must be a boolean row"),
        ((GUESSED, TRUE[None]), "true must be a boolean row"),
        ((GUESSED, TRUE[1:]), r"must be of one length, got \[499, 500\]"),
        ((GUESSED, [True]), "true must be a boolean row"),
    ],
)
def test_bad_input_is_refused(rows, message):
    with pytest.raises(ValueError, match=message):
        f1(*rows)


def test_a_word_is_seen_with_two_to_either_side_its_letters_and_its_frequency():
    found = window_features(["and", "cain", "knew", "his", "wife"], {"cain": 5, "and": 9000})
    assert len(found) == 5
    assert set(found[1]) == {
        "-2=<edge>", "-1=and", "+0=cain", "+1=knew", "+2=his",
        "-1 frequent 14", "+0 frequent 3", "+1 frequent 0",
        "ends in", "ends ain", "begins ca",
    }  # fmt: skip
    assert "+1=<edge>" in found[4]
    assert all(found[0].values())
