"""The exercises of chapter 20: wrong answers, written otherwise, are still named."""

import pytest
import torch
from marks import assert_told

from transformer_lib.exercises.chapter_20 import check


def kept(old, x, mem_len, oldest=False):
    """State by state."""
    states = [*old.unbind(1), *x.unbind(1)]
    while len(states) > mem_len:
        states.pop(-1 if oldest else 0)
    return torch.stack(states, dim=1) if states else old[:, :0]


def table(q_len, k_len, behind=None, own=0):
    """Cell by cell; `behind` is how far the first query stands behind the first key."""
    behind = k_len - q_len if behind is None else behind
    return torch.tensor([[k <= behind + q + own for k in range(k_len)] for q in range(q_len)])


def walked(num_layers, mem_len, seg_len):
    """The way back, layer by layer, from the last letter of a segment far down the text."""
    found = []
    for layers, memory, cut in zip(num_layers, mem_len, seg_len, strict=True):
        last = here = int(cut) * 1000 - 1
        for _ in range(layers):
            here = here // int(cut) * int(cut) - int(memory)
        found.append(last - here)
    return torch.tensor(found)


ANSWERS = [
    (1, kept, None),
    (1, lambda old, x, m: kept(old, x, m, oldest=True), "the oldest states are kept"),
    (1, lambda old, x, m: kept(x, old, m), "the new states stand before the old"),
    (1, lambda old, x, m: kept(old, x, m or 99), "for mem_len = 0 it keeps everything"),
    (2, table, None),
    (2, lambda q, k: table(q, k, behind=0), "the wrong corner"),
    (2, lambda q, k: table(q, k, own=-1), "no query sees itself"),
    (2, lambda q, k: table(q, k, own=1), "one place of the future"),
    (3, walked, None),
    (3, lambda n, m, s: walked(n, m, s * 0 + 1) + s - 1, "right for memories of whole segments"),
    (3, lambda n, m, s: walked(n, m, s * 0 + 1), "layers × memory"),
]


@pytest.mark.parametrize(("number", "answer", "said"), ANSWERS)
def test_an_answer_is_known_however_it_is_written(number, answer, said):
    assert_told(check(number, answer), said)


@pytest.mark.parametrize(
    ("number", "answer", "said"),
    [
        (1, lambda old, x, m: kept(old, x, m) + 1, "The newest state must stand last"),
        (2, lambda q, k: table(q, k) & (torch.arange(k) > 0), "All of the memory must be seen"),
        (3, lambda n, m, s: walked(n, m, s) + n, "One layer sees its memory"),
    ],
)
def test_an_unknown_mistake_is_told_a_property(number, answer, said):
    assert said in check(number, answer)
