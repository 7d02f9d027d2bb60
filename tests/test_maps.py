"""Attention maps: collected from the real forward pass, and added up from layer to layer."""

from itertools import product

import pytest
import torch
from attention_layers import BATCH, D_MODEL, make_layer, spied_kernel
from oracles import EXACT, randn
from torch import nn
from torch.testing import assert_close

from transformer_lib.layers.blocks import EncoderLayer
from transformer_lib.layers.encoder import Encoder
from transformer_lib.layers.feed_forward import FeedForward
from transformer_lib.layers.masks import padding_mask
from transformer_lib.layers.multi_head import MultiHeadAttention
from transformer_lib.measure.maps import attention_rollout, collect_attention


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.fixture
def kernel_calls(monkeypatch):
    return spied_kernel(monkeypatch)


# --- collect_attention() -----------------------------------------------------------------------


class Stack(nn.Module):
    """Two attention layers with a residual connection, enough for masks to matter twice."""

    def __init__(self, **options):
        super().__init__()
        self.layers = nn.ModuleList(make_layer(**options) for _ in range(2))

    def forward(self, x, mask=None, fail=False):
        for layer in self.layers:
            x = x + layer(x, mask=mask)
        if fail:
            raise RuntimeError("the model broke")
        return x


def test_maps_are_the_weights_of_the_real_forward_pass():
    model, x = Stack(causal=True), randn(BATCH, 5, D_MODEL)
    mask = padding_mask(torch.tensor([5, 3]))
    with collect_attention(model) as maps:
        model(x, mask=mask)
    first, second = model.layers
    middle = x + first(x, mask=mask)
    assert list(maps) == ["layers.0", "layers.1"]
    assert_close(maps["layers.0"], first(x, mask=mask, return_weights=True)[1], **EXACT)
    assert_close(maps["layers.1"], second(middle, mask=mask, return_weights=True)[1], **EXACT)
    assert not maps["layers.0"].requires_grad


def test_collecting_does_not_change_the_outputs():
    model, x = Stack(causal=True), randn(BATCH, 5, D_MODEL)
    with collect_attention(model):
        collected = model(x)
    assert_close(collected, model(x), **EXACT)


def test_maps_are_those_of_the_latest_call():
    layer, first, latest = make_layer(), *randn(2, BATCH, 5, D_MODEL)
    with collect_attention(layer) as maps:
        layer(first), layer(latest)
    assert torch.equal(maps[""], layer(latest, return_weights=True)[1])


def test_a_caller_who_asks_for_weights_still_gets_them():
    layer, x = make_layer(), randn(BATCH, 5, D_MODEL)
    with collect_attention(layer) as maps:
        out, weights = layer(x, return_weights=True)
        alone = layer(x)
    assert_close(out, alone, **EXACT)
    assert torch.equal(weights, maps[""])


@pytest.mark.parametrize("fail", [False, True], ids=["in peace", "after an exception"])
def test_nothing_is_collected_after_the_block(fail, kernel_calls):
    model, x = Stack(), randn(BATCH, 5, D_MODEL)
    try:
        with collect_attention(model) as maps:
            model(x, fail=fail)
    except RuntimeError:
        assert fail
    before = dict(maps)
    model(randn(BATCH, 4, D_MODEL))
    assert maps == before
    assert len(kernel_calls) == 2  # the fused form is back in both layers


def test_a_failed_pass_does_not_confuse_the_next_one():
    model, x = Stack(), randn(BATCH, 5, D_MODEL)
    with collect_attention(model) as maps:
        with pytest.raises(ValueError, match="x must be"):
            model.layers[0](x[..., :3], return_weights=True)
        out = model(x)
    assert_close(out, model(x), **EXACT)
    assert len(maps) == 2


def test_other_hooks_and_other_collectors_notice_nothing():
    model, x, seen = Stack(), randn(BATCH, 5, D_MODEL), []
    model.layers[0].register_forward_hook(lambda layer, args, out: seen.append(out))
    expected = model(x)
    with collect_attention(model) as outer, collect_attention(model) as inner:
        assert_close(model(x), expected, **EXACT)
    assert_close(seen[1], seen[0], **EXACT)
    for name, weights in outer.items():
        assert torch.equal(weights, inner[name])


def test_a_model_without_attention_is_refused():
    with (
        pytest.raises(ValueError, match="model must hold an attention layer, got Linear"),
        collect_attention(nn.Linear(2, 2)),
    ):
        pass


# --- attention_rollout() ----------------------------------------------------------------------


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
