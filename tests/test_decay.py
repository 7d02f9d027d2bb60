"""One sum in three forms, which are equal; and the sum itself, term by term."""

from math import prod

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from oracles import EXACT, FEW, randn
from torch.testing import assert_close

from transformer_lib.layers.attention import attention
from transformer_lib.layers.decay import (
    CHUNK,
    decayed,
    decayed_chunks,
    decayed_parallel,
    decayed_step,
)
from transformer_lib.layers.masks import causal_mask

BATCH, HEADS, HEAD_DIM, V_DIM = 2, 3, 4, 5


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def drawn(length, grad=False):
    """Queries, keys, values, and logarithms of factors from nearly 0 to nearly 1."""
    q, k = (randn(BATCH, HEADS, length, HEAD_DIM) for _ in "qk")
    v, log_decay = randn(BATCH, HEADS, length, V_DIM), -3 * randn(BATCH, HEADS, length).abs()
    return [x.requires_grad_(grad) for x in (q, k, v, log_decay)]


def loop(q, k, v, log_decay):
    """The sum as it is written: each pair, each product of factors by itself."""
    out = torch.zeros_like(v)
    for i in range(q.size(2)):
        for j in range(i + 1):
            fades = prod(log_decay[:, :, t].exp() for t in range(j + 1, i + 1))
            out[:, :, i] += ((q[:, :, i] * k[:, :, j]).sum(-1) * fades)[..., None] * v[:, :, j]
    return out


def step_by_step(q, k, v, log_decay):
    state, outputs = q.new_zeros(BATCH, HEADS, HEAD_DIM, V_DIM), []
    for token in zip(*(x.split(1, dim=2) for x in (q, k, v, log_decay)), strict=True):
        out, state = decayed_step(*token, state)
        outputs.append(out)
    return torch.cat(outputs, dim=2), state


@pytest.mark.parametrize("length", [1, 2, 9])
def test_all_pairs_at_once_are_the_sum_term_by_term(length):
    inputs = drawn(length)
    assert_close(decayed_parallel(*inputs), loop(*inputs), **EXACT)


def test_token_by_token_is_the_sum_term_by_term():
    inputs = drawn(9)
    assert_close(step_by_step(*inputs)[0], loop(*inputs), **EXACT)


@FEW
@given(length=st.integers(1, 20), size=st.integers(1, 24))
def test_chunks_of_any_size_are_steps_in_output_and_state(length, size):
    inputs = drawn(length)
    none = inputs[0].new_zeros(BATCH, HEADS, HEAD_DIM, V_DIM)
    expected = step_by_step(*inputs)
    for mine, theirs in zip(decayed_chunks(*inputs, none, size), expected, strict=True):
        assert_close(mine, theirs, **EXACT)


@pytest.mark.parametrize("sizes", [[150], [1] * 150, [64, 64, 22], [1, 100, 1, 48]], ids=str)
def test_a_text_may_be_cut_anywhere(sizes):
    inputs, state, outputs = drawn(150), None, []
    for part in zip(*(x.split(sizes, dim=2) for x in inputs), strict=True):
        out, state = decayed(*part, state)
        outputs.append(out)
    assert_close(torch.cat(outputs, dim=2), decayed_parallel(*inputs), **EXACT)
    assert state.shape == (BATCH, HEADS, HEAD_DIM, V_DIM)


def test_the_gradients_are_those_of_all_pairs_at_once():
    inputs = drawn(2 * CHUNK + 3, grad=True)
    seed = randn(BATCH, HEADS, 2 * CHUNK + 3, V_DIM)
    mine = torch.autograd.grad(decayed(*inputs)[0], inputs, seed)
    theirs = torch.autograd.grad(decayed_parallel(*inputs), inputs, seed)
    for one, other in zip(mine, theirs, strict=True):
        assert one.isfinite().all()
        assert_close(one, other, **EXACT)


def test_nothing_depends_on_the_future():
    inputs = drawn(2 * CHUNK)
    before = decayed(*inputs)[0]
    for start in (1, CHUNK - 1, CHUNK, CHUNK + 5):
        changed = [torch.cat([x[:, :, :start], 1.5 * x[:, :, start:]], dim=2) for x in inputs]
        after = decayed(*changed)[0]
        assert torch.equal(after[:, :, :start], before[:, :, :start])
        assert (after[:, :, start] != before[:, :, start]).all()


def test_where_nothing_fades_it_is_a_product_with_the_causal_mask():
    q, k, v, log_decay = drawn(2 * CHUNK + 3)
    expected = (q @ k.mT * causal_mask(q.size(2))) @ v
    # A sum of 131 terms of size 1: one digit more is lost.
    assert_close(decayed(q, k, v, 0 * log_decay)[0], expected, rtol=0, atol=1e-11)


def test_where_all_fades_only_the_token_itself_is_left():
    q, k, v, log_decay = drawn(CHUNK + 3)
    alone = (q * k).sum(-1, keepdim=True) * v
    assert_close(decayed(q, k, v, log_decay.new_full((), -1e4).expand_as(log_decay))[0], alone)


def test_the_state_given_is_left_as_it_was():
    for length in (1, 5):
        state = randn(BATCH, HEADS, HEAD_DIM, V_DIM)
        before = state.clone()
        decayed(*drawn(length), state)
        assert torch.equal(state, before)


def test_it_is_no_softmax():
    q, k, v, log_decay = drawn(5)
    assert (decayed(q, k, v, 0 * log_decay)[0] - attention(q, k, v, causal_mask(5))).abs().max() > 1
