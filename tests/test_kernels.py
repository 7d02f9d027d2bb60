"""Which way attention is computed: which kernel, from which inputs, and always the same result."""

import pytest
import torch
from attention_layers import (
    BATCH,
    D_MODEL,
    HEADS,
    both_forms,
    every_causal_layer,
    fused,
    make_layer,
    plain,
    spied_kernel,
)
from oracles import EXACT, randn
from torch.testing import assert_close

from transformer_lib.layers import kernels
from transformer_lib.layers.attention import attention
from transformer_lib.layers.kernels import attend
from transformer_lib.layers.masks import causal_mask, padding_mask, sliding_window_mask


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.fixture
def kernel_calls(monkeypatch):
    return spied_kernel(monkeypatch)


@pytest.fixture
def cpu_with(monkeypatch):
    """Pretend that the CPU can, or cannot, multiply bfloat16, and whole tiles of it."""

    def pretend(bf16, tiles=False):
        monkeypatch.setattr(kernels, "CPU_HAS_BF16", bf16)
        monkeypatch.setattr(kernels, "CPU_HAS_TILES", tiles)

    return pretend


def test_the_kernel_is_used_when_nobody_asks_for_weights(kernel_calls):
    layer, x = make_layer(), randn(1, 4, D_MODEL)
    plain(layer, x)
    assert len(kernel_calls) == 0
    fused(layer, x)
    assert len(kernel_calls) == 1


def test_a_causal_layer_lets_the_kernel_skip_the_future(kernel_calls):
    make_layer(causal=True)(randn(1, 4, D_MODEL))
    assert kernel_calls[0]["is_causal"]


@pytest.mark.parametrize("options", [{}, {"causal": True}, {"rotary": True}], ids=str)
def test_the_fused_form_keeps_no_matrix_of_weights_for_the_backward_pass(options):
    layer, x, saved = make_layer(**options), randn(1, 256, D_MODEL, grad=True), []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: saved.append(t.numel()), lambda t: t):
        fused(layer, x)
    assert 0 < max(saved) < 256 * 256


@pytest.mark.parametrize("shape", [(BATCH, HEADS, 5, 5), (HEADS, 5, 5), (5, 5), (5,)], ids=str)
@pytest.mark.parametrize("options", [{}, {"alibi": True}], ids=str)
def test_the_kernel_gets_masks_in_a_form_that_it_need_not_refuse(kernel_calls, options, shape):
    # With masks of one or three dimensions torch's kernel for CPUs falls back to the formula.
    make_layer(**options)(randn(BATCH, 5, D_MODEL), mask=torch.ones(shape, dtype=torch.bool))
    assert kernel_calls[0]["attn_mask"].dim() == 4


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("grad", [False, True])
@pytest.mark.parametrize("can", [{"bf16": False}, {"bf16": True}, {"bf16": True, "tiles": True}])
@pytest.mark.parametrize("k_len", [512, 513])
def test_bfloat16_is_plain_where_that_is_faster(cpu_with, kernel_calls, can, k_len, grad, causal):
    cpu_with(**can)
    layer = make_layer(causal=causal).bfloat16()
    with torch.set_grad_enabled(grad):
        layer(torch.randn(1, k_len, D_MODEL, dtype=torch.bfloat16))
    few = k_len == 512
    plain = (few and grad) if "tiles" in can else can["bf16"] and (few or not (grad or causal))
    assert bool(kernel_calls) != plain


@pytest.mark.parametrize("at_once", [1, 7, 40, 2**21], ids=lambda n: f"{n} scores")
@pytest.mark.parametrize(("q_len", "k_len"), [(5, 5), (2, 5), (1, 5)])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("grad", [False, True])
def test_a_few_heads_at_a_time_are_all_of_them(monkeypatch, at_once, q_len, k_len, causal, grad):
    monkeypatch.setattr(kernels, "SCORES", at_once)
    monkeypatch.setattr(kernels, "plain_is_faster", lambda *_, **__: True)
    q, k, v = (randn(BATCH, HEADS, n, 6, grad=grad) for n in (q_len, k_len, k_len))
    mask = causal_mask(q_len, k_len) if causal else None
    with torch.set_grad_enabled(grad):
        found, expected = attend(q, k, v, causal=causal)[0], attention(q, k, v, mask)
    assert_close(found, expected, **EXACT)
    if grad:
        grads = (torch.autograd.grad(x.sin().sum(), (q, k, v)) for x in (found, expected))
        for mine, wanted in zip(*grads, strict=True):
            assert_close(mine, wanted, **EXACT)


@both_forms
@every_causal_layer
@pytest.mark.parametrize("bf16", [True, False], ids=["plain products", "fused kernel"])
def test_bfloat16_is_close_to_float32(cpu_with, form, options, bf16):
    cpu_with(bf16)
    layer, x = make_layer(causal=True, **options).float(), torch.randn(BATCH, 9, D_MODEL)
    expected = form(layer, x)
    rounded = form(layer.bfloat16(), x.bfloat16())
    assert rounded.dtype == torch.bfloat16
    assert_close(rounded.float(), expected, rtol=0, atol=0.04)


# --- the same result ------------------------------------------------------------------------


