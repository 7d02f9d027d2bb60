"""The exercises of chapter 21: wrong answers, written otherwise, are still named."""

import pytest
import torch
import torch.nn.functional as F
from marks import assert_told

from transformer_lib.exercises.chapter_21 import check
from transformer_lib.layers.masks import causal_mask


def counted(q_len, k_len, own=0, all_keys=False):
    """Cell by cell, for each entry."""
    found = []
    for q, k in zip(q_len.tolist(), k_len.tolist(), strict=True):
        rows = k if all_keys else q
        found.append(sum(j > i - own for i in range(rows) for j in range(rows)))
    return torch.tensor(found)


def moved(scores, by=0, turn=1):
    """Pair by pair: the score of query i at the distance of key j."""
    q_len, k_len = len(scores), scores.size(1) - 1
    out = torch.zeros(q_len, k_len).double()
    for i in range(q_len):
        row = i if turn == 1 else q_len - 1 - i
        for j in range(k_len):
            distance = k_len - q_len + row - j
            if j <= k_len - q_len + i:
                out[i, j] = scores[i, k_len - max(0, distance) - by]
    return out


def padded(scores):
    """As the released code does it, with a column of zeros."""
    q_len, k_len = len(scores), scores.size(1) - 1
    line = F.pad(scores[:, 1:], (1, 0)).view(k_len + 1, q_len)[1:].reshape(q_len, k_len)
    return line * causal_mask(q_len, k_len)


def recut(scores, skipped):
    q_len, k_len = len(scores), scores.size(1) - 1
    line = [*scores.flatten().tolist(), 0.0]
    rows = [line[skipped + i * k_len :][:k_len] for i in range(q_len)]
    return torch.tensor(rows).double()


def summed(q, k, r, u, v, leave=(), scale=None, memory=True):
    """Pair by pair and term by term."""
    out, behind = torch.zeros(len(q), len(k)).double(), (len(k) - len(q)) * memory
    for i in range(len(q)):
        for j in range(len(k) - len(q) + i + 1):
            far = r[max(0, behind + i - j)]
            terms = {"a": q[i] @ k[j], "b": q[i] @ far, "c": u @ k[j], "d": v @ far}
            out[i, j] = sum(value for name, value in terms.items() if name not in leave)
    return out / (q.size(1) ** 0.5 if scale is None else scale)


ANSWERS = [
    (1, counted, None),
    (1, lambda q, k: counted(q, k, own=1), "the diagonal itself is counted"),
    (1, lambda q, k: counted(q, k, all_keys=True), "the triangle is made of keys"),
    (2, padded, None),
    (2, moved, None),
    (2, lambda s: moved(s, by=1), "too large by one"),
    (2, lambda s: moved(s, turn=-1), "rows move the wrong way"),
    (2, lambda s: recut(s, len(s)), "right but for the garbage"),
    (3, summed, None),
    (3, lambda q, k, r, u, v: summed(q, k, r, v, u), "u and v are exchanged"),
    (3, lambda *given: summed(*given, leave="cd"), "as in Shaw et al."),
    (3, lambda *given: summed(*given, leave="d"), "v · r is left out"),
    (3, lambda *given: summed(*given, scale=1.0), "not divided by √width"),
    (3, lambda *given: summed(*given, memory=False), "the memory is forgotten"),
]


@pytest.mark.parametrize(("number", "answer", "said"), ANSWERS)
def test_an_answer_is_known_however_it_is_written(number, answer, said):
    assert_told(check(number, answer), said)


@pytest.mark.parametrize(
    ("number", "answer", "said"),
    [
        (1, lambda q, k: counted(q, k) + 1, "as many as a causal mask hides"),
        (2, lambda s: moved(s) + 1, "there must be zeros"),
        (2, lambda s: 2 * moved(s), "only loses its farthest score"),
        (3, lambda *given: summed(*given) + 1, "there must be zeros"),
        (3, lambda *given: summed(*given, leave="a"), "only the content counts"),
        (3, lambda *given: summed(*given, leave="bd"), "only the distance counts"),
    ],
)
def test_an_unknown_mistake_is_told_a_property(number, answer, said):
    assert said in check(number, answer)
