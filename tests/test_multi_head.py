"""The attention layer: torch's in values and gradients, in both of its forms, with a cache.

The layer computes in one of two forms. `fused` calls torch's kernel; `plain` is the formula, used
when the weights are asked for. Whatever holds for one must hold for the other.
"""

import math

import pytest
import torch
from attention_layers import (
    BATCH,
    D_MODEL,
    HEAD_DIM,
    HEADS,
    both_forms,
    every_causal_layer,
    fused,
    make_layer,
    plain,
)
from hypothesis import given
from hypothesis import strategies as st
from oracles import EXACT, FEW, complex_rotary, loop_alibi, randn, redraw, torch_layer
from torch.testing import assert_close

from transformer_lib.layers.attention import attention
from transformer_lib.layers.cache import KVCache, MemoryCache
from transformer_lib.layers.masks import causal_mask, padding_mask, sliding_window_mask
from transformer_lib.layers.multi_head import MultiHeadAttention
from transformer_lib.layers.positions import ALiBi, LearnedPositions, Rotary, SinusoidalPositions

both_modes = pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


# --- the layer against its oracles -------------------------------------------------------------


def drawn_mask(kind, q_len, k_len):
    """A mask of each kind that broadcasts to (batch, heads, q_len, k_len); row 0 sees key 0."""
    if kind == "padding":
        return padding_mask(torch.randint(1, k_len + 1, (BATCH,)), k_len)
    if kind == "window":
        return sliding_window_mask(max(q_len, k_len), window=2)[:q_len, :k_len]
    if kind == "keys":
        return torch.arange(k_len) % 3 != 1
    if kind == "heads":
        return torch.arange(k_len) <= torch.arange(HEADS)[:, None, None]
    return None


every_mask = pytest.mark.parametrize("kind", ["none", "padding", "window", "keys", "heads"])


@both_forms
@every_mask
@pytest.mark.parametrize("crossed", [False, True], ids=["self", "cross"])
def test_the_layer_is_torchs_in_values_and_gradients(form, kind, crossed):
    layer = make_layer()
    theirs = torch_layer(layer)
    x, context = randn(BATCH, 5, D_MODEL, grad=True), randn(BATCH, 7, D_MODEL, grad=True)
    source = context if crossed else x
    mask = drawn_mask(kind, 5, source.size(1))
    hidden = None  # torch's convention: True = hidden, one mask for every head of every sequence
    if mask is not None:
        hidden = ~mask.expand(BATCH, HEADS, 5, source.size(1)).flatten(0, 1)
    expected, _ = theirs(x, source, source, attn_mask=hidden)
    inputs = (x, context) if crossed else (x,)
    mine = form(layer, x, context if crossed else None, mask=mask)
    assert mine.shape == (BATCH, 5, D_MODEL)
    assert_close(mine, expected, **EXACT)
    seed = randn(*mine.shape)
    for ours, other in zip(
        torch.autograd.grad(mine, (*inputs, layer.out_proj.weight), seed),
        torch.autograd.grad(expected, (*inputs, theirs.out_proj.weight), seed),
        strict=True,
    ):
        assert_close(ours, other, **EXACT)


def test_the_weights_are_torchs():
    layer, x = make_layer(causal=True), randn(BATCH, 5, D_MODEL)
    _, weights = layer(x, return_weights=True)
    hidden = ~causal_mask(5)
    _, expected = torch_layer(layer)(x, x, x, attn_mask=hidden, average_attn_weights=False)
    assert weights.shape == (BATCH, HEADS, 5, 5)
    assert_close(weights, expected, **EXACT)


@both_forms
def test_each_head_is_an_attention_in_its_own_features(form):
    layer, x = make_layer(), randn(BATCH, 5, D_MODEL)
    q, k, v = layer.q_proj(x), layer.k_proj(x), layer.v_proj(x)
    slices = [slice(h * HEAD_DIM, (h + 1) * HEAD_DIM) for h in range(HEADS)]
    heads = [attention(q[..., s], k[..., s], v[..., s]) for s in slices]
    assert_close(form(layer, x), layer.out_proj(torch.cat(heads, dim=-1)), **EXACT)


