"""Chapter 12's exercises: new mistakes, told which property they break."""

import pytest
import torch

from transformer_lib.exercises.chapter_12 import check


@pytest.mark.parametrize(
    ("number", "answer", "said"),
    [
        (1, lambda k, n, z: torch.stack([k, n], dim=-1), "between 0 and 1"),
        (2, lambda m: m.sum(dim=(0, 1)), "must add up to 1"),
        (3, lambda s, x, b: x.sum(dim=-1) + 1, "must get 0"),
    ],
)
def test_a_new_mistake_is_told_which_property_it_breaks(number, answer, said):
    mark = check(number, answer)
    assert said in mark.split("\n")[0]
    assert "and should give" in mark
