"""Lines between two sentences."""

import pytest
import torch

from transformer_lib.show.alignment import LEAST, alignment


def test_a_line_for_each_look_that_counts():
    weights = torch.tensor([[0.9, LEAST / 2, 0.1], [0.0, 1.0, 0.0]])
    drawing = alignment(["das", "alte", "<Haus>"], ["the", "old"], weights)
    svg = drawing.svg()
    assert svg.count('class="line"') == 3
    assert [svg.count(f"<title>{w}</title>") for w in ("0.90", "0.10", "1.00")] == [1, 1, 1]
    assert "M140 68L220 16" in svg  # from the third word read to the first one written
    assert "Most of all, the at das; old at alte." in svg
    assert "&lt;Haus&gt;" in svg
    assert drawing.height > 16 + 2 * 26


def test_weights_must_fit():
    with pytest.raises(ValueError, match=r"\(written, read\) = \(1, 2\), got \(2, 1\)"):
        alignment(["a", "b"], ["c"], torch.ones(2, 1))
