"""Linear attention and retention are their quadratic formulas, and keep the layers' contract."""

import pytest
import torch
import torch.nn.functional as F
from oracles import EXACT, complex_rotary, randn
from summing_layers import BATCH, D_MODEL, HEADS, SummingLayerContract, make
from torch.testing import assert_close

from transformer_lib.layers.linear import LinearAttention, Retention, phi, split_heads
from transformer_lib.layers.masks import causal_mask

HEAD_DIM = D_MODEL // HEADS


class TestLinearAttention(SummingLayerContract):
    kind = LinearAttention


class TestRetention(SummingLayerContract):
    kind = Retention

    def test_an_odd_head_is_refused(self):
        with pytest.raises(ValueError, match="head_dim must be a positive even number, got 3"):
            Retention(9, 3)


def heads_of(layer, x):
    return [split_heads(proj(x), HEADS) for proj in (layer.q_proj, layer.k_proj, layer.v_proj)]


@pytest.mark.parametrize("bias", [False, True])
def test_linear_attention_is_a_matrix_of_positive_weights_with_rows_that_sum_to_1(bias):
    layer, x = make(LinearAttention, bias=bias), randn(BATCH, 70, D_MODEL)
    q, k, v = heads_of(layer, x)
    weights = (F.elu(q) + 1) @ (F.elu(k) + 1).mT * causal_mask(70)
    out = weights / weights.sum(-1, keepdim=True) @ v
    assert_close(layer(x), layer.out_proj(out.transpose(1, 2).flatten(2)), **EXACT)


def test_linear_attention_does_not_know_the_order_of_what_it_has_read():
    layer, x = make(LinearAttention), randn(BATCH, 6, D_MODEL)
    shuffled = x[:, [3, 1, 4, 0, 2, 5]]
    assert_close(layer(shuffled)[:, -1], layer(x)[:, -1], **EXACT)


def test_features_are_elu_plus_1_and_stay_positive_where_elu_is_rounded_to_minus_1():
    x = torch.linspace(-30, 30, 121, dtype=torch.float64)
    assert_close(phi(x), F.elu(x) + 1, **EXACT)
    small = torch.tensor([-20.0])
    assert F.elu(small) + 1 == 0
    assert phi(small) == small.exp() > 0


def test_features_of_whole_numbers_are_refused():
    with pytest.raises(ValueError, match=r"x must be of floating point, .* got .* of torch.int64"):
        phi(torch.arange(3))


def test_a_linear_layer_of_keys_far_below_0_has_no_nan():
    layer = LinearAttention(4, 1)
    with torch.no_grad():
        layer.q_proj.weight.copy_(torch.eye(4))
        layer.k_proj.weight.copy_(torch.eye(4))
    assert layer(torch.full((1, 3, 4), -20.0)).isfinite().all()


def test_retention_is_the_papers_quadratic_form():
    layer, x = make(Retention), randn(BATCH, 70, D_MODEL)
    q, k, v = heads_of(layer, x)
    neighbours = torch.arange(HEAD_DIM).view(2, -1).T.flatten()
    q, k = complex_rotary(q[..., neighbours]), complex_rotary(k[..., neighbours])
    distance = torch.arange(70)[:, None] - torch.arange(70)
    rates = torch.tensor([1 - 2.0 ** (-5 - h) for h in range(HEADS)], dtype=torch.float64)
    fades = rates[:, None, None] ** distance.clamp(min=0) * causal_mask(70)
    out = (q @ k.mT * fades) @ v  # (batch, heads, len, head_dim)
    mean, var = out.mean(-1, keepdim=True), out.var(-1, keepdim=True, correction=0)
    out = ((out - mean) / (var + layer.norm.eps).sqrt()).transpose(1, 2).flatten(2)
    out = out * layer.norm.weight + layer.norm.bias
    assert_close(layer(x), layer.out_proj(F.silu(layer.gate_proj(x)) * out), **EXACT)


def test_retention_does_not_mind_where_a_text_begins_but_sees_its_order():
    layer, x = make(Retention), randn(BATCH, 6, D_MODEL)
    with torch.no_grad():
        layer.k_proj.weight.mul_(0.5)
    silent = torch.zeros(BATCH, 9, D_MODEL, dtype=torch.float64)  # keys and values of 0
    assert_close(layer(torch.cat([silent, x], dim=1))[:, 9:], layer(x), **EXACT)
    swapped = x[:, [1, 0, 2, 3, 4, 5]]
    assert (layer(swapped)[:, -1] - layer(x)[:, -1]).abs().max() > 1e-6


@pytest.mark.parametrize("kind", [LinearAttention, Retention])
@pytest.mark.parametrize("bias", [False, True])
def test_all_projections_have_biases_or_none(kind, bias):
    layer = kind(8, 2, bias=bias)
    maps = [part for part in layer.modules() if isinstance(part, torch.nn.Linear)]
    assert len(maps) == (5 if kind is Retention else 4)
    assert all((part.bias is not None) == bias for part in maps)


def test_options_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="bias must be True or False, got 'no'"):
        LinearAttention(8, 2, bias="no")