@both_forms
@pytest.mark.parametrize("causal", [False, True])
def test_a_rotary_layer_turns_queries_and_keys_and_leaves_the_values(form, causal):
    layer, x = make_layer(rotary=True, causal=causal), randn(BATCH, 5, D_MODEL)
    q, k, v = (layer._split(p(x)) for p in (layer.q_proj, layer.k_proj, layer.v_proj))
    neighbours = torch.arange(HEAD_DIM).view(2, -1).T.flatten()
    q, k = complex_rotary(q[..., neighbours]), complex_rotary(k[..., neighbours])
    heads = attention(q, k, v, causal_mask(5) if causal else None)
    assert_close(form(layer, x), layer.out_proj(heads.transpose(1, 2).flatten(2)), **EXACT)


@both_forms
@pytest.mark.parametrize("causal", [False, True])
@every_mask
def test_an_alibi_layer_adds_the_penalty_to_the_scaled_scores(form, causal, kind):
    layer, x = make_layer(alibi=True, causal=causal), randn(BATCH, 5, D_MODEL)
    q, k, v = (layer._split(p(x)) for p in (layer.q_proj, layer.k_proj, layer.v_proj))
    given_mask = mask = drawn_mask(kind, 5, 5)
    if causal:
        mask = causal_mask(5) if mask is None else causal_mask(5) & mask
    heads = attention(q, k, v, mask, score_bias=loop_alibi(HEADS, 5))
    expected = layer.out_proj(heads.transpose(1, 2).flatten(2))
    assert_close(form(layer, x, mask=given_mask), expected, **EXACT)


@FEW
@given(
    seq_len=st.integers(1, 6),
    kind=st.sampled_from(["none", "padding", "window", "keys", "heads"]),
    causal=st.booleans(),
    rotary=st.booleans(),
    alibi=st.booleans(),
    dtype=st.sampled_from([torch.float64, torch.float32]),
)
def test_fused_and_plain_agree_in_values_and_gradients(seq_len, kind, causal, rotary, alibi, dtype):
    layer = make_layer(causal=causal, rotary=rotary, alibi=alibi).to(dtype)
    x = torch.randn(BATCH, seq_len, D_MODEL, dtype=dtype, requires_grad=True)
    mask = drawn_mask(kind, seq_len, seq_len)
    inputs = (x, *layer.parameters())
    seed = torch.randn(BATCH, seq_len, D_MODEL, dtype=dtype)
    near = EXACT if dtype == torch.float64 else {"rtol": 1e-4, "atol": 1e-5}
    results = []
    for form in (fused, plain):
        out = form(layer, x, mask=mask)
        results.append((out, *torch.autograd.grad(out, inputs, seed)))
    for one, other in zip(*results, strict=True):
        assert_close(one, other, **near)


# --- the layer's properties --------------------------------------------------------------------


@both_forms
def test_without_positions_the_order_of_tokens_means_nothing(form):
    layer, x, order = make_layer(), randn(BATCH, 6, D_MODEL), torch.randperm(6)
    assert_close(form(layer, x[:, order]), form(layer, x)[:, order], **EXACT)


@both_forms
def test_the_order_of_the_context_means_nothing(form):
    layer, x, context = make_layer(), randn(BATCH, 3, D_MODEL), randn(BATCH, 6, D_MODEL)
    shuffled = context[:, torch.randperm(6)]
    assert_close(form(layer, x, shuffled), form(layer, x, context), **EXACT)


