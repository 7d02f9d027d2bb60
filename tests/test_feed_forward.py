"""The feed-forward block: its formulas, and that it never looks at a neighbour."""

import math

import pytest
import torch
from oracles import EXACT, randn, redraw
from torch.testing import assert_close

from transformer_lib.layers.feed_forward import FeedForward

ROOT = math.sqrt(2 / math.pi)
FORMULAS = {
    "relu": lambda x: max(x, 0.0),
    "gelu": lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2,
    "gelu_tanh": lambda x: x * (1 + math.tanh(ROOT * (x + 0.044715 * x**3))) / 2,
    "relu2": lambda x: max(x, 0.0) ** 2,
}
ALL = [*FORMULAS, "swiglu"]


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def block(activation, **kwargs):
    return redraw(FeedForward(4, 6, activation=activation, **kwargs))


@pytest.mark.parametrize("activation", FORMULAS)
@pytest.mark.parametrize("bias", [True, False])
def test_block_is_its_formula(activation, bias):
    layer, x = block(activation, bias=bias), randn(2, 3, 4)
    middle = x @ layer.linear1.weight.T + (layer.linear1.bias if bias else 0.0)
    middle = middle.detach().clone().apply_(FORMULAS[activation])
    expected = middle @ layer.linear2.weight.T + (layer.linear2.bias if bias else 0.0)
    assert_close(layer(x), expected, **EXACT)


def test_swiglu_gates_one_half_with_the_other():
    layer, x = block("swiglu"), randn(2, 3, 4)
    gate, value = (x @ layer.linear1.weight.T + layer.linear1.bias).split(6, dim=-1)
    expected = (gate / (1 + (-gate).exp()) * value) @ layer.linear2.weight.T + layer.linear2.bias
    assert_close(layer(x), expected, **EXACT)


@pytest.mark.parametrize("activation", ALL)
def test_a_token_computes_by_itself(activation):
    layer, x = block(activation), randn(2, 5, 4)
    other = x.clone()
    other[:, 2] = randn(2, 4)
    moved = (layer(x) - layer(other)).abs().amax(dim=(0, 2)) > 0
    assert moved.tolist() == [False, False, True, False, False]


@pytest.mark.parametrize("activation", ALL)
def test_every_gradient_is_right(activation):
    assert torch.autograd.gradcheck(block(activation), randn(1, 2, 4, grad=True))


def test_swiglu_of_two_thirds_the_width_has_as_many_weights():
    gated = FeedForward(16, 32, activation="swiglu", bias=False)
    plain = FeedForward(16, 48, bias=False)
    assert count(gated) == count(plain) == 2 * 16 * 48
    assert count(FeedForward(16, 48)) == count(plain) + 48 + 16


def count(module):
    return sum(p.numel() for p in module.parameters())


def test_dropout_acts_in_the_middle_and_in_training_only():
    layer, x = block("relu", dropout=0.5), randn(1, 200, 4)
    assert_close(layer.eval()(x), layer(x), rtol=0, atol=0)
    seen = []
    layer.linear2.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    layer(x)
    layer.train()(x)
    kept = seen[1] != 0
    assert 0.45 < kept.sum() / (seen[0] != 0).sum() < 0.55
    assert_close(seen[1][kept], 2 * seen[0][kept], **EXACT)


def test_fresh_weights_are_glorot_and_fresh_biases_zero():
    layer = FeedForward(30, 70)
    for linear in (layer.linear1, layer.linear2):
        assert linear.bias.abs().max() == 0
        bound = math.sqrt(6 / (30 + 70))
        assert 0.95 * bound < linear.weight.abs().max() <= bound


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"d_model": 0}, "d_model must be at least 1, got 0"),
        ({"d_ff": -1}, "d_ff must be at least 1, got -1"),
        ({"bias": "no"}, "bias must be True or False, got 'no'"),
        ({"activation": "tanh"}, "activation must be one of .*'swiglu'.*, got 'tanh'"),
        ({"dropout": 1.5}, r"dropout must be in \[0, 1\), got 1.5"),
    ],
)
def test_impossible_blocks_are_refused(kwargs, message):
    with pytest.raises(ValueError, match=message):
        FeedForward(**{"d_model": 4, "d_ff": 6} | kwargs)


def test_input_of_another_width_is_refused():
    with pytest.raises(ValueError, match=r"x must be \(…, d_model = 4\), got \(2, 3, 5\)"):
        block("relu")(randn(2, 3, 5))
    with pytest.raises(
        ValueError, match=r"x must be torch.float64, as the weights are, got torch."
    ):
        block("relu")(torch.randn(2, 3, 4))
