import patients
import pytest
import torch
from torch import nn

from transformer_lib.measure.influence import influence


def test_of_a_linear_map_it_is_the_map():
    mix = torch.tensor([[2.0, 0.0, 0.0], [1.0, 3.0, 0.0], [0.0, 0.0, 4.0]])

    class Mixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(5, 1)

        def forward(self, ids):
            return mix @ self.embedding(ids)

    ids = torch.tensor([[0, 1, 2], [3, 4, 0]])
    torch.testing.assert_close(influence(Mixed(), ids), mix)


def test_of_a_causal_model_it_is_a_triangle():
    model, ids = patients.gpt(), patients.batch()[0]
    found = influence(model, ids)
    assert found.shape == (patients.LENGTH, patients.LENGTH)
    assert (found.triu(1) == 0).all()
    assert (found[torch.ones_like(found).tril().bool()] > 0).all()
    assert all(p.grad is None for p in model.parameters())
    ahead = influence(patients.open_to(patients.all_tokens_see_one_ahead), ids)
    assert (ahead.diagonal(1) > 0).all()


def test_without_an_output_for_each_id_it_is_refused():
    with pytest.raises(ValueError, match="model must look up ids"):
        influence(patients.Reader(), patients.padded()[0])
    with pytest.raises(ValueError, match="model must look up ids"):
        influence(nn.Linear(3, 3), torch.randn(2, 3))