@pytest.mark.parametrize("return_weights", [False, True], ids=["fused", "plain"])
@pytest.mark.parametrize(("q_len", "k_len"), [(5, 5), (2, 5), (1, 5)])
@pytest.mark.parametrize("window", [None, 2])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("causal", [False, True])
def test_whatever_is_asked_it_is_the_formula(
    return_weights, q_len, k_len, window, masked, biased, causal
):
    q, k, v = (randn(BATCH, HEADS, n, 6) for n in (q_len, k_len, k_len))
    mask = padding_mask(torch.tensor([5, 4]), k_len) if masked else None
    score_bias = randn(HEADS, q_len, k_len) if biased else None
    seen = torch.ones(q_len, k_len, dtype=torch.bool) if mask is None else mask
    if causal:
        seen = seen & causal_mask(q_len, k_len)
    if window is not None:
        seen = seen & sliding_window_mask(q_len, k_len, window=window)
    before = None if score_bias is None else score_bias.clone()
    options = {"causal": causal, "window": window, "return_weights": return_weights}
    out, weights = attend(q, k, v, mask, score_bias=score_bias, **options)
    assert_close(out, attention(q, k, v, seen, score_bias=score_bias), **EXACT)
    assert (weights is None) != return_weights
    assert before is None or torch.equal(score_bias, before)


@pytest.mark.parametrize("return_weights", [False, True], ids=["fused", "plain"])
def test_grouped_keys_are_keys_repeated(return_weights):
    q, k, v = randn(BATCH, 6, 4, 8), randn(BATCH, 2, 4, 8), randn(BATCH, 2, 4, 8)
    wide = [torch.stack([x[:, h // 3] for h in range(6)], dim=1) for x in (k, v)]
    out, _ = attend(q, k, v, causal=True, return_weights=return_weights)
    assert_close(out, attention(q, *wide, causal_mask(4)), **EXACT)


@pytest.mark.parametrize("return_weights", [False, True], ids=["fused", "plain"])
@pytest.mark.parametrize(
    "asked", [{}, {"mask": True}, {"window": 2}, {"score_bias": True}], ids=str
)
def test_one_query_to_each_head_needs_no_copy_of_the_keys(return_weights, asked, monkeypatch):
    q, k, v = randn(BATCH, 6, 1, 8), randn(BATCH, 2, 5, 8), randn(BATCH, 2, 5, 8)
    wide = [torch.stack([x[:, h // 3] for h in range(6)], dim=1) for x in (k, v)]
    asked = asked | {"score_bias": randn(6, 1, 5)} if "score_bias" in asked else asked
    asked = asked | {"mask": padding_mask(torch.tensor([5, 3]))} if "mask" in asked else asked
    wanted = attend(q, *wide, causal=True, return_weights=return_weights, **asked)
    if not asked:
        monkeypatch.setattr(torch.Tensor, "repeat_interleave", None)
    found = attend(q, k, v, causal=True, return_weights=return_weights, **asked)
    assert_close(found[0], wanted[0], **EXACT)
    assert (found[1] is None) == (not return_weights)
    if return_weights:
        assert_close(found[1], wanted[1], **EXACT)


@pytest.mark.parametrize(("dtype", "near"), [(torch.float32, 1e-6), (torch.float64, 1e-12)])
@every_causal_layer
@pytest.mark.parametrize("masked", [False, True])
def test_to_look_changes_nothing(dtype, near, options, masked):
    layer = make_layer(causal=True, **options).to(dtype)
    x = torch.randn(BATCH, 12, D_MODEL, dtype=dtype)
    mask = padding_mask(torch.tensor([12, 7])) if masked else None
    assert_close(plain(layer, x, mask=mask), fused(layer, x, mask=mask), rtol=0, atol=near)


@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize("size", [1.0, 60.0, 400.0])
def test_to_look_at_float16_never_makes_it_infinite(size, autocast):
    q, k, v = (torch.randn(1, 1, 6, 64).half() for _ in range(3))
    q, k = q * size, k * size  # with 400 the largest scores are about 10^6: float32 holds them
    with torch.autocast("cpu", torch.float16, enabled=autocast):
        unseen, _ = attend(q, k, v)
        seen, weights = attend(q, k, v, return_weights=True)
    assert seen.dtype == weights.dtype == unseen.dtype == torch.float16
    assert_close(seen, unseen, rtol=0, atol=2e-3)
    assert_close(weights.sum(dim=-1), torch.ones(1, 1, 6).half(), rtol=0, atol=2e-3)


def test_only_cpus_are_told_by_their_products(cpu_with):
    cpu_with(bf16=True)
    assert kernels.plain_is_faster(torch.bfloat16, "cpu", 64, skips=True)
    assert not kernels.plain_is_faster(torch.bfloat16, "cuda", 64, skips=False)
    assert kernels.has_bf16_products("cuda")


def test_masks_are_made_where_the_queries_are():
    q = torch.empty(1, 2, 4, 6, device="meta")
    for options in ({"window": 2}, {"score_bias": torch.empty(4, 4, device="meta")}):
        for return_weights in (False, True):
            out, _ = attend(q, q, q, causal=True, return_weights=return_weights, **options)
            assert out.device.type == "meta"
