"""A window by blocks is the dense mask, in values and gradients, and far fewer scores."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from oracles import EXACT, FEW, randn, redraw
from torch.testing import assert_close

from transformer_lib.layers import windowed as windowed_module
from transformer_lib.layers.attention import attention
from transformer_lib.layers.blocks import EncoderLayer
from transformer_lib.layers.cache import KVCache, MemoryCache
from transformer_lib.layers.feed_forward import FeedForward
from transformer_lib.layers.masks import causal_mask, sliding_window_mask
from transformer_lib.layers.multi_head import MultiHeadAttention
from transformer_lib.layers.positions import Rotary
from transformer_lib.layers.windowed import WindowedAttention, windowed

BATCH, HEADS, HEAD_DIM, D_MODEL = 2, 4, 6, 24
every_window = pytest.mark.parametrize("window", [1, 2, 5, 17, 40])
every_option = pytest.mark.parametrize(
    "options", [{}, {"rotary": Rotary(HEAD_DIM)}, {"num_kv_heads": 2}], ids=str
)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def make(window=5, **options):
    return redraw(WindowedAttention(D_MODEL, HEADS, window=window, **options))


def dense_mask(q_len, k_len, window):
    return causal_mask(q_len, k_len) & sliding_window_mask(q_len, k_len, window=window)


# --- the function -------------------------------------------------------------------------------


@FEW
@given(q_len=st.integers(1, 20), known=st.integers(0, 30), window=st.integers(1, 25))
def test_by_blocks_is_by_mask_in_values_and_gradients(q_len, known, window):
    q = randn(BATCH, HEADS, q_len, HEAD_DIM, grad=True)
    k, v = (randn(BATCH, HEADS, known + q_len, HEAD_DIM, grad=True) for _ in "kv")
    mine = windowed(q, k, v, window)
    expected = attention(q, k, v, dense_mask(q_len, known + q_len, window))
    assert_close(mine, expected, **EXACT)
    seed = randn(*mine.shape)
    for ours, theirs in zip(
        torch.autograd.grad(mine, (q, k, v), seed),
        torch.autograd.grad(expected, (q, k, v), seed),
        strict=True,
    ):
        assert_close(ours, theirs, **EXACT)


def test_values_may_have_a_width_of_their_own():
    q, k, v = randn(2, 3, 9, 4), randn(2, 3, 9, 4), randn(2, 3, 9, 7)
    assert_close(windowed(q, k, v, 3), attention(q, k, v, dense_mask(9, 9, 3)), **EXACT)


@pytest.mark.parametrize(
    ("q_len", "k_len", "window", "scores"),
    [(64, 64, 8, 8 * 8 * 15), (1, 64, 8, 8), (1, 1, 8, 1), (5, 5, 8, 5 * 12)],
)
def test_it_computes_as_many_scores_as_it_says(monkeypatch, q_len, k_len, window, scores):
    counted, attend = [], windowed_module.attend

    def spy(q, k, v, *mask, **options):
        counted.append(q.shape[:3].numel() * k.size(2))
        return attend(q, k, v, *mask, **options)

    monkeypatch.setattr(windowed_module, "attend", spy)
    windowed(randn(1, 1, q_len, 4), randn(1, 1, k_len, 4), randn(1, 1, k_len, 4), window)
    assert counted == [scores]


def test_keys_out_of_reach_may_be_anything():
    q, k, v = randn(1, 1, 1, 4), randn(1, 1, 9, 4), randn(1, 1, 9, 4)
    expected = windowed(q, k, v, 3)
    k[:, :, :6], v[:, :, :6] = torch.nan, torch.nan  # not hidden: not there
    assert_close(windowed(q, k, v, 3), expected, rtol=0, atol=0)


def test_dropout_falls_on_the_weights():
    v = torch.ones(1, 1, 4000, 1, dtype=torch.float64)
    out = windowed(randn(1, 1, 4000, 2), randn(1, 1, 4000, 2), v, 1, dropout=0.25)
    assert set(out.flatten().tolist()) == {0.0, 1 / 0.75}
    assert (out == 0).double().mean().item() == pytest.approx(0.25, abs=0.03)


# --- the layer ----------------------------------------------------------------------------------


@every_window
@every_option
def test_the_layer_is_a_causal_one_under_a_window_mask(window, options):
    layer, x = make(window, **options), randn(BATCH, 17, D_MODEL)
    dense = MultiHeadAttention(D_MODEL, HEADS, causal=True, **options).double()
    dense.load_state_dict(layer.state_dict())
    mask = sliding_window_mask(17, window=window)
    expected, weights = dense(x, mask=mask, return_weights=True)
    assert_close(layer(x), expected, **EXACT)
    for mine, theirs in zip(layer(x, return_weights=True), (expected, weights), strict=True):
        assert_close(mine, theirs, **EXACT)
    grads = [
        torch.autograd.grad(out.square().sum(), one.parameters())
        for one, out in ((layer, layer(x)), (dense, dense(x, mask=mask)))
    ]
    for ours, theirs in zip(*grads, strict=True):
        assert_close(ours, theirs, **EXACT)


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@every_option
def test_an_output_depends_on_the_window_and_on_nothing_else(training, options):
    layer, x = make(5, **options).train(training), randn(1, 14, D_MODEL, grad=True)
    for i in (0, 3, 4, 5, 13):
        (grad,) = torch.autograd.grad(layer(x)[0, i].sum(), x)
        seen = grad[0].abs().amax(-1) > 0
        assert seen.nonzero().flatten().tolist() == [*range(max(0, i - 4), i + 1)]


@every_option
@every_window
@pytest.mark.parametrize("sizes", [[1] * 17, [17], [3, 1, 6, 1, 1, 5], [1, 16]], ids=str)
def test_cached_is_uncached_though_the_cache_forgets(options, window, sizes):
    layer, x = make(window, **options).eval(), randn(BATCH, 17, D_MODEL)
    with torch.no_grad():
        whole = layer(x)
        for cache in (KVCache(), MemoryCache(window - 1), MemoryCache(window + 3)):
            parts = [layer(part, cache=cache) for part in x.split(sizes, dim=1)]
            assert_close(torch.cat(parts, dim=1), whole, **EXACT)


def test_with_a_cache_the_weights_are_those_of_the_window():
    layer, x, cache = make(5).eval(), randn(BATCH, 9, D_MODEL), KVCache()
    with torch.no_grad():
        layer(x[:, :7], cache=cache)
        out, weights = layer(x[:, 7:], cache=cache, return_weights=True)
        whole, expected = layer(x, return_weights=True)
    assert_close(out, whole[:, 7:], **EXACT)
    assert_close(weights, expected[:, :, 7:, 3:], **EXACT)


def test_dropout_works_in_training_only():
    layer, x = make(dropout=0.5), randn(BATCH, 6, D_MODEL)
    assert (layer(x) - layer(x)).abs().max() > 1e-3
    assert_close(layer.eval()(x), layer(x, return_weights=True)[0], **EXACT)


def test_it_stands_where_attention_stands():
    layer, x = make(3, rotary=Rotary(HEAD_DIM)), randn(BATCH, 7, D_MODEL)
    block, cache = EncoderLayer(layer, redraw(FeedForward(D_MODEL, 8))).double(), KVCache()
    with torch.no_grad():
        parts = [block(part, cache=cache) for part in x.split(1, dim=1)]
        assert_close(torch.cat(parts, dim=1), block(x), **EXACT)


# --- bad input ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f, x: WindowedAttention(8, 2, window=0), "window must be at least 1, got 0"),
        (lambda f, x: WindowedAttention(8, 2, window="3"), "window must be a whole number, got"),
        (lambda f, x: WindowedAttention(9, 2, window=3), "d_model must be a positive multiple"),
        (lambda f, x: f(x[..., :7]), r"x must be \(batch, len, d_model = 24\), got \(2, 3, 7\)"),
        (lambda f, x: f(x[:, :0]), r"x must have at least one token, got \(2, 0, 24\)"),
        (lambda f, x: f(x.float()), "x must be torch.float64, as the weights are"),
        (lambda f, x: f(x, mask=causal_mask(3)), "mask must be None: .* never made by a window"),
        (lambda f, x: f(x, cache=5), "cache must be a KVCache, got int"),
        (
            lambda f, x: f(x, cache=MemoryCache(3)),
            "cache must remember at least window - 1 = 4 positions, got mem_len = 3",
        ),
    ],
)
def test_a_layer_refuses_in_words(call, message):
    with pytest.raises(ValueError, match=message):
        call(make(5), randn(2, 3, D_MODEL))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"window": 0}, "window must be at least 1, got 0"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\), got 1.0"),
        ({"q": randn(3, 9, 4)}, "q must be of floating point, with 4 axes"),
        ({"v": torch.ones(2, 4, 9, 4)}, "v must have the type, device and batch of q"),
        ({"k": randn(1, 4, 9, 4)}, "k must have the type, device and batch of q"),
        ({"k": randn(2, 4, 9, 5)}, "q and k must have the same width"),
        ({"k": randn(2, 4, 8, 4)}, "k and v must have the same length"),
        ({"q": randn(2, 4, 10, 4)}, "q must have 1 … k_len = 9 positions, .* got 10"),
        ({"q": randn(2, 4, 0, 4)}, "q must have 1 … k_len = 9 positions, .* got 0"),
        ({"q": randn(2, 3, 9, 4)}, "k and v must have as many heads, .* of q, 3, got 4 and 4"),
        ({"v": randn(2, 2, 9, 4)}, "k and v must have as many heads, .* got 4 and 2"),
    ],
)
def test_the_function_refuses_in_words(call, message):
    good = {name: randn(2, 4, 9, 4) for name in "qkv"} | {"window": 3}
    with pytest.raises(ValueError, match=message):
        windowed(**(good | call))
