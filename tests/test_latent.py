"""Latent attention: its formula head by head, and the same numbers from the latents alone."""

import pytest
import torch
from oracles import EXACT, complex_rotary, randn, redraw
from torch.testing import assert_close

from transformer_lib.layers.attention import attention
from transformer_lib.layers.blocks import EncoderLayer
from transformer_lib.layers.cache import KVCache, MemoryCache
from transformer_lib.layers.feed_forward import FeedForward
from transformer_lib.layers.latent import LatentAttention
from transformer_lib.layers.masks import causal_mask, padding_mask

BATCH, HEADS, HEAD_DIM, D_MODEL, RANK, ROPE = 2, 4, 6, 24, 5, 4


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def make(**options):
    return redraw(LatentAttention(D_MODEL, HEADS, rank=RANK, rope_dim=ROPE, **options))


def turned(x):
    """R(t) x for the positions t = 0, 1, …, (len, rope_dim), up to an order of the features."""
    return complex_rotary(x[:, torch.arange(ROPE).view(2, -1).T.flatten()])


def formula(layer, x, mask=None):
    """The docstring's equations for each sequence and head, with its matrices cut out by hand."""
    mask = causal_mask(x.size(1)) if mask is None else causal_mask(x.size(1)) & mask
    mask = mask.expand(x.size(0), HEADS, x.size(1), x.size(1))
    outputs, all_weights = [], []
    for row, one in enumerate(x):
        c, r = one @ layer.down_proj.weight[:RANK].T, turned(one @ layer.down_proj.weight[RANK:].T)
        heads = []
        for h in range(HEADS):
            w_q, w_qr = layer.q_proj.weight.unflatten(0, (HEADS, -1))[h].split([HEAD_DIM, ROPE])
            own = slice(h * HEAD_DIM, (h + 1) * HEAD_DIM)
            q = torch.cat([one @ w_q.T, turned(one @ w_qr.T)], dim=-1)
            k = torch.cat([c @ layer.k_proj.weight[own].T, r], dim=-1)
            v = c @ layer.v_proj.weight[own].T
            heads.append(attention(q, k, v, mask[row, h], return_weights=True))
        outputs.append(layer.out_proj(torch.cat([out for out, _ in heads], dim=-1)))
        all_weights.append(torch.stack([weights for _, weights in heads]))
    return torch.stack(outputs), torch.stack(all_weights)


def in_parts(layer, x, sizes):
    cache = KVCache()
    return torch.cat([layer(part, cache=cache) for part in x.split(sizes, dim=1)], dim=1)


def test_it_is_its_formula_in_output_weights_and_gradients():
    layer, x = make(), randn(BATCH, 9, D_MODEL, grad=True)
    expected, expected_weights = formula(layer, x)
    out, weights = layer(x, return_weights=True)
    assert_close(out, expected, **EXACT)
    assert_close(weights, expected_weights, **EXACT)
    assert_close(layer(x), expected, **EXACT)
    inputs, seed = (x, *layer.parameters()), randn(*expected.shape)
    for ours, theirs in zip(
        torch.autograd.grad(layer(x), inputs, seed),
        torch.autograd.grad(expected, inputs, seed),
        strict=True,
    ):
        assert_close(ours, theirs, **EXACT)


@pytest.mark.parametrize("sizes", [[1] * 9, [9], [4, 1, 1, 3], [1, 8], [8, 1]], ids=str)
def test_cached_is_uncached(sizes):
    layer, x = make().eval(), randn(BATCH, 9, D_MODEL)
    with torch.no_grad():
        assert_close(in_parts(layer, x, sizes), layer(x), **EXACT)


def test_for_one_token_no_keys_or_values_are_made():
    layer, x, cache, made = make().eval(), randn(BATCH, 6, D_MODEL), KVCache(), []
    layer(x[:, :5], cache=cache)
    for proj in (layer.k_proj, layer.v_proj):
        proj.register_forward_hook(lambda *_: made.append(1))
    out, weights = layer(x[:, 5:], cache=cache, return_weights=True)
    assert not made
    expected, expected_weights = formula(layer, x)
    assert_close(out, expected[:, 5:], **EXACT)
    assert_close(weights, expected_weights[:, :, 5:], **EXACT)


