"""The exercises of chapter 3: wrong answers, written otherwise, are still named."""

import math

import pytest
import torch
from marks import assert_told

from transformer_lib.exercises.chapter_03 import check
from transformer_lib.layers.positions import ALiBi


def entry_by_entry(length, d_model, offset, first=math.sin, second=math.cos, twice=1):
    """Number by number, as the paper writes it."""
    rows = torch.zeros(length, d_model, dtype=torch.float64)
    for t in range(length):
        for i in range(d_model // 2):
            angle = (offset + t) / 10000 ** (twice * 2 * i / d_model)
            rows[t, 2 * i], rows[t, 2 * i + 1] = first(angle), second(angle)
    return rows


def pair_by_pair(x, position=lambda h, t: t, pair=lambda i, d: (2 * i, 2 * i + 1), sign=1):
    """A complex number for each pair."""
    out = torch.zeros_like(x)
    heads, seq_len, head_dim = x.shape
    for h in range(heads):
        for t in range(seq_len):
            for i in range(head_dim // 2):
                a, b = pair(i, head_dim)
                angle = sign * position(h, t) * 10000 ** (-2 * i / head_dim)
                z = complex(x[h, t, a], x[h, t, b]) * complex(math.cos(angle), math.sin(angle))
                out[h, t, a], out[h, t, b] = z.real, z.imag
    return out


def loop(q_len, k_len, num_heads, start=None, size=abs, slope=lambda h, n: 2 ** (-8 * h / n)):
    out = torch.zeros(num_heads, q_len, k_len, dtype=torch.float64)
    start = k_len - q_len if start is None else start
    for h in range(num_heads):
        for i in range(q_len):
            for j in range(k_len):
                out[h, i, j] = -slope(h + 1, num_heads) * size(start + i - j)
    return out


ANSWERS = [
    (1, entry_by_entry, None),
    (1, lambda n, d, offset: entry_by_entry(n, d, 0), "the offset is not used"),
    (1, lambda *x: entry_by_entry(*x, math.cos, math.sin), "cosines stand where sines should"),
    (1, lambda *x: entry_by_entry(*x, twice=2), "the exponent has its 2 twice"),
    (1, lambda *x: entry_by_entry(*x, twice=-1), "speeds rise from pair to pair"),
    (2, pair_by_pair, None),
    (2, lambda x: pair_by_pair(x, pair=lambda i, d: (i, i + d // 2)), "The paper pairs neighbours"),
    (2, lambda x: pair_by_pair(x, sign=-1), "the vectors turn backwards"),
    (2, lambda x: pair_by_pair(x, position=lambda h, t: h), "from head to head"),
    (3, loop, None),
    (3, lambda *x: loop(*x, start=0), "They are the last of the keys"),
    (3, lambda *x: -loop(*x), "the sign is wrong"),
    (3, lambda *x: loop(*x, size=lambda d: d), "lacks its absolute value"),
    (3, lambda *x: loop(*x, slope=lambda h, n: 2**-h), "whatever the number of heads"),
    (3, lambda *x: loop(*x, slope=lambda h, n: 2 ** (-8 * (h - 1) / n)), "counted from 0"),
]


@pytest.mark.parametrize(("number", "answer", "said"), ANSWERS)
def test_an_answer_is_known_however_it_is_written(number, answer, said):
    assert_told(check(number, answer), said)


def test_the_library_gives_the_same_prices_in_float32():
    answer = check(3, lambda q_len, k_len, heads: ALiBi(heads)(q_len, k_len - q_len))
    assert answer.startswith("Nearly: right to four digits only")


@pytest.mark.parametrize(
    ("number", "answer", "said"),
    [
        (1, lambda *x: 2 * entry_by_entry(*x), "sin² + cos² must be 1"),
        (1, lambda n, d, o: entry_by_entry(n, d, 2 * o), "A piece must have the rows"),
        (2, lambda x: 2 * pair_by_pair(x), "must not change a vector's length"),
        (2, lambda x: pair_by_pair(x, lambda h, t: t * t), "depend on their distance alone"),
        (3, lambda *x: loop(*x) - 1, "own place must cost nothing"),
        (3, lambda *x: 0 * loop(*x), "must cost more"),
    ],
)
def test_an_unknown_mistake_is_told_a_property(number, answer, said):
    assert said in check(number, answer).split("\n")[0]
