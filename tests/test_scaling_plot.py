"""A plot of losses over size: points stand where their numbers say."""

import re

import pytest

from transformer_lib.show.scaling_plot import FLOOR, LEFT, RIGHT, TOP, scaling_plot


def rectangles(canvas, kind):
    found = re.findall(
        r'<rect x="(\S+)" y="(\S+)" width="(\S+)" height="\S+" rx="5" class="weights (\w+)"',
        canvas.svg(),
    )
    return [tuple(map(float, (x, y, side))) for x, y, side, own in found if own == kind]


def test_points_stand_where_their_numbers_say():
    canvas = scaling_plot([10, 100], [3.0, 2.0], 1000, guess=1.5)
    (x1, y1, side), (x2, y2, _) = rectangles(canvas, "query")
    ((x3, y3, size),) = rectangles(canvas, "key")
    x3, y3 = x3 + (size - side) / 2, y3 + (size - side) / 2  # middles
    assert LEFT < x1 + 3 < x2 < x3 < RIGHT
    assert TOP - 3 <= y1 < y2 < y3 < FLOOR
    assert x3 - x2 == pytest.approx(x2 - x1, abs=0.01)  # a factor of ten is one distance
    assert y2 - y1 == pytest.approx(2 * (y3 - y2), abs=0.01)
    assert "measured" not in canvas.svg()


def test_what_is_no_size_or_loss():
    with pytest.raises(ValueError, match="guess must be positive and finite, got nan"):
        scaling_plot([10, 100], [3.0, 2.0], 1000, guess=float("nan"))


def test_the_truth_stands_beside_the_guess():
    options = {"law": lambda size: 1 + 20 / size, "interval": (1.2, 1.6), "truth": 1.4}
    canvas = scaling_plot([10, 100], [3.0, 2.0], 1000, guess=1.5, **options)
    ((_, guess, size),) = rectangles(canvas, "key")
    ((_, truth, side),) = rectangles(canvas, "value")
    assert truth + side / 2 > guess + size / 2  # lower
    assert "measured 1.40" in canvas.svg()
    assert "off by 0.10" in canvas.svg()
