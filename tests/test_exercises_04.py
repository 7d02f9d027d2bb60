"""The exercises of chapter 4: wrong answers, written otherwise, are still named."""

import math

import pytest
import torch
from marks import assert_told
from torch import nn

from transformer_lib.exercises.chapter_04 import check


def number_by_number(x, weight, bias, eps, less=0, root=lambda v, eps: math.sqrt(v + eps)):
    out = torch.zeros_like(x)
    d_model = x.size(1)
    for t, token in enumerate(x.tolist()):
        mean = sum(token) / d_model
        variance = sum((value - mean) ** 2 for value in token) / (d_model - less)
        for i, value in enumerate(token):
            out[t, i] = weight[i] * (value - mean) / root(variance, eps) + bias[i]
    return out


def by_modules(x, w_1, w_2, order="norm block plus"):
    """The steps in an order, with torch's modules."""
    d_model, d_ff = w_1.shape
    first, second = nn.Linear(d_model, d_ff, bias=False), nn.Linear(d_ff, d_model, bias=False)
    first.weight.data, second.weight.data = w_1.T, w_2.T
    block, norm = nn.Sequential(first, nn.ReLU(), second), nn.LayerNorm(d_model).double()
    now = x
    for step in order.split():
        now = {"norm": norm, "block": block, "plus": lambda y: x + y}[step](now)
    return now.detach()


def by_autograd(x, grad):
    x = x.requires_grad_()
    nn.functional.layer_norm(x, x.shape[-1:], eps=0.0).backward(grad)
    return x.grad


def part_by_part(x, grad, mean=True, size=True):
    """Autograd, with what is taken for a constant detached."""
    x = x.requires_grad_()
    middle = x.mean(-1, keepdim=True)
    centred = x - (middle if mean else middle.detach())
    root = centred.square().mean(-1, keepdim=True).sqrt()
    (centred / (root if size else root.detach())).backward(grad)
    return x.grad


ANSWERS = [
    (1, number_by_number, None),
    (1, lambda *x: number_by_number(*x, less=1), "divided by d_model - 1"),
    (1, lambda *x: number_by_number(*x, root=lambda v, e: math.sqrt(v) + e), "outside the root"),
    (1, lambda x, w, b, e: (x - x.mean(-1, keepdim=True)) / (x.std(-1, keepdim=True) + e) * w + b,
     "both of them"),
    (1, lambda x, w, b, e: nn.functional.rms_norm(x, w.shape, w, e) + b, "RMSNorm"),
    (1, lambda x, w, b, e: number_by_number(x.T, *torch.ones(2, len(x)), e).T * 0 + (
        (x - x.mean(0)) / (x.var(0, correction=0) + e).sqrt() * w + b), "over the tokens"),
    (1, lambda x, w, b, e: number_by_number(x, w * 0 + 1, b * 0, e), "are not used"),
    (1, lambda x, w, b, e: number_by_number(x, w, b, 0.0), "eps is not used"),
    (2, by_modules, None),
    (2, lambda *x: by_modules(*x, "block plus norm"), "that is post-norm"),
    (2, lambda *x: by_modules(*x, "norm block"), "the plus is missing"),
    (2, lambda *x: by_modules(*x, "block plus"), "the norm is missing"),
    (2, lambda *x: by_modules(*x, "block norm plus"), "what the block says is levelled"),
    (3, by_autograd, None),
    (3, lambda *x: part_by_part(*x, size=False), "the size is taken for a constant"),
    (3, lambda *x: part_by_part(*x, mean=False), "the mean is taken for a constant"),
    (3, lambda *x: part_by_part(*x, mean=False, size=False), "only divided"),
]  # fmt: skip


@pytest.mark.parametrize(("number", "answer", "said"), ANSWERS)
def test_an_answer_is_known_however_it_is_written(number, answer, said):
    assert_told(check(number, answer), said)


@pytest.mark.parametrize(
    ("number", "answer", "said"),
    [
        (1, lambda *x: number_by_number(*x).cumsum(0).flip(0), "levelled by itself"),
        (1, lambda x, w, b, e: number_by_number(x, w, b, e) + x, "must come out alike"),
        (2, lambda *x: 2 * by_modules(*x), "x must come out as it is"),
        (2, lambda x, w_1, w_2: x + x.square() @ w_1 @ w_2, "must not depend on a shift"),
        (3, lambda *x: by_autograd(*x) + 1, "must add up to 0"),
        (3, lambda x, g: by_autograd(x, g) + 2 * (x - x.mean(-1, keepdim=True)), "right angle"),
    ],
)
def test_an_unknown_mistake_is_told_a_property(number, answer, said):
    assert said in check(number, answer).split("\n")[0]
