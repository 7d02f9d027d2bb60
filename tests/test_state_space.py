"""A state space layer is its recurrence in scalars, and keeps the contract of layers that sum."""

import math

import pytest
import torch
import torch.nn.functional as F
from oracles import EXACT, randn
from summing_layers import BATCH, D_MODEL, HEADS, SummingLayerContract, make
from torch.testing import assert_close

from transformer_lib.layers.cache import KVCache
from transformer_lib.layers.state_space import StateSpace

HEAD_DIM = D_MODEL // HEADS


class TestStateSpace(SummingLayerContract):
    kind = StateSpace


def recurrence(layer, x):
    """One sequence (len, d_model), token by token and head by head, from the paper's equations."""
    inputs, outputs = layer.in_proj(x), []
    weight, bias = layer.conv.weight[:, 0], layer.conv.bias  # (3 · d_model, 4)
    state = torch.zeros(HEADS, HEAD_DIM, HEAD_DIM, dtype=torch.float64)
    for t in range(len(x)):
        mixed = bias + sum(weight[:, 3 - s] * inputs[t - s] for s in range(min(4, t + 1)))
        v, b, c = (part.view(HEADS, HEAD_DIM) for part in F.silu(mixed).chunk(3))
        step = (1 + layer.step_proj(x[t]).exp()).log()
        y = torch.empty(HEADS, HEAD_DIM, dtype=torch.float64)
        for h in range(HEADS):
            fades = torch.exp(-layer.log_rate[h].exp() * step[h])
            state[h] = fades * state[h] + step[h] * b[h][:, None] * v[h]
            y[h] = c[h] @ state[h] / math.sqrt(HEAD_DIM) + layer.skip[h] * v[h]
        gated = y.flatten() * F.silu(layer.gate_proj(x[t]))
        normed = gated / (gated.square().mean() + 1e-5).sqrt() * layer.norm.weight
        outputs.append(layer.out_proj(normed))
    return torch.stack(outputs)


@torch.no_grad()
def test_it_is_its_recurrence():
    layer, x = make(StateSpace), randn(BATCH, 70, D_MODEL)
    expected = torch.stack([recurrence(layer, row) for row in x])
    assert_close(layer(x), expected, **EXACT)


def test_a_fresh_layer_takes_steps_near_1_and_forgets_as_it_says():
    torch.manual_seed(0)
    layer = StateSpace(64, 4)
    step, log_decay = layer.steps(torch.zeros(1, 1, 64))
    assert_close(step, torch.ones(1, 4, 1))
    rates = -log_decay[0, :, 0]
    assert_close(rates[1:] / rates[:-1], torch.full((3,), 100 ** (1 / 3)))  # evenly in logarithms
    forgotten = 1 - log_decay.exp()
    assert forgotten[0, 0].item() == pytest.approx(0.003, abs=1e-4)
    assert forgotten[0, -1].item() == pytest.approx(0.26, abs=1e-3)


def test_a_fresh_layer_reads_this_token_and_little_of_those_before():
    torch.manual_seed(0)
    weight = StateSpace(64, 4).conv.weight[:, 0]  # (3 · d_model, from the oldest to this token)
    assert_close(weight[:, -1], torch.ones(192), rtol=0, atol=0.06)
    assert weight[:, :-1].abs().max() < 0.06


def test_steps_of_another_width_are_refused():
    with pytest.raises(ValueError, match=r"x must be \(batch, len, d_model = 24\)"):
        make(StateSpace).steps(randn(2, 3, 7))


@torch.no_grad()
def test_a_step_of_0_passes_a_token_by():
    layer, x, cache = make(StateSpace), randn(BATCH, 5, D_MODEL), KVCache()
    layer(x, cache=cache)
    before = cache.state_of(layer, BATCH)[0]
    layer.step_proj.bias.fill_(-1e3)
    layer(randn(BATCH, 7, D_MODEL), cache=cache)
    assert_close(cache.state_of(layer, BATCH)[0], before, rtol=0, atol=0)


@torch.no_grad()
def test_a_large_step_forgets_all_that_was_before():
    layer, last = make(StateSpace), randn(BATCH, 4, D_MODEL)  # four tokens are convolved
    for bias, are_equal in ((1e3, True), (0.0, False)):
        layer.step_proj.bias.fill_(bias)
        states = []
        for _ in range(2):
            layer(torch.cat([randn(BATCH, 5, D_MODEL), last], dim=1), cache=(cache := KVCache()))
            states.append(cache.state_of(layer, BATCH)[0])
        assert torch.allclose(*states, rtol=0, atol=1e-12) == are_equal
