"""The loss of a set of guesses: each object goes to one guess, at the least cost; then they learn.

Nothing says which query shall find which object, and their order means nothing on either side.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from transformer_lib import checks
from transformer_lib.measure.average_precision import Objects, check_objects
from transformer_lib.measure.boxes import generalized_iou, to_centres, to_corners
from transformer_lib.measure.focal import focal_loss

L1_WEIGHT, GIOU_WEIGHT = 5.0, 2.0  # beside 1 for the class, in the cost and in the loss
FOCAL_WEIGHT = 2.0  # of a class that is asked by itself: its loss is small beside cross-entropy


class SetLoss(NamedTuple):
    """The parts of the loss, each summed over the layers, before they are weighed."""

    classes: Tensor  # cross-entropy, a weighted mean over the queries; or 2 · focal / objects
    distance: Tensor  # L1 of (centre x, centre y, width, height), a mean over the objects
    overlap: Tensor  # 1 - GIoU, a mean over the objects

    @property
    def total(self) -> Tensor:
        """What is to be made small: classes + 5 · distance + 2 · overlap."""
        return self.classes + L1_WEIGHT * self.distance + GIOU_WEIGHT * self.overlap


def match(cost: Tensor) -> tuple[Tensor, Tensor]:
    """Pair rows with columns, each with one other at most, so that the sum of costs is least.

    Args:
        cost: (rows, columns).

    Returns:
        The rows in ascending order, and the column of each: as many as the shorter side has.

    Raises:
        ValueError: if `cost` is not a matrix of finite numbers.

    Source: Kuhn 1955, "The Hungarian method"; as scipy's `linear_sum_assignment` finds it.
    """
    from scipy.optimize import linear_sum_assignment  # slow to import, and only needed here

    checks.floating("cost", cost, dims=2)
    if not cost.isfinite().all():
        raise ValueError("cost must be finite, got NaN or infinity in it")
    pairs = linear_sum_assignment(cost.detach().double().cpu().numpy())
    rows, columns = (torch.from_numpy(side).long() for side in pairs)
    return rows, columns


@torch.no_grad()
def match_cost(
    logits: Tensor, boxes: Tensor, objects: Objects, *, no_object: bool = True
) -> Tensor:
    """What it costs to give an object to a guess.

        cost = -p(class) + 5 · |box - object|_1 - 2 · GIoU(box, object)

    The probability itself, not its logarithm: so it is of a size with the other two. Without the
    class "no object" the first term is what the focal loss asks more for "yes" than for "no",
    twice.

    Args:
        logits: (…, num_queries, num_classes + 1), "no object" last; or without it.
        boxes: (…, num_queries, 4) as (centre x, centre y, width, height).
        objects: labels (m,), and boxes (m, 4) as (left, top, right, bottom).
        no_object: whether the logits have that class.

    Returns:
        (…, num_queries, m), without gradient.

    Raises:
        ValueError: if guesses or objects are not such, or a label is in no class.

    Source: Carion et al. 2020, §3.1, equation 1, and appendix A.2; without "no object": Zhu et al.
    2021, "Deformable DETR".
    """
    checks.flag(no_object=no_object)
    _check_guesses(logits, boxes, no_object)
    check_objects("objects", objects, logits.size(-1) - no_object)
    labels, true_boxes = objects
    true_boxes = true_boxes.to(boxes)
    named = _cost_of_naming(logits, no_object)[..., labels]  # (…, num_queries, m)
    distance = (boxes[..., None, :] - to_centres(true_boxes)).abs().sum(dim=-1)
    overlap = generalized_iou(to_corners(boxes), true_boxes)
    return named + L1_WEIGHT * distance - GIOU_WEIGHT * overlap


def _cost_of_naming(logits: Tensor, no_object: bool) -> Tensor:
    if no_object:
        return -logits.softmax(dim=-1)
    yes = torch.ones_like(logits, dtype=torch.bool)
    return FOCAL_WEIGHT * (focal_loss(logits, yes) - focal_loss(logits, ~yes))


def set_loss(
    guesses: Sequence[tuple[Tensor, Tensor]],
    objects: Sequence[Objects],
    *,
    no_object: float | None = 0.1,
) -> SetLoss:
    """Match every layer's guesses with the objects, picture by picture, and compare the pairs.

    A guess that got no object shall say "no object", or "no" to every class; its box is of no
    matter.

    Args:
        guesses: of every layer logits (batch, num_queries, num_classes + 1), "no object" last, or
            without it; and boxes (batch, num_queries, 4) as (centre x, centre y, width, height).
        objects: of every picture labels (m,), and boxes (m, 4) as (left, top, right, bottom).
        no_object: weight of the class "no object", which is right for most of the queries; None
            where the logits have no such class: each class is then asked by itself, yes or no, and
            judged by the focal loss.

    Returns:
        The three parts, each summed over the layers.

    Raises:
        ValueError: if there is no layer, guesses and objects are not as many pictures, one has
            more objects than there are queries, or guesses or objects are not such.

    Source: Carion et al. 2020, §3.1, equation 2; the layers: §3.2, "Auxiliary decoding losses";
    the focal loss: Zhu et al. 2021, "Deformable DETR".
    """
    if no_object is not None:
        checks.positive(no_object=no_object)
    _check(guesses, objects, no_object is not None)
    layers = [_layer_loss(logits, boxes, objects, no_object) for logits, boxes in guesses]
    return SetLoss(*(torch.stack(parts).sum() for parts in zip(*layers, strict=True)))


def _layer_loss(
    logits: Tensor, boxes: Tensor, objects: Sequence[Objects], no_object: float | None
) -> SetLoss:
    numbers = [len(labels) for labels, _ in objects]
    labels, true_boxes = (torch.cat(parts) for parts in zip(*objects, strict=True))
    labels, true_boxes = labels.to(logits.device), true_boxes.to(boxes)
    # All guesses with all objects at once; then to each picture its own.
    cost = match_cost(logits, boxes, (labels, true_boxes), no_object=no_object is not None)
    costs = cost.cpu().split(numbers, dim=-1)
    pairs = [match(cost[n]) for n, cost in enumerate(costs)]
    picture = torch.arange(len(objects)).repeat_interleave(torch.tensor(numbers))
    query = torch.cat([rows for rows, _ in pairs])
    before = torch.tensor([0, *numbers]).cumsum(dim=0)[picture]
    which = torch.cat([columns for _, columns in pairs]) + before  # among all objects

    classes = _class_loss(logits, (picture, query), labels[which].long(), no_object)
    found, true, total = boxes[picture, query], true_boxes[which], max(len(which), 1)
    distance = (found - to_centres(true)).abs().sum() / total
    # Each pair in a row of its own: (objects, 1, 4) and (objects, 1, 4).
    overlap = generalized_iou(to_corners(found)[:, None], true[:, None])
    return SetLoss(classes, distance, (1 - overlap).sum() / total)


def _class_loss(
    logits: Tensor, of_pairs: tuple[Tensor, Tensor], labels: Tensor, no_object: float | None
) -> Tensor:
    """The loss of the classes, where the guesses `of_pairs` (picture, query) got these labels."""
    if no_object is None:
        yes = torch.zeros_like(logits, dtype=torch.bool)
        yes[(*of_pairs, labels)] = True
        return FOCAL_WEIGHT * focal_loss(logits, yes).sum() / max(len(labels), 1)
    nothing = logits.size(-1) - 1
    wanted = torch.full(logits.shape[:2], nothing, device=logits.device)  # (batch, num_queries)
    wanted[of_pairs] = labels
    weights = logits.new_ones(nothing + 1)
    weights[nothing] = no_object
    return F.cross_entropy(logits.flatten(0, 1), wanted.flatten(), weight=weights)


def _check(
    guesses: Sequence[tuple[Tensor, Tensor]], objects: Sequence[Objects], no_object: bool
) -> None:
    for name, value in (("guesses", guesses), ("objects", objects)):
        if not isinstance(value, Sequence) or isinstance(value, str) or not value:
            raise ValueError(f"{name} must be a list of at least one entry, got {value!r}")
    for n, layer in enumerate(guesses):
        if not isinstance(layer, tuple | list) or len(layer) != 2:
            raise ValueError(f"guesses[{n}] must be logits and boxes, got {layer!r}")
        logits, boxes = layer
        _check_guesses(logits, boxes, no_object)
        if logits.dim() != 3:
            raise ValueError(f"guesses[{n}] must be of a batch, got {tuple(logits.shape)}")
        if len(logits) != len(objects):
            raise ValueError(
                f"objects must be of {len(logits)} pictures, as guesses are, got {len(objects)}"
            )
    queries, classes = guesses[0][0].shape[1:]
    for n, there in enumerate(objects):
        check_objects(f"objects[{n}]", there, classes - no_object)
        if len(there[0]) > queries:
            raise ValueError(
                f"objects[{n}] must be at most as many as queries, {queries}, got {len(there[0])}"
            )


def _check_guesses(logits: Tensor, boxes: Tensor, no_object: bool) -> None:
    checks.floating("logits", logits)
    checks.floating("boxes", boxes)
    few = logits.dim() < 2 or logits.size(-1) < 1 + no_object
    if few or boxes.shape != (*logits.shape[:-1], 4):
        raise ValueError(
            f"logits and boxes must be (…, num_queries, num_classes{' + 1' * no_object}) and "
            f"(…, num_queries, 4), got {tuple(logits.shape)} and {tuple(boxes.shape)}"
        )
    if not (logits.isfinite().all() and boxes.isfinite().all()):
        raise ValueError("logits and boxes must be finite, got NaN or infinity in them")
