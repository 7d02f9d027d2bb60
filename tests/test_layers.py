"""The two layers: equal to torch's, blind to the future and to padding, the same with a cache."""

from functools import partial

import pytest
import torch
from oracles import EXACT, randn, redraw
from torch import nn
from torch.testing import assert_close
from torch_weights import like_torch

from transformer_lib.layers.blocks import DecoderLayer, EncoderLayer
from transformer_lib.layers.cache import KVCache
from transformer_lib.layers.feed_forward import FeedForward
from transformer_lib.layers.masks import causal_mask, padding_mask
from transformer_lib.layers.multi_head import MultiHeadAttention

BOTH = pytest.mark.parametrize("norm_first", [True, False], ids=["pre", "post"])
MODES = pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def encoder_layer(*, causal=False, **kwargs):
    return redraw(
        EncoderLayer(MultiHeadAttention(8, 2, causal=causal), FeedForward(8, 12), **kwargs)
    )


def decoder_layer(**kwargs):
    attention = MultiHeadAttention(8, 2, causal=True), MultiHeadAttention(8, 2)
    return redraw(DecoderLayer(*attention, FeedForward(8, 12), **kwargs))


# --- equal to torch's -----------------------------------------------------------------------


@BOTH
@MODES
@pytest.mark.parametrize("activation", ["relu", "gelu"])
@pytest.mark.parametrize("masked", [False, True])
def test_encoder_layer_equals_torch(norm_first, training, activation, masked):
    theirs = nn.TransformerEncoderLayer(
        8, 2, 12, dropout=0.0, activation=activation, norm_first=norm_first, batch_first=True
    )
    theirs = redraw(theirs).train(training)  # in eval without a gradient torch has a fast path
    x, lengths = randn(3, 5, 8), torch.tensor([5, 3, 1])
    mask = padding_mask(lengths) if masked else None
    hidden = ~mask[:, 0, 0] if masked else None
    with torch.set_grad_enabled(training):
        expected = theirs(x, src_key_padding_mask=hidden)
        out = like_torch(theirs)(x, mask=mask)
    real = ~hidden if masked else torch.ones(3, 5, dtype=torch.bool)
    assert_close(out[real], expected[real], **EXACT)  # torch's fast path zeroes what is padding


@BOTH
@MODES
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_decoder_layer_equals_torch(norm_first, training, activation):
    theirs = nn.TransformerDecoderLayer(
        8, 2, 12, dropout=0.0, activation=activation, norm_first=norm_first, batch_first=True
    )
    theirs = redraw(theirs).train(training)
    x, context, mask = randn(3, 5, 8), randn(3, 4, 8), padding_mask(torch.tensor([4, 2, 1]))
    expected = theirs(x, context, tgt_mask=~causal_mask(5), memory_key_padding_mask=~mask[:, 0, 0])
    ours = like_torch(theirs)
    assert_close(ours(x, context, mask=causal_mask(5), context_mask=mask), expected, **EXACT)
    ours.self_attention.causal = True
    assert_close(ours(x, context, context_mask=mask), expected, **EXACT)


# --- the residual connection ----------------------------------------------------------------


@pytest.mark.parametrize("make", [encoder_layer, decoder_layer])
def test_sublayers_that_say_nothing_leave_the_input(make):
    x, context = randn(2, 3, 8), [randn(2, 4, 8)] if make is decoder_layer else []
    layer, post = make(), make(norm_first=False)
    layer.dropout.p = post.dropout.p = 1.0
    assert_close(layer(x, *context), x, **EXACT)  # everything that is added is dropped
    assert not torch.allclose(layer.eval()(x, *context), x)
    norms = [m for name, m in post.named_children() if name.startswith("norm")]
    assert_close(post(x, *context), nn.Sequential(*norms)(x), **EXACT)


def test_prenorm_keeps_the_input_apart_and_postnorm_normalises_the_sum():
    x = 1000 * randn(2, 3, 8)
    assert encoder_layer(norm_first=True)(x).abs().max() > 100
    assert encoder_layer(norm_first=False)(x).abs().max() < 10


@BOTH
@pytest.mark.parametrize("norm", [nn.RMSNorm, partial(nn.LayerNorm, eps=0.5, bias=False)])
def test_norm_of_choice(norm, norm_first):
    layer, x = encoder_layer(norm=norm, norm_first=norm_first), randn(2, 3, 8)
    norm1, norm2, add = layer.norm1, layer.norm2, layer.self_attention
    assert type(norm1) is type(norm2) is type(norm(8))
    if norm_first:
        y = x + add(norm1(x))
        expected = y + layer.feed_forward(norm2(y))
    else:
        y = norm1(x + add(x))
        expected = norm2(y + layer.feed_forward(y))
    assert_close(layer(x), expected, **EXACT)


