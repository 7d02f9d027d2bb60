"""Boxes on a picture: where they are said to be, with their names."""

import matplotlib.pyplot as plt
import pytest
import torch

from transformer_lib.show.boxes import boxes_on
from transformer_lib.show.plots import COLORS

IMAGE = torch.zeros(40, 20)
BOXES = torch.tensor([[0.25, 0.5, 0.75, 1.0], [0.0, 0.0, 1.0, 0.1]])


@pytest.fixture
def ax():
    figure, ax = plt.subplots()
    yield ax
    plt.close(figure)


def test_boxes_stand_in_pixels_with_their_names_above(ax):
    boxes_on(ax, IMAGE, BOXES, ["a", 7], color="blue", title="two")
    first, second = ax.patches
    assert first.get_bbox().extents.tolist() == [5.0, 20.0, 15.0, 40.0]
    assert second.get_bbox().extents.tolist() == [0.0, 0.0, 20.0, pytest.approx(4.0)]
    assert [text.get_text() for text in ax.texts] == ["a", "7"]
    assert ax.texts[0].get_position() == (5.0, pytest.approx(19.3))
    assert first.get_edgecolor()[:3] == pytest.approx(plt.matplotlib.colors.to_rgb(COLORS["blue"]))
    assert ax.get_ylim() == (40, 0)  # y grows downward
    assert ax.get_title("center") == "two"


def test_a_second_call_adds_boxes_to_the_picture(ax):
    boxes_on(ax, IMAGE, BOXES)
    boxes_on(ax, IMAGE, BOXES[:1], faint=True)
    assert len(ax.images) == 1
    assert [p.get_linewidth() for p in ax.patches] == [1.6, 1.6, 0.7]
    boxes_on(ax, IMAGE, BOXES[:0])
    assert len(ax.patches) == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ax": None}, "ax must be matplotlib's Axes, got None"),
        ({"image": IMAGE[None]}, "image must be of floating point, with 2 axes"),
        ({"boxes": BOXES[:, [2, 1, 0, 3]]}, r"boxes must be \(left, top, right, bottom\)"),
        ({"boxes": BOXES[0]}, r"boxes must be \(4, 4\), got \(4,\)"),
        ({"names": ["one"]}, "names must be one for each of 2 boxes, got 1"),
        ({"color": "pink"}, "color must be one of .* got 'pink'"),
        ({"faint": 1}, "faint must be True or False"),
    ],
)
def test_what_cannot_be_drawn_is_refused(ax, change, message):
    given = {"ax": ax, "image": IMAGE, "boxes": BOXES} | change
    with pytest.raises(ValueError, match=message):
        boxes_on(**given)
