"""Attention: the formula against scalars and against torch, and what it refuses."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from oracles import EXACT, FEW, loop_attention, randn
from torch.testing import assert_close

from transformer_lib.layers.attention import attention
from transformer_lib.layers.masks import causal_mask


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@FEW
@given(
    q_len=st.integers(1, 5),
    k_len=st.integers(1, 5),
    v_dim=st.integers(1, 4),
    masked=st.booleans(),
    biased=st.booleans(),
)
def test_attention_is_the_formula_in_scalars(q_len, k_len, v_dim, masked, biased):
    q, k, v = randn(2, q_len, 3), randn(2, k_len, 3), randn(2, k_len, v_dim)
    mask = torch.rand(2, q_len, k_len) < 0.6 if masked else None
    bias = randn(2, q_len, k_len) if biased else None
    out = attention(q, k, v, mask, score_bias=bias)
    for b in range(2):
        parts = [None if part is None else part[b] for part in (mask, bias)]
        assert_close(out[b], loop_attention(q[b], k[b], v[b], *parts), **EXACT)


@pytest.mark.parametrize("leading", [(), (3,), (2, 3)], ids=["one head", "batch", "batch, heads"])
def test_attention_is_what_torch_computes(leading):
    q, k, v = randn(*leading, 5, 6), randn(*leading, 7, 6), randn(*leading, 7, 4)
    mask = causal_mask(5, 7)
    expected = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    assert_close(attention(q, k, v, mask), expected, **EXACT)


def test_weights_average_the_values():
    q, k, v = randn(2, 3, 5, 6), randn(2, 3, 7, 6), randn(2, 3, 7, 4)
    out, weights = attention(q, k, v, return_weights=True)
    assert weights.shape == (2, 3, 5, 7)
    assert (weights >= 0).all()
    assert_close(weights.sum(dim=-1), torch.ones(2, 3, 5).double(), **EXACT)
    assert_close(weights @ v, out, **EXACT)


def test_equal_keys_share_the_weight_equally():
    q, v = randn(5, 6), randn(7, 4)
    out = attention(q, torch.ones(7, 6).double(), v)
    assert_close(out, v.mean(dim=0).expand(5, 4), **EXACT)


def test_hidden_keys_get_no_weight_and_no_gradient():
    q, k, v = randn(2, 3, grad=True), randn(4, 3, grad=True), randn(4, 3, grad=True)
    mask = torch.tensor([True, True, False, True])
    out, weights = attention(q, k, v, mask, return_weights=True)
    out.sum().backward()
    for of_hidden_key in (weights[:, 2], k.grad[2], v.grad[2]):
        assert (of_hidden_key == 0).all()


def test_the_gradient_of_attention_is_right():
    inputs = randn(2, 3, 2, grad=True), randn(2, 4, 2, grad=True), randn(2, 4, 3, grad=True)
    mask = causal_mask(3, 4)
    mask[0] = False  # a query that may attend to nothing
    assert torch.autograd.gradcheck(lambda q, k, v: attention(q, k, v, mask), inputs)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("biased", [False, True], ids=["", "with bias"])
def test_a_query_that_may_attend_to_nothing_gets_zeros(dtype, biased):
    q, k, v = (torch.randn(2, 4, 4, dtype=dtype, requires_grad=True) for _ in range(3))
    mask = torch.ones(4, 4, dtype=torch.bool)
    mask[1] = False
    bias = torch.randn(4, 4, dtype=dtype) if biased else None
    out, weights = attention(q, k, v, mask, score_bias=bias, return_weights=True)
    with torch.autograd.set_detect_anomaly(True):  # no NaN on the way either
        out.sum().backward()
    assert (out[:, 1] == 0).all()
    assert (weights[:, 1] == 0).all()
    assert (out[:, [0, 2, 3]] != 0).all()
    assert all(x.grad.isfinite().all() for x in (q, k, v))


def test_a_row_whose_keys_the_bias_makes_hopeless_still_sums_to_one():
    q, k, v = randn(3, 4), randn(3, 4), randn(3, 4)
    lowest = torch.finfo(q.dtype).min * torch.ones(3, 3).double()  # as in other codes' masks
    _, weights = attention(q, k, v, causal_mask(3), score_bias=lowest, return_weights=True)
    assert_close(weights.sum(dim=-1), torch.ones(3).double(), **EXACT)
    assert (weights[~causal_mask(3)] == 0).all()


def test_what_is_hidden_must_be_finite_all_the_same():
    q, k, v, mask = randn(2, 3), randn(4, 3), randn(4, 3), torch.tensor([True, True, True, False])
    k[3] = torch.nan  # no score of a hidden key counts ...
    assert attention(q, k, v, mask).isfinite().all()
    v[3] = torch.nan  # ... but 0 · NaN is NaN, as in torch's kernel
    kernel = F.scaled_dot_product_attention(q[None], k[None], v[None], attn_mask=mask[None])
    assert attention(q, k, v, mask).isnan().all()
    assert kernel.isnan().all()


def test_scores_that_float16_can_hold_do_not_overflow_on_the_way():
    q = torch.full((1, 64), 60.0).half()  # q · k = 230,400, over √64 it is 28,800
    assert attention(q, torch.cat([q, -q]), torch.eye(2).half()).tolist() == [[1.0, 0.0]]


def test_dropout_drops_weights_but_returns_them_whole():
    q, k, values = randn(50, 6), randn(40, 6), torch.eye(40).double()
    dropped, weights = attention(q, k, values, dropout=0.25, return_weights=True)
    assert_close(weights, attention(q, k, values), **EXACT)
    kept = dropped != 0
    assert_close(dropped[kept], weights[kept] / 0.75, **EXACT)
    assert kept.double().mean().item() == pytest.approx(0.75, abs=0.04)


@pytest.mark.parametrize(
    ("shapes", "mask", "message"),
    [
        (((2, 3), (4, 5), (4, 3)), None, r"same width, .* got q \(2, 3\) and k \(4, 5\)"),
        (((2, 3), (4, 3), (5, 3)), None, r"same length, got k \(4, 3\) and v \(5, 3\)"),
        (((2, 0), (4, 0), (4, 3)), None, r"at least 1, got q \(2, 0\) and k \(4, 0\)"),
        (((2, 3), (4, 3), (4, 3)), [[True] * 4] * 2, "mask must be a boolean tensor, got list"),
        (((2, 3), (4, 3), (4, 3)), torch.ones(2, 4).bool().to("meta"), "must be on cpu, as the"),
        (((2, 3), (4, 3), (4, 3)), torch.zeros(2, 4), "True = may attend, got torch.float32"),
        (((2, 3), (4, 3), (4, 3)), torch.ones(4, 4).bool(), r"the scores \(2, 4\), got \(4, 4\)"),
        (((2, 3), (4, 3), (4, 3)), torch.ones(1, 2, 4).bool(), r"\(2, 4\), got \(1, 2, 4\)"),
    ],
)
def test_attention_refuses_what_does_not_fit(shapes, mask, message):
    with pytest.raises(ValueError, match=message):
        attention(*(randn(*shape) for shape in shapes), mask)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"q": torch.ones(2, 3).bool()}, "q must be of floating point"),
        ({"k": torch.ones(4, 3).double()}, "k must be torch.float32, as q is, got torch.float64"),
        ({"v": torch.ones(4, 3, device="meta")}, "v must be on cpu, as q is, got meta"),
        ({"v": torch.ones(3)}, r"v must be \(…, len, width\), got \(3,\)"),
        ({"dropout": True}, r"dropout must be in \[0, 1\), got True"),
        ({"return_weights": "yes"}, "return_weights must be True or False, got 'yes'"),
    ],
)
def test_attention_of_one_type_and_device_alone(changes, message):
    fit = {"q": torch.ones(2, 3), "k": torch.ones(4, 3), "v": torch.ones(4, 3)}
    with pytest.raises(ValueError, match=message):
        attention(**fit | changes)


@pytest.mark.parametrize(
    ("score_bias", "message"),
    [
        (torch.ones(2, 4).bool(), "score_bias must be a floating-point tensor, got torch.bool"),
        (torch.ones(2, 4).long(), "got torch.int64"),
        (torch.ones(2, 4).numpy(), "score_bias must be a floating-point tensor, got ndarray"),
        (torch.ones(7, 2, 4), r"score_bias must broadcast to the scores \(2, 4\), got \(7, 2, 4\)"),
        (torch.ones(2, 3), r"got \(2, 3\)"),
    ],
)
def test_what_cannot_be_added_to_the_scores_is_refused(score_bias, message):
    with pytest.raises(ValueError, match=message):
        attention(randn(2, 3), randn(4, 3), randn(4, 3), score_bias=score_bias)
