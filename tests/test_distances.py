"""The drawings of relative attention say what a run did: another run, another drawing."""

import re
import xml.etree.ElementTree as ET

import pytest
import torch
from torch import nn

from transformer_lib.layers.masks import causal_mask
from transformer_lib.layers.relative import RelativeAttention, relative_shift
from transformer_lib.show.distances import four_terms, shift_steps

SVG = "{http://www.w3.org/2000/svg}"


def layer() -> RelativeAttention:
    torch.manual_seed(0)
    made = RelativeAttention(8, 2).double()
    for weight in made.parameters():
        nn.init.normal_(weight, std=0.5)
    return made


def given(q_len=3, mem_len=2):
    torch.manual_seed(1)
    return torch.randn(1, q_len, 8).double(), torch.randn(1, mem_len, 8).double()


def numbers(canvas) -> list[float]:
    """What the cells are said to hold, in order."""
    titles = ET.fromstring(canvas.svg()).iter(f"{SVG}title")
    return [float(t.text) for t in titles if re.fullmatch(r"-?\d+\.\d\d", t.text)]


def test_four_tables_add_up_to_the_scores_and_the_weights_are_the_layers():
    made, (x, memory) = layer(), given()
    mask = causal_mask(3, 5)
    found = torch.tensor(numbers(four_terms(made, x, memory))).view(6, int(mask.sum()))
    assert (found[:4].sum(dim=0) - found[4]).abs().max() < 0.03
    weights = made(x, memory, return_weights=True)[1][0, 0]
    assert (found[5].double() - weights[mask]).abs().max() < 0.006


def test_a_column_of_c_is_one_number_and_a_diagonal_of_d():
    found = torch.zeros(6, 3, 5)
    found[:, causal_mask(3, 5)] = torch.tensor(numbers(four_terms(layer(), *given()))).view(6, -1)
    c, d = found[2], found[3]
    assert torch.equal(c[0, :3], c[2, :3])
    assert torch.equal(d[0, :3], d[2, 2:])


def test_another_formula_is_not_drawn():
    class Without(RelativeAttention):
        def position_scores(self, q, rows):
            return super().position_scores(q - self.position_bias, rows)

    made = Without(8, 2).double()
    made.load_state_dict(layer().state_dict())
    with pytest.raises(ValueError, match="layer must weigh by the sum of the four terms"):
        four_terms(made, *given())


def shown(canvas) -> list[tuple[int, int]]:
    """Query and distance of every number, in order."""
    titles = (t.text for t in ET.fromstring(canvas.svg()).iter(f"{SVG}title"))
    found = (re.fullmatch(r"query (\d+), distance (\d+)", t) for t in titles)
    return [(int(m[1]), int(m[2])) for m in found if m]


def test_every_number_is_followed_through_the_shift():
    found = shown(shift_steps(relative_shift, 3, 5))
    table = [(i, d) for i in range(3) for d in range(5, -1, -1)]
    assert found[:36] == table * 2  # by query, and in memory
    assert found[36:] == table[3:]  # the same from the fourth on, five to a row
    assert [found[36 + 5 * i + 2 + i] for i in range(3)] == [(0, 0), (1, 0), (2, 0)]


def test_what_lies_ahead_is_hatched():
    hatched = shift_steps(relative_shift, 3, 5).svg().count('class="shut"/><path')
    assert hatched == 3


def test_a_shift_that_does_more_than_count_is_not_drawn():
    with pytest.raises(ValueError, match="shift must cut the line of numbers anew"):
        shift_steps(lambda scores: scores[:, 1:], 3, 5)
    with pytest.raises(ValueError, match="q_len must be at least 1"):
        shift_steps(relative_shift, 0, 5)
    with pytest.raises(ValueError, match="k_len must be at least 4, got 3"):
        shift_steps(relative_shift, 4, 3)
