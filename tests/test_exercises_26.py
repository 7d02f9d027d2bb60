"""The exercises of chapter 26: wrong answers, written otherwise, are still named."""

import pytest
import torch

from transformer_lib.exercises.chapter_26 import check


def seen(length, window, itself=True):
    reach = window if itself else window + 1
    return torch.tensor([len(range(max(0, i - reach + 1), i + 1)) for i in range(length)])


def spread(k, num_heads, groups=None):
    group = num_heads // k.size(1)
    heads = [k[:, h // group] if groups is None else k[:, groups(h)] for h in range(num_heads)]
    return torch.stack(heads, dim=1)


def fading(q, k, v, log_decay, after=1, causal=True, fade=True):
    rows = []
    for i in range(len(q)):
        total = torch.zeros_like(v[0])
        for j in range(i + 1 if causal else len(q)):
            a = log_decay[j + after : i + 1].sum().exp() if fade else 1.0
            total = total + a * (q[i] @ k[j]) * v[j]
        rows.append(total)
    return torch.stack(rows)


CASES = [
    (1, seen, None),
    (1, lambda n, w: seen(n, w, itself=False), "one key too many"),
    (1, lambda n, w: torch.full((n,), w), "no whole window behind them"),
    (1, lambda n, w: torch.arange(1, n + 1), "without a window"),
    (1, lambda n, w: seen(n, w) - 1, "own position is left out"),
    (2, spread, None),
    (2, lambda k, h: spread(k, h, lambda i: i % k.size(1)), "0 1 0 1"),
    (2, lambda k, h: spread(k, h, lambda i: 0), "the first head of keys"),
    (2, lambda k, h: spread(k, h).flip(1), "Not yet"),
    (3, fading, None),
    (3, lambda *given: fading(*given, fade=False), "nothing fades"),
    (3, lambda *given: fading(*given, after=0), "of token j itself counts too"),
    (3, lambda *given: fading(*given, causal=False), "What comes later"),
]


@pytest.mark.parametrize(("number", "mine", "said"), CASES)
def test_an_answer_is_marked_by_what_it_does(number, mine, said):
    found = check(number, mine)
    assert found.startswith("Right" if said is None else "Not yet")
    assert said is None or said in found