@both_forms
@both_modes
@every_causal_layer
def test_no_output_depends_on_the_future(form, training, options):
    layer = make_layer(causal=True, **options).train(training)
    x = randn(BATCH, 6, D_MODEL)
    before = form(layer, x)
    for position in range(1, 6):
        changed = x.clone()
        changed[:, position:] = randn(BATCH, 6 - position, D_MODEL)
        after = form(layer, changed)
        assert_close(after[:, :position], before[:, :position], **EXACT)
        assert (after[:, position] != before[:, position]).all()


@both_forms
def test_a_mask_composes_with_causal(form):
    x, mask = randn(BATCH, 6, D_MODEL), padding_mask(torch.tensor([6, 4]))
    layer = make_layer(causal=True)
    composed = form(layer, x, mask=mask)
    layer.causal = False
    assert_close(composed, form(layer, x, mask=mask & causal_mask(6)), **EXACT)


@both_forms
@pytest.mark.parametrize("causal", [False, True])
@every_causal_layer
def test_padding_changes_nothing(form, causal, options):
    layer, x = make_layer(causal=causal, **options), randn(BATCH, 7, D_MODEL)
    lengths = torch.tensor([7, 4])
    padded = form(layer, x, mask=padding_mask(lengths))
    for row, length in enumerate(lengths):
        alone = form(layer, x[row : row + 1, :length])
        assert_close(padded[row : row + 1, :length], alone, **EXACT)


@both_forms
@pytest.mark.parametrize("options", [{"rotary": True}, {"alibi": True}], ids=["rotary", "alibi"])
def test_a_layer_with_relative_positions_does_not_mind_where_a_text_begins(form, options):
    layer, x = make_layer(causal=True, **options), randn(BATCH, 5, D_MODEL)
    later = torch.cat([randn(BATCH, 3, D_MODEL), x], dim=1)
    mask = torch.arange(8) >= 3
    assert_close(form(layer, later, mask=mask)[:, 3:], form(layer, x), **EXACT)


@both_forms
@pytest.mark.parametrize("options", [{"rotary": True}, {"alibi": True}], ids=["rotary", "alibi"])
def test_a_layer_with_relative_positions_sees_the_order_of_tokens(form, options):
    layer, x = make_layer(**options), randn(BATCH, 6, D_MODEL)
    swapped = x[:, [1, 0, 2, 3, 4, 5]]
    assert (form(layer, swapped)[:, 5] != form(layer, x)[:, 5]).any()


@both_forms
@pytest.mark.parametrize("options", [{}, {"causal": True}, {"alibi": True}], ids=str)
def test_a_query_of_the_layer_that_may_attend_to_nothing_gets_only_the_bias(form, options):
    layer, x = make_layer(**options), randn(BATCH, 5, D_MODEL, grad=True)
    mask = torch.ones(5, 5, dtype=torch.bool)
    mask[2] = False
    out = form(layer, x, mask=mask)
    gradients = torch.autograd.grad(out.square().sum(), (x, *layer.parameters()))
    assert_close(out[:, 2], layer.out_proj.bias.expand(BATCH, D_MODEL), **EXACT)
    assert all(gradient.isfinite().all() for gradient in gradients)


@both_forms
def test_dropout_works_in_training_only(form):
    layer, x = make_layer(dropout=0.5), randn(BATCH, 6, D_MODEL)
    reference = torch_layer(layer)(x, x, x)[0]
    layer.train()
    assert (form(layer, x) - form(layer, x)).abs().max() > 1e-3
    layer.eval()
    assert_close(form(layer, x), reference, **EXACT)


@both_forms
def test_dropout_keeps_the_expected_output(form):
    layer, x = make_layer(dropout=0.5).train(), randn(1, 6, D_MODEL)
    mean = form(layer, x.expand(20_000, -1, -1)).mean(dim=0)
    assert_close(mean, form(layer.eval(), x)[0], rtol=0, atol=0.03)


def test_returned_weights_are_those_before_dropout():
    layer, x = make_layer(dropout=0.5).train(), randn(BATCH, 6, D_MODEL)
    in_training = layer(x, return_weights=True)[1]
    assert_close(in_training, layer.eval()(x, return_weights=True)[1], **EXACT)