@BOTH
def test_every_gradient_of_the_layers_is_right(norm_first):
    x, context = randn(1, 3, 8, grad=True), randn(1, 2, 8, grad=True)
    assert torch.autograd.gradcheck(encoder_layer(norm_first=norm_first), x)
    assert torch.autograd.gradcheck(decoder_layer(norm_first=norm_first), (x, context))


# --- who sees whom --------------------------------------------------------------------------


@BOTH
@MODES
@pytest.mark.parametrize("make", [partial(encoder_layer, causal=True), decoder_layer])
def test_the_future_changes_nothing(make, norm_first, training):
    layer = make(norm_first=norm_first, dropout=0.3).train(training)
    context = [randn(2, 4, 8)] if isinstance(layer, DecoderLayer) else []
    x = randn(2, 6, 8)
    changed = torch.cat([x[:, :4], randn(2, 2, 8)], dim=1)
    out, other = (seeded(layer, y, *context) for y in (x, changed))
    assert_close(out[:, :4], other[:, :4], **EXACT)
    assert (out[:, 4:] - other[:, 4:]).abs().amin() > 0


def seeded(layer, *args):
    torch.manual_seed(1)  # the same dropout every time
    return layer(*args)


@BOTH
def test_padding_changes_nothing(norm_first):
    mask = padding_mask(torch.tensor([3, 5]))
    x = randn(2, 5, 8)
    noise = torch.where(mask[:, 0, 0, :, None], x, randn(2, 5, 8))
    layer = encoder_layer(norm_first=norm_first)
    assert_close(layer(noise, mask=mask)[0, :3], layer(x[:1, :3])[0], **EXACT)
    layer, y = decoder_layer(norm_first=norm_first), randn(2, 4, 8)
    assert_close(layer(y, noise, context_mask=mask), layer(y, x, context_mask=mask), **EXACT)
    assert_close(layer(y, noise, context_mask=mask)[:1], layer(y[:1], x[:1, :3]), **EXACT)


@BOTH
@pytest.mark.parametrize("piece", [1, 2, 5])
def test_cached_equals_uncached(norm_first, piece):
    x, context = randn(2, 10, 8), randn(2, 4, 8)
    mask = padding_mask(torch.tensor([4, 2]))
    layer, cache = encoder_layer(norm_first=norm_first, causal=True), KVCache()
    out = torch.cat([layer(part, cache=cache) for part in x.split(piece, dim=1)], dim=1)
    assert_close(out, layer(x), **EXACT)
    layer, cache = decoder_layer(norm_first=norm_first), KVCache()
    out = [layer(part, context, context_mask=mask, cache=cache) for part in x.split(piece, dim=1)]
    assert_close(torch.cat(out, dim=1), layer(x, context, context_mask=mask), **EXACT)
    assert cache.length == 10


def test_a_cached_decoder_projects_the_context_once():
    layer, x, context, cache = decoder_layer(), randn(2, 4, 8), randn(2, 3, 8), KVCache()
    projected = []
    layer.cross_attention.k_proj.register_forward_hook(lambda *call: projected.append(call[2]))
    for token in x.split(1, dim=1):
        layer(token, context, cache=cache)
    assert len(projected) == 1


# --- bad input ------------------------------------------------------------------------------


def test_parts_of_different_widths_are_refused():
    wide, narrow = MultiHeadAttention(8, 2), MultiHeadAttention(4, 2)
    message = "the parts of a layer must have the same d_model, got .*'self_attention': "
    with pytest.raises(ValueError, match=message + r"8, 'feed_forward': 4"):
        EncoderLayer(wide, FeedForward(4, 8))
    with pytest.raises(ValueError, match=message + r"8, 'cross_attention': 4, 'feed_forward': 8"):
        DecoderLayer(wide, narrow, FeedForward(8, 8))


def test_what_is_no_part_is_refused():
    attention, think = MultiHeadAttention(8, 2), FeedForward(8, 8)
    with pytest.raises(ValueError, match="feed_forward must be a module, got function"):
        EncoderLayer(attention, lambda x: x)
    with pytest.raises(ValueError, match="cross_attention must have a d_model, got none"):
        DecoderLayer(attention, nn.Linear(8, 8), think)
    with pytest.raises(ValueError, match="norm must be a function, got str"):
        EncoderLayer(attention, think, norm="layer")


def test_impossible_dropout_is_refused():
    with pytest.raises(ValueError, match=r"dropout must be in \[0, 1\), got -0.1"):
        encoder_layer(dropout=-0.1)


@BOTH
def test_every_norm_of_a_decoder_layer_is_the_one_of_choice(norm_first):
    layer = decoder_layer(norm=nn.RMSNorm, norm_first=norm_first)
    assert [type(norm) for norm in (layer.norm1, layer.norm2, layer.norm3)] == [nn.RMSNorm] * 3


def test_a_decoder_layer_without_its_context_is_refused():
    with pytest.raises(ValueError, match="context must be a tensor, got NoneType"):
        decoder_layer()(randn(2, 3, 8), None)
