"""Boxes: equal to loops over numbers, with a gradient where they do not touch, inverted refused."""

import math

import pytest
import torch
from oracles import EXACT
from torch.testing import assert_close

from transformer_lib.measure.boxes import (
    area,
    check_boxes,
    generalized_iou,
    iou,
    to_centres,
    to_corners,
)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def some_boxes(*shape, spread=1.0):
    first = spread * torch.rand(*shape, 2, dtype=torch.float64)
    return torch.cat([first, first + 0.5 * torch.rand(*shape, 2, dtype=torch.float64)], dim=-1)


def loop_iou(a, b):
    """IoU and GIoU of two boxes, number by number."""
    (l1, t1, r1, b1), (l2, t2, r2, b2) = map(float, a), map(float, b)
    width, height = min(r1, r2) - max(l1, l2), min(b1, b2) - max(t1, t2)
    overlap = width * height if width > 0 and height > 0 else 0.0
    union = (r1 - l1) * (b1 - t1) + (r2 - l2) * (b2 - t2) - overlap
    around = (max(r1, r2) - min(l1, l2)) * (max(b1, b2) - min(t1, t2))
    return overlap / union, overlap / union - (around - union) / around


@pytest.mark.parametrize(("function", "which"), [(iou, 0), (generalized_iou, 1)])
def test_every_pair_is_what_a_loop_over_numbers_finds(function, which):
    a, b = some_boxes(12), some_boxes(9, spread=2.0)
    expected = torch.tensor([[loop_iou(x, y)[which] for y in b] for x in a], dtype=torch.float64)
    assert (expected == 0).any() == (which == 0)  # some do not touch
    assert_close(function(a, b), expected, **EXACT)
    assert_close(function(b, a), expected.T, **EXACT)
    assert_close(function(a.expand(3, -1, -1), b), expected.expand(3, -1, -1), **EXACT)


def test_by_hand():
    a = torch.tensor([[0.0, 0.0, 2.0, 2.0]])
    b = torch.tensor([[1.0, 1.0, 3.0, 3.0], [0.0, 0.0, 2.0, 2.0], [2.0, 0.0, 4.0, 2.0]])
    assert_close(iou(a, b), torch.tensor([[1 / 7, 1.0, 0.0]]))
    assert_close(generalized_iou(a, b), torch.tensor([[1 / 7 - 2 / 9, 1.0, 0.0]]))
    assert_close(area(b), torch.tensor([4.0, 4.0, 4.0]))


def test_only_the_generalized_one_has_a_gradient_where_boxes_do_not_touch():
    a, b = torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.tensor([[3.0, 0.0, 4.0, 1.0]])
    for function, moves in ((iou, False), (generalized_iou, True)):
        shift = torch.zeros(1, requires_grad=True)
        function(a + shift * torch.tensor([1.0, 0.0, 1.0, 0.0]), b).sum().backward()
        assert (shift.grad.item() > 0) == moves


@pytest.mark.parametrize("function", [iou, generalized_iou])
def test_neither_scale_nor_place_matters(function):
    a, b = some_boxes(5), some_boxes(4)
    assert_close(function(56 * a + 7, 56 * b + 7), function(a, b), **EXACT)


@pytest.mark.parametrize("function", [iou, generalized_iou])
def test_boxes_without_area_give_numbers_and_finite_gradients(function):
    a = torch.tensor([[1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 2.0, 2.0]], requires_grad=True)
    out = function(a, a.detach())
    assert_close(out.diagonal(), torch.tensor([0.0, 1.0]))
    out.sum().backward()
    assert a.grad.isfinite().all()


def test_corners_and_centres_are_two_ways_to_say_it():
    boxes = some_boxes(2, 3)
    centres = to_centres(boxes)
    assert_close(to_corners(centres), boxes, **EXACT)
    assert_close(centres[..., 2:].prod(dim=-1), area(boxes), **EXACT)
    assert_close(to_centres(torch.tensor([1.0, 2.0, 3.0, 6.0])), torch.tensor([2.0, 4.0, 2.0, 4.0]))


@pytest.mark.parametrize("function", [area, to_centres, lambda b: iou(b, b), lambda b: iou(b, -b)])
@pytest.mark.parametrize(
    "box", [(0.5, 0.5, 0.2, 0.6), (0.5, 0.5, 0.6, 0.2), (0, 0, math.nan, 1), (0, 0, math.inf, 1)]
)
def test_inverted_boxes_are_refused(function, box):
    with pytest.raises(ValueError, match=r"must be \(left, top, right, bottom\) with .*, got \["):
        function(torch.tensor([box]))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: iou(torch.ones(2, 3), torch.ones(2, 4)), r"a must be boxes \(…, 4\), got \(2, 3"),
        (lambda: iou(torch.ones(2, 4), torch.ones(4)), r"b must be boxes \(…, count, 4\), got"),
        (lambda: iou(torch.ones(2, 2, 4), torch.ones(3, 2, 4)), "b must broadcast to a"),
        (lambda: iou([1], torch.ones(2, 4)), "a must be a tensor, got list"),
        (lambda: area(torch.ones(2, 4).long()), "boxes must be of floating point"),
        (lambda: to_corners(torch.ones(2, 5)), r"boxes must be boxes \(…, 4\), got \(2, 5\)"),
        (lambda: check_boxes("boxes", torch.ones(2, 4), 3), r"boxes must be \(3, 4\), got \(2, 4"),
    ],
)
def test_what_is_no_box_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
