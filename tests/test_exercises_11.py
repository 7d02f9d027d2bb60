"""Chapter 11's exercises: right answers, known mistakes, and new ones."""

import pytest
import torch

from transformer_lib.exercises.chapter_11 import check


@pytest.mark.parametrize(
    ("number", "answer", "said"),
    [
        (1, lambda i, c, h, o: i + 1, "What was not chosen must stay."),
        (1, lambda i, c, h, o: torch.where(c, 7, i), "It is not the function"),
        (2, lambda x, i, c: x.gather(-1, i[..., None]).sum(), "must not count"),
        (2, lambda x, i, c: x.sum(), "It is not the function"),
        (3, lambda x, r: x.amax(dim=1), "Padding must not count."),
    ],
)
def test_a_new_mistake_is_told_which_property_it_breaks(number, answer, said):
    mark = check(number, answer)
    assert said in mark.split("\n")[0]
    assert "and should give" in mark
