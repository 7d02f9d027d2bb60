"""The exercises of chapter 28: right answers pass, wrong ones are named."""

import pytest
import torch

from transformer_lib.exercises.chapter_28 import EXERCISES, check


@pytest.mark.parametrize("number", EXERCISES)
def test_the_right_answer_passes_and_each_mistake_is_named(number):
    exercise = EXERCISES[number]
    assert "Not yet" not in repr(check(number, exercise.right))
    for words, wrong in exercise.mistakes.items():
        assert words.rstrip(".")[:30] in repr(check(number, wrong))


def test_the_same_row_written_otherwise():
    def first(rows):
        rows = [tuple(row) for row in rows.tolist()]
        return torch.tensor([rows.index(row) for row in rows])

    assert "Not yet" not in repr(check(1, first))
