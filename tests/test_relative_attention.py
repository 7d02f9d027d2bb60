"""Relative attention: the four terms over all pairs, in both forms, with and without memory."""

import math
from itertools import product

import pytest
import torch
from oracles import EXACT, randn, redraw
from torch import nn
from torch.testing import assert_close

from transformer_lib.layers.cache import KVCache, MemoryCache
from transformer_lib.layers.masks import causal_mask
from transformer_lib.layers.positions import RelativePositions
from transformer_lib.layers.relative import RelativeAttention, relative_shift
from transformer_lib.measure.maps import collect_attention

BATCH, HEADS, HEAD_DIM, D_MODEL = 2, 2, 4, 8


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def make_layer(**options):
    return redraw(RelativeAttention(D_MODEL, HEADS, **options))


def fast(layer, *args, **kwargs):
    return layer(*args, **kwargs)


def plain(layer, *args, **kwargs):
    return layer(*args, return_weights=True, **kwargs)[0]


both_forms = pytest.mark.parametrize("form", [fast, plain])
both_modes = pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])


def wave(t):
    """R[t]: the sines of all frequencies, then the cosines."""
    angles = [t / 10000 ** (2 * i / D_MODEL) for i in range(D_MODEL // 2)]
    return torch.tensor([*map(math.sin, angles), *map(math.cos, angles)], dtype=torch.float64)


def loop(layer, x, memory=None, mask=None, window=None, clamp_len=None):
    """The layer for all (i, j) one by one: four terms, a softmax, an average."""
    out = torch.zeros_like(x)
    mem_len = 0 if memory is None else memory.size(1)
    u, v = (b.view(HEADS, HEAD_DIM) for b in (layer.content_bias, layer.position_bias))
    for b in range(len(x)):
        states = x[b] if memory is None else torch.cat([memory[b], x[b]])
        for i in range(x.size(1)):
            heads = []
            for h in range(HEADS):
                part = slice(h * HEAD_DIM, (h + 1) * HEAD_DIM)
                q = layer.q_proj.weight[part] @ x[b, i]
                scores, values = [], []
                for j in range(mem_len + i + 1):
                    distance = mem_len + i - j
                    if window is not None and distance >= window:
                        continue
                    if mask is not None and not mask[b, h, i, j]:
                        continue
                    t = distance if clamp_len is None else min(distance, clamp_len)
                    k = layer.k_proj.weight[part] @ states[j]
                    r = layer.r_proj.weight[part] @ wave(t)
                    score = q @ k + q @ r + u[h] @ k + v[h] @ r
                    scores.append(score / math.sqrt(HEAD_DIM))
                    values.append(layer.v_proj.weight[part] @ states[j])
                if scores:
                    heads.append(torch.stack(scores).softmax(dim=0) @ torch.stack(values))
                else:
                    heads.append(torch.zeros(HEAD_DIM).double())
            out[b, i] = layer.out_proj.weight @ torch.cat(heads)
    return out


# --- what it computes ------------------------------------------------------------------------


@both_forms
@pytest.mark.parametrize("mem_len", [None, 0, 1, 5])
@pytest.mark.parametrize(
    "options",
    [{}, {"window": 3}, {"window": 1}, {"clamp_len": 2}, {"window": 4, "clamp_len": 1}],
    ids=str,
)
def test_it_is_the_four_terms_over_all_pairs(form, mem_len, options):
    layer, x = make_layer().eval(), randn(BATCH, 4, D_MODEL)
    memory = None if mem_len is None else randn(BATCH, mem_len, D_MODEL)
    with torch.no_grad():
        expected = loop(layer, x, memory, **options)
        assert_close(form(layer, x, memory, **options), expected, **EXACT)
    assert_close(form(layer.train(), x, memory, **options), expected, **EXACT)


@both_forms
def test_a_mask_composes_and_a_query_that_sees_nothing_gets_zeros(form):
    layer, x, memory = make_layer().eval(), randn(BATCH, 4, D_MODEL), randn(BATCH, 3, D_MODEL)
    mask = torch.rand(BATCH, HEADS, 4, 7) < 0.5
    mask[0, :, 2] = False
    out = form(layer, x, memory, mask=mask)
    assert_close(out, loop(layer, x, memory, mask), **EXACT)
    assert (out[0, 2] == 0).all()


def test_both_forms_agree_in_gradients():
    grads = []
    for form in (fast, plain):
        torch.manual_seed(0)
        layer, x, memory = make_layer(), randn(BATCH, 4, D_MODEL), randn(BATCH, 3, D_MODEL)
        x.requires_grad_(), memory.requires_grad_()
        form(layer, x, memory, window=5).square().sum().backward()
        grads.append({n: p.grad for n, p in layer.named_parameters()} | {"x": x.grad})
        grads[-1]["memory"] = memory.grad
    assert all(grad.abs().max() > 1e-4 for grad in grads[0].values())
    assert_close(*grads, **EXACT)


def test_gradients_are_those_of_the_loop():
    layer, x, memory = make_layer(), randn(1, 3, D_MODEL), randn(1, 2, D_MODEL)
    mine = torch.autograd.grad(layer(x, memory).square().sum(), list(layer.parameters()))
    theirs = torch.autograd.grad(loop(layer, x, memory).square().sum(), list(layer.parameters()))
    assert_close(mine, theirs, rtol=0, atol=1e-10)


def test_weights_are_those_of_the_output_and_sum_to_one():
    layer, x, memory = make_layer().eval(), randn(BATCH, 4, D_MODEL), randn(BATCH, 3, D_MODEL)
    out, weights = layer(x, memory, window=4, return_weights=True)
    assert weights.shape == (BATCH, HEADS, 4, 7)
    assert_close(weights.sum(-1), torch.ones(BATCH, HEADS, 4).double(), **EXACT)
    v = layer.v_proj(torch.cat([memory, x], dim=1)).unflatten(-1, (HEADS, HEAD_DIM))
    again = (weights @ v.transpose(1, 2)).transpose(1, 2).flatten(2)
    assert_close(layer.out_proj(again), out, **EXACT)


def test_same_length_is_exactly_the_last_positions():
    layer, x, memory = make_layer(), randn(1, 4, D_MODEL), randn(1, 6, D_MODEL)
    weights = layer(x, memory, window=3, return_weights=True)[1]
    for i, j in product(range(4), range(10)):
        assert (weights[0, :, i, j] > 0).all() == (0 <= i + 6 - j < 3)


def test_collect_attention_sees_the_real_weights():
    layer, x, memory = make_layer().eval(), randn(BATCH, 4, D_MODEL), randn(BATCH, 3, D_MODEL)
    expected = layer(x, memory, return_weights=True)
    with collect_attention(nn.ModuleDict({"layer": layer})) as maps:
        assert_close(layer(x, memory), expected[0], **EXACT)
    assert_close(maps["layer"], expected[1], rtol=0, atol=0)


# --- properties ------------------------------------------------------------------------------


@both_forms
@both_modes
@pytest.mark.parametrize("mem_len", [0, 3])
def test_the_future_changes_nothing(form, training, mem_len):
    layer = make_layer().train(training)
    x, memory = randn(BATCH, 5, D_MODEL), randn(BATCH, mem_len, D_MODEL)
    out = form(layer, x, memory)
    for t in range(1, 5):
        changed = torch.cat([x[:, :t], randn(BATCH, 5 - t, D_MODEL)], dim=1)
        other = form(layer, changed, memory)
        assert_close(other[:, :t], out[:, :t], **EXACT)
        assert (other[:, t:] - out[:, t:]).abs().amax(-1).min() > 1e-6


def test_a_segment_behind_a_memory_is_the_end_of_one_long_segment():
    layer, x = make_layer().eval(), randn(BATCH, 9, D_MODEL)
    assert_close(layer(x[:, 4:], x[:, :4]), layer(x)[:, 4:], **EXACT)
    options = {"window": 4, "clamp_len": 2}
    assert_close(layer(x[:, 4:], x[:, :4], **options), layer(x, **options)[:, 4:], **EXACT)


def test_only_distances_matter():
    layer, x = make_layer().eval(), randn(BATCH, 4, D_MODEL)
    memory = randn(BATCH, 9, D_MODEL)
    near = layer(x, memory[:, -3:], window=4)
    assert_close(layer(x, memory, window=4), near, **EXACT)  # 6 positions later: nothing changes


def test_order_matters_in_the_memory_too():
    layer, x, memory = make_layer().eval(), randn(BATCH, 4, D_MODEL), randn(BATCH, 3, D_MODEL)
    assert (layer(x, memory.flip(1)) - layer(x, memory)).abs().max() > 1e-3


def test_no_projection_has_a_bias():
    assert {name for name, _ in make_layer().named_parameters()} == {
        "content_bias",
        "position_bias",
        *(f"{part}_proj.weight" for part in "qkvr"),
        "out_proj.weight",
    }


def test_u_and_v_can_be_shared():
    u, v = (nn.Parameter(torch.randn(D_MODEL)) for _ in "uv")
    layers = nn.ModuleList(
        RelativeAttention(D_MODEL, HEADS, content_bias=u, position_bias=v) for _ in range(3)
    )
    assert all(layer.content_bias is u and layer.position_bias is v for layer in layers)
    assert sum(p.numel() for p in layers.parameters()) == 3 * 5 * D_MODEL**2 + 2 * D_MODEL


def test_dropout_falls_on_positions_in_training_only():
    layer, x = make_layer(position_dropout=0.5), randn(BATCH, 4, D_MODEL)
    expected = make_layer()
    expected.load_state_dict(layer.state_dict())
    assert_close(layer.eval()(x), expected(x), **EXACT)
    assert (layer.train()(x) - expected(x)).abs().max() > 1e-3
    with torch.no_grad():
        layer.r_proj.weight.zero_()  # now there are no positions to drop
        expected.r_proj.weight.zero_()
    assert_close(layer(x), expected(x), **EXACT)


@both_forms
def test_dropout_falls_on_weights_in_training_only(form):
    layer, x = make_layer(dropout=0.5), randn(BATCH, 4, D_MODEL)
    expected = form(layer.eval(), x)
    assert_close(form(layer, x), expected, rtol=0, atol=0)
    out = form(layer.train(), x)
    assert (out - expected).abs().max() > 1e-3
    assert (out - form(layer, x)).abs().max() > 1e-3


# --- positions and the shift -----------------------------------------------------------------


@pytest.mark.parametrize("clamp_len", [None, 1, 3, 6, 100])
def test_rows_run_from_far_to_near(clamp_len):
    rows = RelativePositions(D_MODEL)(randn(1), 7, clamp_len)
    for row, t in zip(rows, range(6, -1, -1), strict=True):
        assert_close(row, wave(t if clamp_len is None else min(t, clamp_len)), **EXACT)


@pytest.mark.parametrize(("q_len", "k_len"), [(1, 1), (1, 6), (4, 4), (3, 8)])
def test_shift_moves_each_distance_to_its_key_without_a_copy(q_len, k_len):
    scores = randn(2, 3, q_len, k_len + 1)
    shifted = relative_shift(scores)
    assert shifted.shape == (2, 3, q_len, k_len)
    assert shifted.untyped_storage().data_ptr() == scores.untyped_storage().data_ptr()
    for i, j in product(range(q_len), range(k_len)):
        distance = i + k_len - q_len - j
        if distance >= 0:
            assert shifted[1, 2, i, j] == scores[1, 2, i, k_len - distance]


def test_above_the_diagonal_the_shift_leaves_garbage():
    scores = torch.arange(12.0).view(3, 4)  # distances 3, 2, 1, 0 of three queries
    ahead = ~causal_mask(3)
    assert relative_shift(scores)[ahead].tolist() == [4, 5, 8]  # of the row below


# --- rows kept for evaluation, in the cache ---------------------------------------------------


@pytest.fixture
def projections():
    """A layer, and how many rows it projects at each call."""
    layer, calls = make_layer().eval(), []
    layer.r_proj.register_forward_hook(lambda _, args, out: calls.append(len(out)))
    return layer, calls


@torch.no_grad()
def test_the_cache_keeps_the_rows_and_they_serve_every_length(projections):
    (layer, calls), x, cache = projections, randn(BATCH, 60, D_MODEL), MemoryCache(40)
    whole, start = layer(x, window=20), 0
    calls.clear()
    for q_len in (1, 3, 2, 6, 6, 1, 1, 30, 1, 4, 5):
        part = layer(x[:, start : start + q_len], cache, window=20)
        assert_close(part, whole[:, start : start + q_len], **EXACT)
        start += q_len
    assert calls == [2, 8, 16, 32, 64]


@torch.no_grad()
def test_rows_are_kept_for_each_clamp_len():
    layer, x, cache = make_layer().eval(), randn(BATCH, 9, D_MODEL), KVCache()
    for start, clamp_len in enumerate((None, 1, None, 1, 3)):
        part = layer(x[:, start : start + 1], cache, clamp_len=clamp_len)
        memory = x[:, :start] if start else None
        assert_close(
            part, loop(layer, x[:, start : start + 1], memory, None, None, clamp_len), **EXACT
        )


def test_nothing_is_kept_but_in_the_callers_cache(projections):
    (layer, calls), x = projections, randn(BATCH, 3, D_MODEL)
    with torch.no_grad():
        layer(x)
        layer.r_proj.weight.data = 2 * layer.r_proj.weight.data  # no version of a weight tells
        assert_close(layer(x), loop(layer, x), **EXACT)
    layer(x, KVCache())  # a step may follow
    with torch.no_grad():
        layer.train()(x, cache := KVCache())  # dropout may fall on R
    assert calls == [4] * 4
    assert not cache._kept


def test_made_in_inference_mode_they_serve_training():
    layer, x = make_layer().eval(), randn(BATCH, 3, D_MODEL)
    with torch.inference_mode():
        layer(x)
    layer(x).sum().backward()
    assert layer.r_proj.weight.grad.abs().max() > 0


# --- cache -----------------------------------------------------------------------------------


def test_cache_is_memory():
    layer, x = make_layer().eval(), randn(BATCH, 40, D_MODEL)
    cache, plain_cache, start = MemoryCache(5), KVCache(), 0
    with torch.no_grad():
        long = layer(x)
        for q_len in [3, 1, 1, 7, 2, 1, 12, 1, 1, 1, 10]:
            part, memory = x[:, start : start + q_len], x[:, max(0, start - 5) : start]
            assert_close(layer(part, cache), layer(part, memory), **EXACT)
            whole = layer(part, plain_cache)
            assert_close(whole, long[:, start : start + q_len], **EXACT)
            start += q_len
    assert start == 40


def test_cache_forgets():
    layer, cache = make_layer().eval(), MemoryCache(5)
    sizes = set()
    with torch.no_grad():
        for _ in range(100):
            layer(randn(BATCH, 1, D_MODEL), cache)
            sizes.add(cache._buffers[layer][0].untyped_storage().nbytes())
    assert cache.length <= 10
    assert max(sizes) <= 16 * BATCH * D_MODEL * 8


def test_cache_without_room_remembers_nothing():
    layer, cache = make_layer().eval(), MemoryCache(0)
    with torch.no_grad():
        for _ in range(3):
            x = randn(BATCH, 2, D_MODEL)
            assert_close(layer(x, cache), layer(x), **EXACT)


def test_cache_follows_the_rows():
    layer, cache = make_layer().eval(), MemoryCache(4)
    first, second = randn(3, 4, D_MODEL), randn(2, 2, D_MODEL)
    with torch.no_grad():
        layer(first, cache)
        cache.reorder(torch.tensor([2, 0]))
        assert_close(layer(second, cache), layer(second, first[[2, 0]]), **EXACT)


# --- bad input -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f: RelativeAttention(7, 2), "d_model must be a positive multiple of num_heads"),
        (lambda f: RelativeAttention(9, 3), "d_model must be a positive even number, got 9"),
        (lambda f: RelativeAttention(8, 2, dropout=1.0), "dropout must be in"),
        (lambda f: RelativeAttention(8, 2, position_dropout=-1.0), "position_dropout must be in"),
        (
            lambda f: RelativeAttention(8, 2, content_bias=nn.Parameter(torch.zeros(2, 4))),
            r"content_bias must be \(d_model = 8,\), got \(2, 4\)",
        ),
        (
            lambda f: RelativeAttention(8, 2, content_bias=torch.zeros(8)),
            "content_bias must be an nn.Parameter, got Tensor",
        ),
        (
            lambda f: RelativeAttention(8, 2, position_bias=nn.Parameter(torch.zeros(9))),
            "position_bias must be",
        ),
        (
            lambda f: RelativeAttention(8, 2, positions=RelativePositions(6)),
            "positions must have d_model = 8, got 6",
        ),
        (lambda f: f(randn(2, 3, 7)), "x must be"),
        (lambda f: f(randn(3, 8)), "x must be"),
        (lambda f: f(randn(2, 3, 8), randn(3, 3, 8)), r"memory must be \(batch = 2, mem_len, d_"),
        (lambda f: f(randn(2, 3, 8), randn(2, 3, 6)), r"memory must be .* got \(2, 3, 6\)"),
        (lambda f: f(randn(2, 3, 8), randn(3, 8)), "memory must be"),
        (lambda f: f(randn(2, 3, 8), randn(2, 3, 8).to("meta")), "memory must be on cpu"),
        (lambda f: f(randn(2, 3, 8), (randn(2, 3, 8),)), "memory must be a tensor or a cache, got"),
        (lambda f: f(torch.randn(2, 3, 8)), "x must be torch.float64, as the weights are"),
        (lambda f: f(randn(2, 3, 8), clamp_len=0), "clamp_len must be None or at least 1, got 0"),
        (lambda f: f(randn(2, 3, 8), window=0), "window must be None or at least 1, got 0"),
        (lambda f: f(randn(2, 3, 8), mask=torch.zeros(3, 3)), "mask must be boolean"),
        (
            lambda f: f(randn(2, 3, 8), randn(2, 2, 8), mask=causal_mask(3)),
            "mask must broadcast to the scores",
        ),
        (lambda f: MemoryCache(-1), "mem_len must be at least 0, got -1"),
    ],
)
def test_bad_input_is_refused_in_words(call, message):
    with pytest.raises(ValueError, match=message):
        call(make_layer())
