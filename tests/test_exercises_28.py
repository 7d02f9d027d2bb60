"""The exercises of chapter 28: what readers may also write."""

import torch

from transformer_lib.exercises.chapter_28 import check


def test_the_same_row_written_otherwise():
    def first(rows):
        rows = [tuple(row) for row in rows.tolist()]
        return torch.tensor([rows.index(row) for row in rows])

    assert "Not yet" not in repr(check(1, first))
