"""The exercises of chapter 2: wrong answers, written otherwise, are still named."""

import math

import pytest
import torch
from marks import assert_told

from transformer_lib.exercises.chapter_02 import check


def side_by_side(heads, order=lambda h, d, head_dim: h * head_dim + d):
    """Number by number."""
    batch, num_heads, seq_len, head_dim = heads.shape
    out = torch.zeros(batch, seq_len, num_heads * head_dim, dtype=heads.dtype)
    for h in range(num_heads):
        for d in range(head_dim):
            out[:, :, order(h, d, head_dim)] = heads[:, h, :, d]
    return out


def at_once(q, k, v, num_heads, divisor=None, glue=lambda out: out.permute(1, 0, 2).flatten(1)):
    """All heads in one product, in torch's letters."""
    q, k, v = (x.view(len(x), num_heads, -1).permute(1, 0, 2) for x in (q, k, v))
    divisor = math.sqrt(q.size(-1)) if divisor is None else divisor
    weights = torch.softmax(torch.einsum("hqd,hkd->hqk", q, k) / divisor, dim=-1)
    return glue(torch.einsum("hqk,hkd->hqd", weights, v))


def summed(heads, weight, head, first=0):
    """Head by head, through a weight with the head's columns at zero."""
    weight = weight.clone()
    width = heads.size(-1)
    weight[:, (head - first) * width : (head - first + 1) * width] = 0
    return torch.cat(list(heads), dim=-1) @ weight.T


def rows(heads, weight, head):
    width = heads.size(-1)
    out = torch.cat(list(heads), dim=-1) @ weight.T
    out[:, head * width : (head + 1) * width] = 0
    return out


ANSWERS = [
    (1, side_by_side, None),
    (1, lambda x: x.reshape(x.size(0), x.size(2), -1), "the shape is right and tokens are mixed"),
    (1, lambda x: side_by_side(x, lambda h, d, _: d * x.size(1) + h), "one of each in turn"),
    (2, at_once, None),
    (2, lambda q, k, v, h: at_once(q, k, v, h, divisor=1.0), "not divided by √head_dim"),
    (2, lambda q, k, v, h: at_once(q, k, v, h, divisor=q.size(-1) ** 0.5), "by √d_model"),
    (2, lambda q, k, v, h: at_once(q, k, v, 1), "a single head over all features"),
    (2, lambda *x: at_once(*x, glue=lambda y: y.reshape(y.size(1), -1)), "glued by reshape"),
    (3, summed, None),
    (3, rows, "rows of the weight are set to zero"),
    (3, lambda x, w, h: torch.cat(list(x), -1) @ w.T - summed(x, w, h), "the others are off"),
    (3, lambda x, w, h: torch.cat(list(x), -1) @ w.T, "nothing is switched off"),
]


@pytest.mark.parametrize(("number", "answer", "said"), ANSWERS)
def test_an_answer_is_known_however_it_is_written(number, answer, said):
    assert_told(check(number, answer), said)


@pytest.mark.parametrize(
    ("number", "answer", "said"),
    [
        (1, lambda x: side_by_side(x).flip(1), "Row t holds what the heads say of token t"),
        (1, lambda x: 2 * side_by_side(x), "It is not the function"),
        (2, lambda q, k, v, h: 2 * at_once(q, k, v, h), "must add up to one"),
        (2, lambda q, k, v, h: at_once(q + q.mean(1, keepdim=True), k, v, h), "another head's"),
        (3, lambda x, w, h: summed(x, w, h) + 0.1 * x[h].sum(), "must not matter"),
    ],
)
def test_an_unknown_mistake_is_told_a_property(number, answer, said):
    assert said in check(number, answer).split("\n")[0]