def test_the_cache_holds_rank_and_rope_dim_numbers_a_token():
    layer, cache = make().eval(), KVCache()
    layer(randn(BATCH, 6, D_MODEL), cache=cache)
    assert sum(x.numel() for x in cache.get(layer)) == BATCH * 6 * (RANK + ROPE)


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
def test_no_output_depends_on_the_future(training):
    layer, x = make().train(training), randn(BATCH, 6, D_MODEL)
    before = layer(x)
    for start in range(1, 6):
        changed = torch.cat([x[:, :start], randn(BATCH, 6 - start, D_MODEL)], dim=1)
        after = layer(changed)
        assert_close(after[:, :start], before[:, :start], **EXACT)
        assert (after[:, start] != before[:, start]).all()


def test_only_distances_matter():
    layer, x = make(), randn(BATCH, 5, D_MODEL)
    later = torch.cat([randn(BATCH, 3, D_MODEL), x], dim=1)
    mask = torch.arange(8) >= 3
    assert_close(layer(later, mask=mask)[:, 3:], layer(x), **EXACT)
    assert (layer(x.flip(1))[:, -1] - layer(x)[:, -1]).abs().max() > 1e-3


@pytest.mark.parametrize(
    "mask",
    [padding_mask(torch.tensor([6, 4])), torch.arange(6) >= torch.arange(HEADS)[:, None, None]],
    ids=["padding", "heads"],
)
def test_a_mask_composes_with_causality_with_and_without_a_cache(mask):
    layer, x, cache = make().eval(), randn(BATCH, 6, D_MODEL), KVCache()
    expected, expected_weights = formula(layer, x, mask)
    assert_close(layer(x, mask=mask), expected, **EXACT)
    layer(x[:, :5], mask=mask[..., :5], cache=cache)
    out, weights = layer(x[:, 5:], mask=mask, cache=cache, return_weights=True)
    assert_close(out, expected[:, 5:], **EXACT)
    assert_close(weights, expected_weights[:, :, 5:], **EXACT)


def test_the_cache_follows_the_beams():
    layer, first, second, cache = make(), randn(3, 5, D_MODEL), randn(2, 1, D_MODEL), KVCache()
    rows = torch.tensor([2, 0])
    with torch.no_grad():
        layer(first, cache=cache)
        cache.reorder(rows)
        whole = layer(torch.cat([first[rows], second], dim=1))
        assert_close(layer(second, cache=cache), whole[:, 5:], **EXACT)


def test_it_stands_where_attention_stands():
    block = EncoderLayer(make(), redraw(FeedForward(D_MODEL, 8))).double()
    x = randn(BATCH, 4, D_MODEL)
    with torch.no_grad():
        assert_close(in_parts(block, x, 1), block(x), **EXACT)


def test_dropout_works_in_training_only():
    layer, x = make(dropout=0.5), randn(BATCH, 6, D_MODEL)
    assert (layer(x) - layer(x)).abs().max() > 1e-3
    assert_close(layer.eval()(x), formula(layer, x)[0], **EXACT)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"d_model": 9}, "d_model must be a positive multiple of num_heads"),
        ({"rank": 0}, "rank must be at least 1, got 0"),
        ({"rope_dim": 3}, "rope_dim must be a positive even number, got 3"),
        ({"dropout": 1.0}, "dropout must be in"),
    ],
)
def test_a_layer_that_cannot_be_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        LatentAttention(**({"d_model": 8, "num_heads": 2, "rank": 4, "rope_dim": 2} | options))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"x": randn(2, 3, 7)}, r"x must be \(batch, len, d_model = 24\), got \(2, 3, 7\)"),
        ({"x": torch.ones(2, 3, 24)}, "x must be torch.float64, as the weights are"),
        ({"mask": torch.zeros(3, 3)}, "mask must be boolean"),
        ({"mask": causal_mask(4)}, "mask must broadcast to the scores"),
        ({"cache": 5}, "cache must be a KVCache, got int"),
        ({"cache": MemoryCache(4)}, "cache must be a plain KVCache: keys are turned"),
    ],
)
def test_bad_input_is_refused_in_words(call, message):
    with pytest.raises(ValueError, match=message):
        make()(**({"x": randn(2, 3, D_MODEL)} | call))


def test_a_refused_call_leaves_the_cache_as_it_was():
    layer, cache = make(), KVCache()
    layer(randn(2, 3, D_MODEL), cache=cache)
    for bad in ({"x": randn(1, 1, D_MODEL)}, {"x": randn(2, 1, D_MODEL), "mask": causal_mask(3)}):
        with pytest.raises(ValueError, match="must"):
            layer(**bad, cache=cache)
    assert cache.length == 3
