"""Focal loss: the formula, its numbers by hand, binary cross-entropy where nothing is easy."""

import math

import pytest
import torch
import torch.nn.functional as F
from oracles import EXACT, randn
from torch.testing import assert_close

from transformer_lib.measure import focal
from transformer_lib.measure.focal import focal_loss


def written_out(logit, wanted):
    """Of one question, as the paper writes it: p is the probability of yes."""
    p = 1 / (1 + math.exp(-logit))
    if wanted:
        return 0.25 * (1 - p) ** 2 * -math.log(p)
    return 0.75 * p**2 * -math.log(1 - p)


def test_it_is_the_formula_for_every_question():
    torch.manual_seed(0)
    logits, wanted = 3 * randn(4, 5), torch.rand(4, 5) < 0.3
    assert wanted.any()
    expected = [
        [written_out(*one) for one in zip(*rows, strict=True)]
        for rows in zip(logits.tolist(), wanted.tolist(), strict=True)
    ]
    assert_close(
        focal_loss(logits, wanted), torch.tensor(expected, dtype=torch.float64), rtol=0, atol=1e-12
    )


def test_by_hand():
    logits = torch.tensor([0.9, 0.9, 0.5]).logit()
    loss = focal_loss(logits, torch.tensor([True, False, True]))
    # A right answer of 0.9 counts 0.01 of its cross-entropy, a wrong one 0.81.
    by_hand = [0.25 * 0.01 * 0.10536, 0.75 * 0.81 * 2.30259, 0.25 * 0.25 * 0.69315]
    assert_close(loss, torch.tensor(by_hand), rtol=1e-4, atol=0)


def test_where_every_question_counts_it_is_binary_cross_entropy(monkeypatch):
    monkeypatch.setattr(focal, "ALPHA", 0.5)
    monkeypatch.setattr(focal, "GAMMA", 0.0)
    logits, wanted = randn(3, 4), torch.rand(3, 4) < 0.5
    plain = F.binary_cross_entropy_with_logits(logits, wanted.double(), reduction="none")
    assert_close(focal_loss(logits, wanted), plain / 2, **EXACT)


def test_its_gradient_is_its_slope_and_is_finite_far_out():
    logits = randn(6).requires_grad_()
    wanted = torch.tensor([True, False] * 3)
    assert torch.autograd.gradcheck(lambda x: focal_loss(x, wanted), logits)
    far = torch.tensor([-200.0, 200.0]).requires_grad_()
    loss = focal_loss(far, torch.tensor([True, False]))  # both as wrong as can be
    assert_close(loss, torch.tensor([0.25 * 200, 0.75 * 200]))
    loss.sum().backward()
    assert_close(far.grad, torch.tensor([-0.25, 0.75]))


def test_what_is_known_hardly_counts():
    """Against cross-entropy, a settled question loses far more than an open one."""
    logits = torch.tensor([0.0, 4.0]).double()
    yes = torch.ones(2, dtype=torch.bool)
    share = focal_loss(logits, yes) / F.softplus(-logits)
    assert share[0] == pytest.approx(0.25 * 0.25)
    assert share[1] < share[0] / 500


@pytest.mark.parametrize(
    ("logits", "wanted", "message"),
    [
        (torch.zeros(2).long(), torch.ones(2).bool(), "logits must be of floating point"),
        (torch.zeros(2), torch.ones(2), "wanted must be a tensor of True and False, got torch.fl"),
        (torch.zeros(2), [True, False], "wanted must be a tensor of True and False, got list"),
        (torch.zeros(2), torch.ones(3).bool(), "wanted must broadcast to .*2.*got .*3"),
    ],
)
def test_other_questions_are_refused(logits, wanted, message):
    with pytest.raises(ValueError, match=message):
        focal_loss(logits, wanted)
