"""Average precision: how well a detector finds, ranks and places, in one number a class.

    precision = hits / detections so far,  recall = hits so far / objects

Detections are gone through from the surest to the least sure. A detection hits the object of its
class in its picture that it covers best, if their IoU reaches the threshold and no surer detection
has hit that object: a second hit on one object is a false positive.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from transformer_lib import checks
from transformer_lib.measure.boxes import check_boxes, iou

THRESHOLDS = tuple(np.linspace(0.5, 0.95, 10).tolist())
"""The IoUs at which COCO counts a hit: 0.50, 0.55, …, 0.95."""

RECALLS = np.linspace(0.0, 1.0, 101)
"""The recalls at which COCO reads the precision: 0.00, 0.01, …, 1.00."""

MAX_DETECTIONS = 100
"""Of one class in one picture, the surest that COCO looks at."""

Detections = tuple[Tensor, Tensor, Tensor]  # of a picture: scores (n,), labels (n,), boxes (n, 4)
Objects = tuple[Tensor, Tensor]  # of a picture: labels (m,), boxes (m, 4)


@dataclass(frozen=True)
class AveragePrecision:
    """Average precision of each class at each threshold, and its means; all are in 0 … 1.

    Attributes:
        table: (len(THRESHOLDS), num_classes) in float64; NaN for a class of which there is no
            object.
    """

    table: Tensor

    @property
    def ap(self) -> float:
        """Mean over the classes that there are, and over all thresholds."""
        return float(self.table.nanmean())

    @property
    def ap50(self) -> float:
        """Mean over the classes at an IoU of 0.50."""
        return float(self.table[0].nanmean())

    @property
    def ap75(self) -> float:
        """Mean over the classes at an IoU of 0.75."""
        return float(self.table[5].nanmean())

    def __str__(self) -> str:
        return f"AP {self.ap:.3f}, AP50 {self.ap50:.3f}, AP75 {self.ap75:.3f}"


def average_precision(
    detections: Sequence[Detections], objects: Sequence[Objects], num_classes: int
) -> AveragePrecision:
    """Compare what was detected with what is there, as COCO does.

    The precision at a recall is the best at that recall or a higher one, and 0 where it is never
    reached; its mean over `RECALLS` is the average precision.

    Args:
        detections: for each picture scores (n,), labels (n,) and boxes (n, 4), these as (left,
            top, right, bottom).
        objects: for each picture labels (m,) and boxes (m, 4).
        num_classes: labels are 0 … num_classes - 1.

    Returns:
        One number for each threshold and class, and their means.

    Raises:
        ValueError: if there are not as many pictures on both sides, at least one, labels are in no
            class, scores are not finite, or boxes are not boxes, inverted ones included.

    Source: Lin et al. 2014, "Microsoft COCO", as released in `pycocotools`.
    """
    checks.at_least(1, num_classes=num_classes)
    _check(detections, objects, num_classes)
    table = np.full((len(THRESHOLDS), num_classes), np.nan)
    for label in range(num_classes):
        total = sum(int((labels == label).sum()) for labels, _ in objects)
        if total:
            table[:, label] = _of_class(label, total, detections, objects)
    return AveragePrecision(torch.from_numpy(table))


def _of_class(
    label: int, total: int, detections: Sequence[Detections], objects: Sequence[Objects]
) -> np.ndarray:
    """Average precision of one class at each threshold."""
    all_scores, all_hits = [], []
    for (scores, labels, boxes), (true_labels, true_boxes) in zip(detections, objects, strict=True):
        mine = (labels == label).nonzero()[:, 0]
        mine = mine[scores[mine].argsort(descending=True, stable=True)[:MAX_DETECTIONS]]
        overlaps = iou(boxes[mine].double(), true_boxes[true_labels == label].double())
        all_scores.append(scores[mine].double().numpy())
        all_hits.append(_hits(overlaps.numpy()))
    order = np.argsort(-np.concatenate(all_scores), kind="stable")
    hits = np.concatenate(all_hits, axis=1)[:, order]  # (thresholds, detections)
    found = hits.cumsum(axis=1)
    recall = found / total
    precision = found / np.arange(1, hits.shape[1] + 1)
    return np.array([_area_under(r, p) for r, p in zip(recall, precision, strict=True)])


def _hits(overlaps: np.ndarray) -> np.ndarray:
    """Which detections hit, at each threshold: (detections, objects) → (thresholds, detections)."""
    detections, objects = overlaps.shape
    hits = np.zeros((len(THRESHOLDS), detections), dtype=bool)
    if not objects:
        return hits
    free = np.ones((len(THRESHOLDS), objects), dtype=bool)
    rows, thresholds = np.arange(len(THRESHOLDS)), np.array(THRESHOLDS)
    for n in range(detections):  # the surest first
        left = np.where(free, overlaps[n], -1.0)
        best = objects - 1 - left[:, ::-1].argmax(axis=1)  # the last among equals, as COCO's loop
        hits[:, n] = left[rows, best] >= thresholds
        free[rows[hits[:, n]], best[hits[:, n]]] = False
    return hits


def _area_under(recall: np.ndarray, precision: np.ndarray) -> float:
    best_from_here = np.maximum.accumulate(precision[::-1])[::-1]
    at = np.searchsorted(recall, RECALLS, side="left")
    return float(np.append(best_from_here, 0.0)[at].mean())


def _check(detections: Sequence[Detections], objects: Sequence[Objects], num_classes: int) -> None:
    for name, value in (("detections", detections), ("objects", objects)):
        if not isinstance(value, Sequence) or isinstance(value, str):
            raise ValueError(f"{name} must be a list with an entry a picture, got {value!r}")
    if len(detections) != len(objects) or not objects:
        raise ValueError(
            f"detections must be as many as objects, of at least one picture, "
            f"got {len(detections)} and {len(objects)}"
        )
    for n, detected in enumerate(detections):
        name = f"detections[{n}]"
        if not isinstance(detected, tuple | list) or len(detected) != 3:
            raise ValueError(f"{name} must be scores, labels and boxes, got {detected!r}")
        scores, labels, boxes = detected
        check_objects(name, (labels, boxes), num_classes)
        checks.floating(f"{name} scores", scores, dims=1)
        if len(scores) != len(labels) or not scores.isfinite().all():
            raise ValueError(f"{name} scores must be {len(labels)} finite numbers, got {scores}")
    for n, there in enumerate(objects):
        check_objects(f"objects[{n}]", there, num_classes)


def check_objects(name: str, objects: Objects, num_classes: int) -> None:
    """Refuse what is not the objects of one picture: labels (m,) and boxes (m, 4), by corners.

    Raises:
        ValueError: naming them, and what is wrong.
    """
    if not isinstance(objects, tuple | list) or len(objects) != 2:
        raise ValueError(f"{name} must be labels and boxes, got {objects!r}")
    labels, boxes = objects
    checks.row(f"{name} labels", labels)
    if len(labels) and int(labels.max()) >= num_classes:
        raise ValueError(
            f"{name} labels must be in 0 … num_classes - 1 = {num_classes - 1}, "
            f"got {int(labels.max())}"
        )
    check_boxes(f"{name} boxes", boxes, len(labels))
