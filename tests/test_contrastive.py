"""The contrastive loss: a loop's, the same for both directions, least where pairs point alike."""

import math

import pytest
import torch
from oracles import EXACT, randn
from torch.testing import assert_close

from transformer_lib.layers.contrastive import contrastive_loss
from transformer_lib.models.clip import unit_vectors


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def loop(a, b, scale, same):
    """Row by row and column by column, in scalars."""
    n, total = len(a), 0.0
    for rows, columns, mask in ((a, b, same), (b, a, same.T)):
        for i in range(n):
            pairs = [zip(rows[i], c, strict=True) for c in columns]
            scores = [scale * sum(float(x) * float(y) for x, y in pair) for pair in pairs]
            log_sum = math.log(sum(map(math.exp, scores)))
            partners = [j for j in range(n) if mask[i, j]]
            total -= sum(scores[j] - log_sum for j in partners) / len(partners) / n
    return total / 2


@pytest.mark.parametrize("several", [False, True])
def test_it_is_that_of_loops(several):
    a, b = unit_vectors(randn(5, 3)), unit_vectors(randn(5, 3))
    kinds = torch.tensor([0, 1, 0, 2, 1])
    same = kinds[:, None] == kinds if several else torch.eye(5, dtype=torch.bool)
    given = {"same": same} if several else {}
    found = contrastive_loss(a, b, 4.0, **given)
    assert found.item() == pytest.approx(loop(a, b, 4.0, same), abs=1e-12)


def test_partners_that_are_not_alike_in_both_directions():
    a, b = randn(3, 2), randn(3, 2)
    same = torch.tensor([[True, True, False], [False, True, False], [False, False, True]])
    assert contrastive_loss(a, b, same=same).item() == pytest.approx(loop(a, b, 1, same), abs=1e-12)


def test_the_diagonal_is_what_is_meant_without_a_mask():
    a, b = randn(4, 3), randn(4, 3)
    eye = torch.eye(4, dtype=torch.bool)
    assert_close(contrastive_loss(a, b, same=eye), contrastive_loss(a, b), **EXACT)


def test_the_two_sides_may_change_places_and_rows_their_order():
    a, b, order = randn(4, 3), randn(4, 3), torch.tensor([2, 0, 3, 1])
    assert_close(contrastive_loss(a, b, 3.0), contrastive_loss(b, a, 3.0), **EXACT)
    assert_close(contrastive_loss(a[order], b[order]), contrastive_loss(a, b), **EXACT)


def test_who_knows_nothing_pays_the_logarithm_of_the_batch():
    assert contrastive_loss(torch.zeros(8, 3), torch.zeros(8, 3)).item() == (
        pytest.approx(math.log(8))
    )


def test_the_gradient_is_that_of_small_steps():
    a, b = randn(3, 2, grad=True), randn(3, 2, grad=True)
    scale = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(contrastive_loss, (a, b, scale))


def test_autocast_does_not_round_the_cosines():
    a, b = unit_vectors(torch.randn(6, 9)), unit_vectors(torch.randn(6, 9))
    exact = contrastive_loss(a, b, 100.0)
    with torch.autocast("cpu", torch.bfloat16):
        assert contrastive_loss(a, b, 100.0).item() == pytest.approx(exact.item(), rel=1e-6)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((randn(3, 2), randn(3, 4)), r"as many vectors of one width, got \(3, 2\), \(3, 4\)"),
        ((randn(3, 2), randn(4, 2)), r"got \(3, 2\), \(4, 2\)"),
        ((randn(0, 2), randn(0, 2)), r"got \(0, 2\)"),
        ((randn(3), randn(3)), "a must be of floating point, with 2 axes"),
        ((randn(3, 2), torch.ones(3, 2).long()), "b must be of floating point"),
    ],
)
def test_what_cannot_be_compared_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        contrastive_loss(*given)


@pytest.mark.parametrize(
    ("same", "message"),
    [
        (torch.eye(3), "same must be a boolean mask"),
        (torch.eye(2, dtype=torch.bool), r"same must be a boolean mask \(3, 3\), got \(\(2, 2\)"),
        ([[True]], "same must be a boolean mask"),
        (torch.zeros(3, 3, dtype=torch.bool), "same must give each row and each column a partner"),
        (torch.tensor([[1, 1, 0], [1, 1, 0], [1, 0, 0]]) > 0, "got one without"),
    ],
)
def test_a_mask_that_leaves_someone_alone_is_refused(same, message):
    with pytest.raises(ValueError, match=message):
        contrastive_loss(randn(3, 2), randn(3, 2), same=same)
