"""The exercises of chapter 22: wrong answers, written otherwise, are still named."""

import pytest
import torch
from marks import assert_told

from transformer_lib.exercises.chapter_22 import check


def cut(ids, batch_size, seg_len, begins=None):
    """Row by row; `begins` says where row b of segment n begins."""
    rows = len(ids) // batch_size
    begins = begins or (lambda n, b: b * rows + n * seg_len)
    return torch.stack(
        [
            torch.stack([ids[begins(n, b) :][:seg_len] for b in range(batch_size)])
            for n in range(rows // seg_len)
        ]
    )


def at_each_place(without, with_memory, seg_len, count=None):
    """Place by place."""
    segments = len(without) // seg_len
    gain = without - with_memory
    return torch.stack(
        [gain[place::seg_len].sum() / (count or segments) for place in range(seg_len)]
    )


def table(q_len, mem_len, nearest=0, farthest=-1, behind=None):
    """Cell by cell: what stands from `nearest` to mem_len + `farthest` before each query."""
    behind = mem_len if behind is None else behind
    return torch.tensor(
        [
            [nearest <= q + behind - k <= mem_len + farthest for k in range(mem_len + q_len)]
            for q in range(q_len)
        ]
    )


def counted(length, d_model, seen=0.5, positions=1, again=1):
    """Multiplications by what they are for."""
    maps, each = 12 * d_model * d_model, length * d_model
    window = maps + seen * 2 * each
    return (length if again else 1) * window / (maps + 2 * each + positions * each)


def interleaved(ids, batch_size, seg_len):
    return torch.stack([cut(ids[b::batch_size], 1, seg_len)[:, 0] for b in range(batch_size)], 1)


ANSWERS = [
    (1, cut, None),
    (1, lambda x, b, s: cut(x, b, s, lambda n, row: (n * b + row) * s), "another row's"),
    (1, interleaved, "every batch_size-th token"),
    (1, lambda x, b, s: cut(x, b, s).movedim(0, 1), "segments come first"),
    (2, at_each_place, None),
    (2, lambda a, b, s: at_each_place(b, a, s), "the sign is turned"),
    (2, lambda a, b, s: at_each_place(a, b, s, count=1), "those are sums"),
    (2, lambda a, b, s: torch.stack([x.mean() for x in (a - b).split(s)]), "for each segment"),
    (2, lambda a, b, s: at_each_place(b, b * 0, s), "what the places cost with"),
    (3, table, None),
    (3, lambda q, m: table(q, m, farthest=99), "a late query sees more"),
    (3, lambda q, m: table(q, m, farthest=0), "one too many"),
    (3, lambda q, m: table(q, m, nearest=1, farthest=0), "no query sees itself"),
    (3, lambda q, m: table(q, m, nearest=-99), "the future is open"),
    (3, lambda q, m: table(q, m, behind=0), "counted from the first key"),
    (4, counted, None),
    (4, lambda n, d: 1 / counted(n, d), "upside down"),
    (4, lambda n, d: counted(n, d, seen=1), "half of it on average"),
    (4, lambda n, d: counted(n, d, positions=0), "scores of positions are left out"),
    (4, lambda n, d: counted(n, d, again=0), "one token of the window"),
]


@pytest.mark.parametrize(("number", "answer", "said"), ANSWERS)
def test_an_answer_is_known_however_it_is_written(number, answer, said):
    assert_told(check(number, answer), said)


@pytest.mark.parametrize(
    ("number", "answer", "said"),
    [
        (1, lambda x, b, s: cut(x, b, s).flip(0), "Row b must go on"),
        (1, lambda x, b, s: cut(x, b, s) * 0, "Every token must be read once"),
        (2, lambda a, b, s: at_each_place(a, b, s) + 1, "Where both cost the same"),
        (2, lambda a, b, s: at_each_place(a, b, s).flip(0), "must stand first"),
        (3, lambda q, m: table(q, m, farthest=-2), "must see mem_len"),
        (4, lambda n, d: counted(n, d) + 1000, "For a very wide model"),
    ],
)
def test_an_unknown_mistake_is_told_a_property(number, answer, said):
    assert said in check(number, answer)