def test_without_bias_the_layer_has_four_matrices():
    layer = MultiHeadAttention(D_MODEL, HEADS, bias=False)
    assert [tuple(p.shape) for p in layer.parameters()] == [(D_MODEL, D_MODEL)] * 4


def test_a_fresh_layer_keeps_the_variance_of_its_input():
    layer = MultiHeadAttention(256, 4)
    for name, parameter in layer.named_parameters():
        expected = 0.0 if name.endswith("bias") else 1 / math.sqrt(256)  # Glorot and Bengio 2010
        assert parameter.std().item() == pytest.approx(expected, rel=0.02)


# --- decoding with a cache ---------------------------------------------------------------------


def in_blocks(layer, form, x, sizes, **kwargs):
    """Run the layer on one block of tokens after the other, with one cache."""
    cache = KVCache()
    blocks = x.split(sizes, dim=1)
    return torch.cat([form(layer, block, cache=cache, **kwargs) for block in blocks], dim=1)


every_split = pytest.mark.parametrize(
    "sizes", [[1] * 7, [7], [2, 4, 1], [1, 6], [5, 1, 1]], ids=str
)


@both_forms
@every_split
@every_causal_layer
def test_cached_is_uncached(form, sizes, options):
    layer, x = make_layer(causal=True, **options).eval(), randn(BATCH, 7, D_MODEL)
    assert_close(in_blocks(layer, form, x, sizes), form(layer, x), **EXACT)


@both_forms
@every_split
@pytest.mark.parametrize("positions", [SinusoidalPositions, LearnedPositions])
def test_added_positions_go_on_where_the_cache_ends(form, sizes, positions):
    add = redraw(positions(*([7] if positions is LearnedPositions else []), D_MODEL))
    layer, x = make_layer(causal=True).eval(), randn(BATCH, 7, D_MODEL)
    cache, outputs = KVCache(), []
    for block in x.split(sizes, dim=1):
        outputs.append(form(layer, add(block, offset=cache.length), cache=cache))
    assert_close(torch.cat(outputs, dim=1), form(layer, add(x)), **EXACT)


@both_forms
@pytest.mark.parametrize("options", [{"rotary": True}, {"alibi": True}], ids=["rotary", "alibi"])
def test_with_a_cache_a_mask_covers_the_cached_keys_too(form, options):
    layer, x = make_layer(causal=True, **options).eval(), randn(BATCH, 6, D_MODEL)
    real = torch.arange(6) >= torch.tensor([0, 2])[:, None]  # the prompts are padded at the left
    mask = real[:, None, None, :]  # (batch, 1, 1, k_len)
    cache = KVCache()
    first = form(layer, x[:, :4], mask=mask[..., :4], cache=cache)
    second = form(layer, x[:, 4:], mask=mask, cache=cache)
    assert_close(torch.cat([first, second], dim=1), form(layer, x, mask=mask), **EXACT)


@both_forms
def test_cross_attention_computes_the_keys_of_the_context_once(form):
    layer, x, context = make_layer().eval(), randn(BATCH, 5, D_MODEL), randn(BATCH, 7, D_MODEL)
    projected = []
    for projection in (layer.k_proj, layer.v_proj):
        projection.register_forward_hook(lambda *_: projected.append(1))
    cached = in_blocks(layer, form, x, [1, 1, 3], context=context)
    assert len(projected) == 2
    assert_close(cached, form(layer, x, context), **EXACT)


