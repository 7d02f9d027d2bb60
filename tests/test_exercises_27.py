"""The exercises of chapter 27: right answers, and wrong ones of known kinds and of none."""

import pytest
import torch

from transformer_lib.exercises.chapter_27 import check


def unpack(scale, lowest, codes, order=lambda low, high: low + high, shift=0, times=1.0, plus=1.0):
    """Number by number."""
    rows = []
    for d, m, row in zip(scale.tolist(), lowest.tolist(), codes.tolist(), strict=True):
        low, high = [b & 15 for b in row], [b >> 4 for b in row]
        rows.append([d * (code - shift) * times + m * plus for code in order(low, high)])
    return torch.tensor(rows, dtype=torch.float64)


def halves(rows, heads):
    out, width = [], len(rows) // heads
    for h in range(heads):
        head = rows[h * width : (h + 1) * width]
        out += [*head[0::2], *head[1::2]]
    return torch.stack(out)


def mean(features, real):
    return torch.stack([x[r].mean(0) for x, r in zip(features, real, strict=True)])


@pytest.mark.parametrize(
    ("number", "answer"),
    [
        (1, unpack),
        (2, halves),
        (3, lambda keys, times: torch.stack([k for k in keys for _ in range(times)])),
        (4, mean),
    ],
)
def test_what_is_right_is_called_right(number, answer):
    assert check(number, answer).startswith("Right")


@pytest.mark.parametrize(
    ("number", "answer", "said"),
    [
        (1, lambda *x: unpack(*x, lambda a, b: [c for two in zip(a, b, strict=True) for c in two]),
         "side by side"),
        (1, lambda *x: unpack(*x, lambda a, b: b + a), "high half"),
        (1, lambda *x: unpack(*x, shift=8), "as in Q4_0"),
        (1, lambda *x: unpack(*x, plus=0.0), "left out"),
        (1, lambda d, m, q: unpack(d, m * d, q), "multiplied by the scale too"),
        (1, lambda *x: unpack(*x, times=2.0), "It is not the function"),
        (1, lambda d, m, q: unpack(d, m + 1, q), "A code of zero is the lowest"),
        (2, lambda rows, heads: halves(rows, 1), "taken for one head"),
        (2, lambda rows, heads: rows, "nothing has moved"),
        (2, lambda rows, heads: rows.flip(0), "The first row stays"),
        (2, lambda rows, heads: halves(halves(rows, heads), 1), "No row may leave its head"),
        (3, lambda keys, times: torch.cat([keys] * times), "heads 0 and 1 should share"),
        (3, lambda keys, times: keys.repeat_interleave(times, 1), "and should give ("),
        (4, lambda x, real: x.mean(1), "padding is averaged too"),
        (4, lambda x, real: mean(x, real) * real.sum(1, keepdim=True) / 5, "length of the batch"),
        (4, lambda x, real: mean(x, real) * real.sum(1, keepdim=True), "that is the sum"),
        (4, lambda x, real: x[:, 0], "first token alone"),
        (4, lambda x, real: x.amax(1), "What stands at padding must not matter"),
    ],
)  # fmt: skip
def test_a_wrong_answer_is_told_what_it_looks_like(number, answer, said):
    assert said in check(number, answer)


def test_the_way_back_is_named():
    def back(rows, heads):
        order = halves(torch.arange(len(rows)), heads)
        out = rows.clone()
        out[order] = rows
        return out

    assert "that is the way back" in check(2, back)

    def turned(rows, heads):
        width = len(rows) // heads
        return torch.cat([h.roll(width // 2, 0) for h in halves(rows, heads).split(width)])

    assert "changed places" in check(2, turned)
