"""Boxes: how much two of them have in common, and how far apart they are where that is nothing.

A box is its corners (left, top, right, bottom), as fractions of the picture or in pixels; y grows
downward. Where it is meant as (centre x, centre y, width, height), as models say it, the function
says so.
"""

import torch
from torch import Tensor

from transformer_lib import checks


def check_boxes(name: str, boxes: Tensor, count: int | None = None) -> None:
    """Refuse what is not boxes by their corners: most often they are given by their centres.

    Args:
        name: what to call them in the message.
        boxes: should be (count, 4), or (…, 4) where `count` is None.
        count: how many they are.

    Raises:
        ValueError: if they are not, or one is not finite, or its right is left of its left, or its
            bottom above its top.
    """
    _check_fours(name, boxes)
    if count is not None and boxes.shape != (count, 4):
        raise ValueError(f"{name} must be ({count}, 4), got {tuple(boxes.shape)}")
    wrong = ~(boxes[..., 2:] >= boxes[..., :2]).all(dim=-1) | ~boxes.isfinite().all(dim=-1)
    if wrong.any():
        raise ValueError(
            f"{name} must be (left, top, right, bottom) with left <= right and top <= bottom, "
            f"got {boxes[wrong][0].tolist()}"
        )


def to_corners(boxes: Tensor) -> Tensor:
    """(centre x, centre y, width, height) → (left, top, right, bottom), each (…, 4).

    Raises:
        ValueError: if `boxes` are not (…, 4) of floating point.
    """
    _check_fours("boxes", boxes)
    centre, size = boxes.split(2, dim=-1)
    return torch.cat([centre - size / 2, centre + size / 2], dim=-1)


def to_centres(boxes: Tensor) -> Tensor:
    """(left, top, right, bottom) → (centre x, centre y, width, height), each (…, 4).

    Raises:
        ValueError: if `boxes` are not such boxes, see `check_boxes`.
    """
    check_boxes("boxes", boxes)
    first, last = boxes.split(2, dim=-1)
    return torch.cat([(first + last) / 2, last - first], dim=-1)


def area(boxes: Tensor) -> Tensor:
    """Width times height: (…, 4) → (…).

    Raises:
        ValueError: if `boxes` are not such boxes, see `check_boxes`.
    """
    check_boxes("boxes", boxes)
    return _area(boxes)


def iou(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union of every box of `a` with every box of `b`.

        IoU = |A ∩ B| / |A ∪ B|

    It is 0 for all boxes that do not touch, however far apart: there it has no gradient. Of two
    boxes without area it is 0 too.

    Args:
        a: (…, n, 4).
        b: (…, m, 4), with the same or broadcastable axes in front.

    Returns:
        (…, n, m), in 0 … 1.

    Raises:
        ValueError: if one of them is not such boxes, see `check_boxes`.
    """
    a, b = _pairs(a, b)
    overlap, union = _overlap_and_union(a, b)
    return _ratio(overlap, union)


def generalized_iou(a: Tensor, b: Tensor) -> Tensor:
    """IoU less the share of the smallest box around both that neither of them fills.

        GIoU = IoU - (|C| - |A ∪ B|) / |C|

    Where the boxes do not touch it grows as they come nearer.

    Args: as `iou`.

    Returns:
        (…, n, m), above -1 and at most 1; never above the IoU.

    Raises:
        ValueError: as `iou`.

    Source: Rezatofighi et al. 2019, "Generalized Intersection over Union", algorithm 1.
    """
    a, b = _pairs(a, b)
    overlap, union = _overlap_and_union(a, b)
    first = torch.minimum(a[..., :2], b[..., :2])
    last = torch.maximum(a[..., 2:], b[..., 2:])
    around = (last - first).prod(dim=-1)
    return _ratio(overlap, union) - _ratio(around - union, around)


def _pairs(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """(…, n, 1, 4) and (…, 1, m, 4): every box beside every other."""
    for name, boxes in (("a", a), ("b", b)):
        check_boxes(name, boxes)
        if boxes.dim() < 2:
            raise ValueError(f"{name} must be boxes (…, count, 4), got {tuple(boxes.shape)}")
    try:
        torch.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    except RuntimeError:
        raise ValueError(
            f"b must broadcast to a before its last two axes, {tuple(a.shape)}, "
            f"got {tuple(b.shape)}"
        ) from None
    return a[..., :, None, :], b[..., None, :, :]


def _overlap_and_union(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    first = torch.maximum(a[..., :2], b[..., :2])
    last = torch.minimum(a[..., 2:], b[..., 2:])
    overlap = (last - first).clamp(min=0).prod(dim=-1)
    return overlap, _area(a) + _area(b) - overlap


def _area(boxes: Tensor) -> Tensor:
    return (boxes[..., 2:] - boxes[..., :2]).prod(dim=-1)


def _ratio(part: Tensor, whole: Tensor) -> Tensor:
    """The quotient; of nothing, nothing. The gradient is finite there too."""
    empty = whole <= 0
    return torch.where(empty, 0.0, part / whole.masked_fill(empty, 1.0))


def _check_fours(name: str, boxes: Tensor) -> None:
    checks.floating(name, boxes)
    if boxes.size(-1) != 4:
        raise ValueError(f"{name} must be boxes (…, 4), got {tuple(boxes.shape)}")