@both_forms
def test_one_cache_serves_self_and_cross_attention_and_follows_the_beams(form):
    own, cross = make_layer(causal=True, rotary=True).eval(), make_layer().eval()
    x, context = randn(3, 5, D_MODEL), randn(3, 4, D_MODEL)
    rows = torch.tensor([2, 0, 0])

    def decode(x, context, cache=None):
        x = x + form(own, x, cache=cache)
        return x + form(cross, x, context, cache=cache)

    cache = KVCache()
    decode(x[:, :3], context, cache)
    cache.reorder(rows)
    assert cache.length == 3
    continued = torch.cat([x[rows, :3], x[:, 3:]], dim=1)  # each beam goes on in its own way
    for position in (3, 4):
        token = continued[:, position : position + 1]
        mine = decode(token, context[rows], cache)
        whole = decode(continued[:, : position + 1], context[rows])
        assert_close(mine, whole[:, -1:], **EXACT)
    assert cache.length == 5


@pytest.mark.parametrize("kind", [KVCache, lambda: MemoryCache(4)], ids=["KV", "memory"])
@pytest.mark.parametrize(
    "call",
    [
        {"mask": torch.ones(1, 4)},
        {"mask": torch.ones(1, 3).bool()},
        {"mask": torch.ones(1, 4).bool().to("meta")},
        {"x": randn(BATCH, 1, D_MODEL + 1)},
        {"x": randn(BATCH, 1, D_MODEL).float()},
        {"x": randn(BATCH + 1, 1, D_MODEL)},
    ],
    ids=["float mask", "short mask", "mask elsewhere", "width", "type", "batch"],
)
def test_a_refused_call_leaves_the_cache_as_it_was(kind, call):
    layer, cache = make_layer(causal=True).eval(), kind()
    with torch.no_grad():
        layer(randn(BATCH, 3, D_MODEL), cache=cache)
        with pytest.raises(ValueError, match="must"):
            layer(**({"x": randn(BATCH, 1, D_MODEL)} | call), cache=cache)
    assert cache.length == 3


# --- grouped keys ---------------------------------------------------------------------------


