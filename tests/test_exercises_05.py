"""The exercises of chapter 5: wrong answers, written otherwise, are still named."""

import pytest
import torch
from marks import assert_told

from transformer_lib.exercises.chapter_05 import check


def largest(y, real, fill=None):
    """Text by text; `fill` stands at the padding."""
    rows = []
    for row, here in zip(y, real, strict=True):
        kept = [*row[here]] if fill is None else [*row[here], *torch.full_like(row[~here], fill)]
        rows.append(torch.stack(kept).max(dim=0).values)
    return torch.stack(rows)


def reached(masks, order=1, keeps=True):
    """By walking from each output back to the inputs."""
    n = masks.size(-1)
    found = torch.zeros(n, n, dtype=torch.bool)
    for token in range(n):
        sources = {token}
        for mask in reversed(masks) if order == 1 else masks:
            looked = {j for i in sources for j in range(n) if mask[i, j]}
            sources = looked | sources if keeps else looked
        found[token, list(sources)] = True
    return found


def last(y, real, back=1):
    return torch.stack([y[i, max(0, int(here.sum()) - back)] for i, here in enumerate(real)])


ANSWERS = [
    (1, largest, None),
    (1, lambda y, real: largest(y, real, 0.0), "padding is set to zero"),
    (1, lambda y, real: y.max(dim=1).values, "padding is read too"),
    (2, reached, None),
    (2, lambda masks: reached(masks, keeps=False), "the residual connection is missing"),
    (2, lambda masks: reached(masks, order=-1), "in the opposite order"),
    (2, lambda masks: masks.sum(0).bool() | torch.eye(masks.size(-1)).bool(), "some layer shows"),
    (2, lambda masks: reached(masks).mT, "rows and columns have changed places"),
    (3, last, None),
    (3, lambda y, real: y.flip(1)[:, 0], "that is the last place"),
    (3, lambda y, real: last(y, real, back=2), "one place too early"),
    (
        3,
        lambda y, real: y[range(len(y)), real.sum(1).clamp_max(y.size(1) - 1)],
        "one place too far",
    ),
]


@pytest.mark.parametrize(("number", "answer", "said"), ANSWERS)
def test_an_answer_is_known_however_it_is_written(number, answer, said):
    assert_told(check(number, answer), said)


@pytest.mark.parametrize(
    ("number", "answer", "said"),
    [
        (1, lambda y, real: largest(y, real) + y[:, -1], "What the padding holds must not matter"),
        (1, lambda y, real: largest(y[:, :1], real[:, :1]), "The order of the tokens must not"),
        (2, lambda masks: reached(masks) & ~torch.eye(masks.size(-1)).bool(), "own input must"),
        (2, lambda masks: torch.eye(masks.size(-1)).bool(), "What one layer lets a token see"),
        (3, lambda y, real: last(y, real) + y[:, -1], "What the padding holds must not matter"),
        (3, lambda y, real: last(y, real) + y[:, 0], "The tokens before the last one must not"),
    ],
)
def test_an_unknown_mistake_is_told_a_property(number, answer, said):
    assert said in check(number, answer).split("\n")[0]
