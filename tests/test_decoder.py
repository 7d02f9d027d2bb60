"""The decoder: torch's stack, blind to the future in training and evaluation, cached or not."""

import pytest
import torch
from oracles import EXACT, randn, redraw
from parity import agree
from torch import nn
from torch.testing import assert_close
from torch_weights import like_torch

from transformer_lib.layers.blocks import DecoderLayer
from transformer_lib.layers.cache import KVCache
from transformer_lib.layers.decoder import Decoder
from transformer_lib.layers.feed_forward import FeedForward
from transformer_lib.layers.masks import causal_mask, padding_mask
from transformer_lib.layers.multi_head import MultiHeadAttention

BOTH = pytest.mark.parametrize("norm_first", [True, False], ids=["pre", "post"])
MODES = pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def decoder(num_layers=3, *, norm_first=True, dropout=0.0):
    layers = (
        DecoderLayer(
            MultiHeadAttention(8, 2, causal=True),
            MultiHeadAttention(8, 2),
            FeedForward(8, 12),
            norm_first=norm_first,
            dropout=dropout,
        )
        for _ in range(num_layers)
    )
    return redraw(Decoder(layers, final_norm=nn.LayerNorm(8) if norm_first else None))


@BOTH
@MODES
def test_the_whole_of_torchs_transformer(norm_first, training):
    theirs = nn.Transformer(
        8, 2, 2, 3, 12, dropout=0.0, norm_first=norm_first, batch_first=True
    )  # with a final norm on both stacks, post-norm or not
    theirs = redraw(theirs).train(training)
    source, target = randn(3, 5, 8), randn(3, 4, 8)
    read, wrote = padding_mask(torch.tensor([5, 2, 3])), padding_mask(torch.tensor([4, 4, 2]))
    with torch.set_grad_enabled(training):
        expected = theirs(
            source,
            target,
            tgt_mask=~causal_mask(4),
            src_key_padding_mask=~read[:, 0, 0],
            tgt_key_padding_mask=~wrote[:, 0, 0],
            memory_key_padding_mask=~read[:, 0, 0],
        )
        encoder, decoder = like_torch(theirs.encoder), like_torch(theirs.decoder)
        context = encoder(source, mask=read)
        out = decoder(target, context, mask=causal_mask(4) & wrote, context_mask=read)
        agree("Encoder and Decoder", "torch.nn.Transformer", out, expected, atol=1e-12)
        # Behind causal attention the padding of the target needs no mask.
        out = decoder(target, context, mask=causal_mask(4), context_mask=read)
    real = wrote[:, 0, 0]
    assert_close(out[real], expected[real], **EXACT)


@BOTH
@MODES
def test_the_future_changes_nothing(norm_first, training):
    stack = decoder(norm_first=norm_first, dropout=0.3).train(training)
    x, context = randn(2, 6, 8), randn(2, 3, 8)
    for t in range(1, 6):
        changed = torch.cat([x[:, :t], randn(2, 6 - t, 8)], dim=1)
        torch.manual_seed(1)
        out = stack(x, context)
        torch.manual_seed(1)
        other = stack(changed, context)
        assert_close(other[:, :t], out[:, :t], **EXACT)
        assert (other[:, t:] - out[:, t:]).abs().amin() > 0


@BOTH
def test_padding_of_the_source_changes_nothing(norm_first):
    stack, x, context = decoder(norm_first=norm_first), randn(2, 4, 8), randn(2, 5, 8)
    out = stack(x, context, context_mask=padding_mask(torch.tensor([3, 5])))
    assert_close(out[:1], stack(x[:1], context[:1, :3]), **EXACT)
    assert_close(out[1:], stack(x[1:], context[1:]), **EXACT)


@BOTH
@pytest.mark.parametrize("pieces", [[1] * 8, [3, 1, 1, 3], [8]])
def test_cached_equals_uncached(norm_first, pieces):
    stack, x, context = decoder(norm_first=norm_first), randn(2, 8, 8), randn(2, 5, 8)
    mask, cache = padding_mask(torch.tensor([5, 2])), KVCache()
    parts = x.split(pieces, dim=1)
    out = [stack(part, context, context_mask=mask, cache=cache) for part in parts]
    assert_close(torch.cat(out, dim=1), stack(x, context, context_mask=mask), **EXACT)


def test_the_memory_reaches_every_layer():
    stack, x, context = decoder(), randn(1, 2, 8), randn(1, 3, 8, grad=True)
    for one in stack.layers:
        torch.nn.init.zeros_(one.cross_attention.out_proj.weight)
    assert torch.autograd.grad(stack(x, context).square().sum(), context)[0].abs().max() == 0
    for one in stack.layers:
        torch.nn.init.eye_(one.cross_attention.out_proj.weight)
        assert torch.autograd.grad(stack(x, context).square().sum(), context)[0].abs().max() > 0
        torch.nn.init.zeros_(one.cross_attention.out_proj.weight)


def test_a_decoder_without_a_memory_is_refused():
    with pytest.raises(ValueError, match="context must be a tensor, got NoneType"):
        decoder()(randn(1, 2, 8), None)


def test_a_stack_without_layers_is_refused():
    with pytest.raises(ValueError, match=r"at least one, all of the same d_model, got \[\]"):
        Decoder([])
