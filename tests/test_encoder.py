"""The encoder: torch's stack, a set of tokens, and nothing of the padding."""

import pytest
import torch
from oracles import EXACT, randn, redraw
from parity import agree
from torch import nn
from torch.testing import assert_close
from torch_weights import like_torch

from transformer_lib.layers.blocks import EncoderLayer
from transformer_lib.layers.cache import KVCache
from transformer_lib.layers.encoder import Encoder
from transformer_lib.layers.feed_forward import FeedForward
from transformer_lib.layers.masks import causal_mask, padding_mask
from transformer_lib.layers.multi_head import MultiHeadAttention

BOTH = pytest.mark.parametrize("norm_first", [True, False], ids=["pre", "post"])


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def layer(d_model=8, *, causal=False, norm_first=True):
    attention = MultiHeadAttention(d_model, 2, causal=causal)
    return EncoderLayer(attention, FeedForward(d_model, 12), norm_first=norm_first)


def encoder(num_layers=3, *, final_norm=True, **kwargs):
    layers = (layer(**kwargs) for _ in range(num_layers))
    return redraw(Encoder(layers, final_norm=nn.LayerNorm(8) if final_norm else None))


@BOTH
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("final_norm", [True, False])
def test_encoder_equals_torch(norm_first, training, final_norm):
    one = nn.TransformerEncoderLayer(8, 2, 12, dropout=0.0, norm_first=norm_first, batch_first=True)
    norm = nn.LayerNorm(8) if final_norm else None
    theirs = nn.TransformerEncoder(one, 3, norm=norm, enable_nested_tensor=not norm_first)
    theirs = redraw(theirs).train(training)
    x, mask = randn(3, 5, 8), padding_mask(torch.tensor([5, 3, 1]))
    real = mask[:, 0, 0]
    with torch.set_grad_enabled(training):
        expected = theirs(x, src_key_padding_mask=~real)
        out = like_torch(theirs)(x, mask=mask)
    agree("Encoder", "torch.nn.TransformerEncoder", out[real], expected[real], atol=1e-12)


def test_layers_follow_each_other_and_the_norm_comes_last():
    stack, x = encoder(), randn(2, 5, 8)
    mask = padding_mask(torch.tensor([5, 2]))
    y = x
    for one in stack.layers:
        y = one(y, mask=mask)
    assert_close(stack(x, mask=mask), stack.final_norm(y), **EXACT)


@BOTH
def test_without_positions_an_encoder_sees_a_set(norm_first):
    stack, x, order = encoder(norm_first=norm_first), randn(2, 6, 8), torch.randperm(6)
    assert_close(stack(x[:, order]), stack(x)[:, order], **EXACT)


@BOTH
def test_padding_changes_nothing(norm_first):
    stack, lengths = encoder(norm_first=norm_first), [2, 6, 4]
    x, mask = randn(3, 6, 8), padding_mask(torch.tensor(lengths))
    out = stack(x, mask=mask)
    for i, length in enumerate(lengths):  # nor do the other rows
        assert_close(out[i, :length], stack(x[i : i + 1, :length])[0], **EXACT)


@pytest.mark.parametrize("training", [True, False])
def test_causal_layers_make_a_stack_that_never_looks_ahead(training):
    stack, x = encoder(causal=True).train(training), randn(2, 6, 8)
    changed = torch.cat([x[:, :3], randn(2, 3, 8)], dim=1)
    assert_close(stack(changed)[:, :3], stack(x)[:, :3], **EXACT)
    assert_close(stack(x), encoder_with_mask(stack, x), **EXACT)


def encoder_with_mask(stack, x):
    for one in stack.layers:
        one.self_attention.causal = False
    return stack(x, mask=causal_mask(x.size(1)))


def test_cached_equals_uncached():
    stack, x, cache = encoder(causal=True), randn(2, 7, 8), KVCache()
    out = [stack(part, cache=cache) for part in x.split([3, 1, 1, 2], dim=1)]
    assert_close(torch.cat(out, dim=1), stack(x), **EXACT)


def test_fresh_layers_differ():
    first, second = Encoder([layer() for _ in range(2)]).layers
    assert not torch.equal(first.feed_forward.linear1.weight, second.feed_forward.linear1.weight)


def test_impossible_stacks_are_refused():
    with pytest.raises(ValueError, match=r"at least one, all of the same d_model, got \[\]"):
        Encoder([])
    with pytest.raises(ValueError, match=r"all of the same d_model, got \[8, 4\]"):
        Encoder([layer(8), layer(4)])