def grouped(num_kv_heads, **options):
    """A layer with few heads of keys, and one with as many that are the same by hand."""
    few = make_layer(num_kv_heads=num_kv_heads, **options)
    many, group = make_layer(**options), HEADS // num_kv_heads
    with torch.no_grad():
        for name, parameter in many.named_parameters():
            given = few.get_parameter(name)
            if name.startswith(("k_proj", "v_proj")):
                heads = given.unflatten(0, (num_kv_heads, HEAD_DIM))
                given = torch.cat([heads[h // group] for h in range(HEADS)])
            parameter.copy_(given)
    return few, many


@both_forms
@every_causal_layer
@pytest.mark.parametrize("num_kv_heads", [1, 2, 4])
def test_grouped_keys_are_those_of_the_group_repeated_by_hand(form, num_kv_heads, options):
    few, many = grouped(num_kv_heads, causal=True, **options)
    x, sizes = randn(BATCH, 7, D_MODEL), [3, 1, 2, 1]
    assert few.k_proj.weight.shape == few.v_proj.weight.shape == (num_kv_heads * 6, D_MODEL)
    assert_close(form(few, x), form(many, x), **EXACT)
    with torch.no_grad():
        assert_close(in_blocks(few, form, x, sizes), form(many, x), **EXACT)


@both_forms
def test_grouped_keys_of_a_context(form):
    few, many = grouped(2)
    x, context = randn(BATCH, 3, D_MODEL), randn(BATCH, 5, D_MODEL)
    assert_close(form(few, x, context), form(many, x, context), **EXACT)


def test_a_cache_of_grouped_keys_is_so_much_smaller():
    cache = KVCache()
    make_layer(num_kv_heads=1, causal=True)(randn(BATCH, 3, D_MODEL), cache=cache)
    assert [x.shape for x in cache.get(next(iter(cache._buffers)))] == [(BATCH, 1, 3, HEAD_DIM)] * 2


# --- bad input ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((10, 4), {}, "d_model must be a positive multiple .* got d_model = 10, num_heads = 4"),
        ((0, 4), {}, "d_model must be at least 1, got 0"),
        ((8, 0), {}, "num_heads must be at least 1, got 0"),
        ((8, 4), {"num_kv_heads": 3}, "num_kv_heads must divide num_heads = 4, got 3"),
        ((8, 4), {"num_kv_heads": 0}, "num_kv_heads must be None or at least 1, got 0"),
        ((8, 4), {"bias": "no"}, "bias must be True or False, got 'no'"),
        ((8, 2), {"dropout": 1.0}, r"dropout must be in \[0, 1\), got 1.0"),
        ((8, 2), {"dropout": -0.1}, r"dropout must be in \[0, 1\), got -0.1"),
        ((8, 2), {"rotary": Rotary(8)}, "rotary must have head_dim = 4, got 8"),
        ((8, 2), {"alibi": ALiBi(1)}, "alibi must have num_heads = 2, got 1"),
        ((8, 2), {"rotary": SinusoidalPositions(4)}, "rotary must be a Rotary, got Sinusoidal"),
        ((8, 2), {"alibi": Rotary(4)}, "alibi must be an ALiBi, got Rotary"),
    ],
)
def test_a_layer_that_cannot_be_is_refused(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        MultiHeadAttention(*arguments, **options)


@pytest.mark.parametrize(
    ("x", "context", "message"),
    [
        ((2, 5, 8), None, r"x must be \(batch, len, d_model = 24\), got \(2, 5, 8\)"),
        ((5, 24), None, r"x must be .* got \(5, 24\)"),
        ((2, 5, 24), (2, 7, 8), r"context must be .* got \(2, 7, 8\)"),
        ((2, 5, 24, 1), None, "x must be"),
        ((2, 5, 24), (3, 7, 24), "context must have the batch size of x, 2, got 3"),
    ],
)
def test_input_of_the_wrong_shape_is_refused(x, context, message):
    with pytest.raises(ValueError, match=message):
        make_layer()(randn(*x), None if context is None else randn(*context))


@pytest.mark.parametrize("options", [{"causal": True}, {"rotary": True}, {"alibi": True}], ids=str)
def test_context_is_refused_where_positions_are_compared(options):
    x = randn(BATCH, 5, D_MODEL)
    with pytest.raises(ValueError, match="context must be None where causal, rotary or alibi"):
        make_layer(**options)(x, x)


@both_forms
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (torch.zeros(5, 5), "True = may attend, got torch.float32"),
        (torch.ones(5, 5, dtype=torch.uint8), "got torch.uint8"),
        (torch.ones(4, 4).bool(), r"the scores \(2, 4, 5, 5\), got \(4, 4\)"),
        (torch.ones(BATCH, 5).bool(), r"got \(2, 5\); a mask of \(batch, k_len\) wants"),
    ],
)
def test_a_mask_that_breaks_the_convention_is_refused(form, causal, mask, message):
    with pytest.raises(ValueError, match=message):
        form(make_layer(causal=causal), randn(BATCH, 5, D_MODEL), mask=mask)


def test_a_cache_without_causality_is_refused():
    with pytest.raises(ValueError, match="cache must be None in self-attention that is not causal"):
        make_layer()(randn(BATCH, 5, D_MODEL), cache=KVCache())


def test_a_context_of_another_length_than_that_in_the_cache_is_refused():
    layer, x, cache = make_layer().eval(), randn(BATCH, 5, D_MODEL), KVCache()
    layer(x, randn(BATCH, 7, D_MODEL), cache=cache)
    with pytest.raises(ValueError, match="context must be that in the cache, 7 long, got 6"):
        layer(x, randn(BATCH, 6, D_MODEL), cache=cache)


@pytest.mark.parametrize("options", [{"rotary": True}, {"alibi": True}], ids=str)
def test_a_cache_that_forgets_is_refused_where_positions_are_counted(options):
    layer = make_layer(causal=True, **options)
    with pytest.raises(ValueError, match="cache must be a KVCache where rotary or alibi is set"):
        layer(randn(1, 3, D_MODEL), cache=MemoryCache(2))
