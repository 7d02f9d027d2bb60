"""Attention rollout: every path through the layers, counted."""

from itertools import product

import pytest
import torch
from oracles import EXACT
from torch import nn
from torch.testing import assert_close

from transformer_lib.layers.blocks import EncoderLayer
from transformer_lib.layers.encoder import Encoder
from transformer_lib.layers.feed_forward import FeedForward
from transformer_lib.layers.multi_head import MultiHeadAttention
from transformer_lib.measure.maps import attention_rollout, collect_attention


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def weights(*shape):
    return torch.randn(*shape).double().softmax(dim=-1)


def test_it_is_the_sum_over_all_paths():
    maps = {f"layer {i}": weights(2, 3, 4, 4) for i in range(3)}
    expected = torch.zeros(2, 4, 4).double()
    steps = [w.mean(dim=1) / 2 + torch.eye(4).double() / 2 for w in maps.values()]
    for end, middle, early, start in product(range(4), repeat=4):
        share = steps[2][:, end, middle] * steps[1][:, middle, early] * steps[0][:, early, start]
        expected[:, end, start] += share
    assert_close(attention_rollout(maps), expected, **EXACT)
    assert_close(expected.sum(dim=-1), torch.ones(2, 4).double(), **EXACT)


def test_layers_that_look_nowhere_else_leave_every_token_in_place():
    eye = torch.eye(5).expand(1, 2, 5, 5)
    assert torch.equal(attention_rollout({"a": eye, "b": eye})[0], torch.eye(5))


def test_maps_of_a_real_stack_come_in_order():
    layers = [EncoderLayer(MultiHeadAttention(8, 2, causal=True), FeedForward(8, 8))] * 1
    layers += [EncoderLayer(MultiHeadAttention(8, 2, causal=True), FeedForward(8, 8))]
    stack = Encoder(layers)
    with collect_attention(stack) as maps:
        stack(torch.randn(2, 6, 8))
    first, second = ((w.mean(dim=1) + torch.eye(6)) / 2 for w in maps.values())
    rollout = attention_rollout(maps)
    assert list(maps) == ["layers.0.self_attention", "layers.1.self_attention"]
    assert_close(rollout, second @ first)
    assert rollout.triu(diagonal=1).abs().max() == 0  # a causal stack has no path to the future


@pytest.mark.parametrize("shapes", [[], [(1, 2, 4, 5)], [(2, 4, 4)], [(1, 2, 4, 4), (1, 2, 5, 5)]])
def test_other_maps_are_refused(shapes):
    with pytest.raises(ValueError, match=r"maps must be one or more of shape \(batch, heads"):
        attention_rollout({f"layer {i}": torch.zeros(s) for i, s in enumerate(shapes)})


def test_the_maps_are_those_of_the_latest_call():
    layer = MultiHeadAttention(8, 2).eval()
    first, second = torch.rand(2, 1, 3, 8)
    with collect_attention(nn.Sequential(layer)) as maps:
        layer(first)
        layer(second)
    assert torch.equal(maps["0"], layer(second, return_weights=True)[1])


@pytest.mark.parametrize(
    ("maps", "message"),
    [
        ({"one": torch.full((1, 2, 3, 3), torch.nan)}, r"finite numbers .* in \['one'\]"),
        ({"one": torch.ones(1, 2, 3, 3).long()}, r"finite numbers .* in \['one'\]"),
        ([torch.ones(1, 2, 3, 3)], "maps must be a dict of tensors, got list"),
    ],
)
def test_maps_that_cannot_be_multiplied_are_refused(maps, message):
    with pytest.raises(ValueError, match=message):
        attention_rollout(maps)


def test_only_a_module_can_be_watched():
    with (
        pytest.raises(ValueError, match="model must be a module, got NoneType"),
        collect_attention(None),
    ):
        pass
