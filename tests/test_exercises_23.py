"""The exercises of chapter 23: wrong answers, written otherwise, are still named."""

import pytest
import torch
from marks import assert_told

from transformer_lib.exercises.chapter_23 import check
from transformer_lib.show.checkpoints import moments


def stepped(kept, kinds=("forward", "again", "backward"), more=0):
    """Moment by moment."""
    return torch.tensor(max(m.units for m in moments(kept.tolist()) if m.kind in kinds) + more)


def by_jacobian(weights, grad, row=lambda w: torch.diag(w) - torch.outer(w, w)):
    """Row by row, with the whole matrix of derivatives."""
    return torch.stack([row(w) @ g for w, g in zip(weights, grad, strict=True)])


def tried(n, c, memory=lambda n, k, c: n / k + c * k):
    """Every length of a segment, one after the other."""
    found = []
    for layers, held in zip(n.tolist(), c.tolist(), strict=True):
        best = 1
        for k in range(2, layers + 1):
            better = memory(layers, k, held) < memory(layers, best, held)
            best = k if layers % k == 0 and better else best
        found.append(best)
    return torch.tensor(found)


ANSWERS = [
    (1, stepped, None),
    (1, lambda kept: stepped(kept, kinds=("forward",)), "when the forward pass is done"),
    (1, lambda kept: stepped(kept, more=1), "one too many"),
    (2, by_jacobian, None),
    (2, lambda w, g: by_jacobian(w, g, torch.diag), "each weight by itself"),
    (2, lambda w, g: by_jacobian(w, g, lambda row: torch.diag(row - row**2)), "only the diagonal"),
    (3, tried, None),
    (3, lambda n, c: tried(n, c, lambda n, k, c: n / k + k), "holds one unit"),
    (3, lambda n, c: tried(n, c, lambda n, k, c: n / k), "in one segment"),
    (3, lambda n, c: tried(n, c, lambda n, k, c: k), "one layer always"),
]


@pytest.mark.parametrize(("number", "answer", "said"), ANSWERS)
def test_an_answer_is_known_however_it_is_written(number, answer, said):
    assert_told(check(number, answer), said)


@pytest.mark.parametrize(
    ("number", "answer", "said"),
    [
        (1, lambda kept: stepped(kept) * 2, "Where all are kept, all are in memory"),
        (1, lambda kept: kept.sum() + (~kept).sum() // 2, "Where only the first is kept"),
        (2, lambda w, g: by_jacobian(w, g) + 1, "adds up to 0"),
        (3, lambda n, c: tried(n, c) + n, "It must divide n"),
        (3, lambda n, c: n // 2, "it should be opened alone"),
    ],
)
def test_an_unknown_mistake_is_told_a_property(number, answer, said):
    assert said in check(number, answer)
