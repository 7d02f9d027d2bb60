"""Chapter 7's exercises: right answers are right, and each known mistake is told from the rest."""

import pytest
import torch

from transformer_lib.exercises.chapter_07 import check


def counted(logits, targets):
    """The loss, token by token."""
    losses = [
        -logits[row, place].log_softmax(0)[symbol]
        for row, line in enumerate(targets.tolist())
        for place, symbol in enumerate(line)
        if symbol
    ]
    return (sum(losses) / len(losses)).view(1)


def by_row(logits, targets):
    rows = [counted(x[None], y[None]) for x, y in zip(logits, targets, strict=True)]
    return sum(rows) / len(rows)


def lists(sounds):
    """The shift, row by row."""
    reads, says = [], []
    for row in sounds.tolist():
        own = [symbol for symbol in row if symbol]
        rest = [0] * (len(row) - len(own))
        reads.append([1, *own, *rest])
        says.append([*own, 2, *rest])
    return torch.tensor([reads, says])


def with_padding(logits, targets):
    return -logits.log_softmax(-1).gather(-1, targets[..., None]).mean().view(1)


@pytest.mark.parametrize(
    ("number", "answer", "said"),
    [
        (1, counted, None),
        (1, with_padding, "padding is learned as if it were a sound"),
        (1, lambda x, y: counted(x, y) * (y > 0).double().mean(), "divided by all places"),
        (1, lambda x, y: counted(x, y) * (y > 0).sum(), "it is a sum"),
        (1, by_row, "a mean of the rows' means"),
        (1, lambda x, y: counted(x.transpose(1, 2).log_softmax(2).transpose(1, 2), y), "Not yet"),
        (1, lambda x, y: counted(x[:1], y[:1]), "Every real token|is not the function"),
        (1, lambda x, y: with_padding(x, y) + y.sum(), "is not the function|may not change"),
        (2, lists, None),
        (2, lambda s: lists(s)[[1, 1]], "the shift is forgotten"),
        (2, lambda s: torch.where(lists(s) == 2, 0, lists(s)), "never learns to stop"),
        (2, lambda s: torch.where(lists(s) == 1, 2, lists(s)), "begins with EOS"),
        (2, lambda s: lists(s).flip(0), "predicted one place before|told once"),
    ],
)
def test_an_answer_is_known_however_it_is_written(number, answer, said):
    mark = check(number, answer)
    if said is None:
        assert mark.startswith("Right, on")
    else:
        assert any(part in mark for part in said.split("|")), mark
