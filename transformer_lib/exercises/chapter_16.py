"""The exercises of chapter 16: patches put back, IoU over a set, and classes of unequal weight.

from transformer_lib.exercises.chapter_16 import check

check(2, mine)
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from transformer_lib.exercises.marking import Exercise, Mark, mark
from transformer_lib.layers.patches import unpatchify
from transformer_lib.measure.mean_iou import ClassIoU


def check(number: int, mine) -> Mark:
    """Mark an answer.

    Args:
        number: of the exercise: 1, `put_back(patches, size)`, a square picture (side, side) from
            its patches (patches, size²), row by row; 2, `iou(said, true)`, the IoU of each of
            three classes, (3,), summed over the pictures (count, pixels), NaN for a class that is
            neither said nor true; 3, `loss(logits, classes, weight)`, the mean cross-entropy of
            pixels (pixels, 3), as (1,), where a pixel counts as much as the weight of its class.
        mine: the function.

    Raises:
        ValueError: if there is no such exercise, or `mine` is not a function.
    """
    return mark(EXERCISES, number, mine)


# --- patches put back ------------------------------------------------------------------------


def _put_back(patches: Tensor, size: int) -> Tensor:
    grid = round(len(patches) ** 0.5)
    return unpatchify(patches[None], size, grid)[0, 0]


def _draw_patches(grid: int | None = None) -> tuple[Tensor, int]:
    size = int(torch.randint(2, 5, ()))
    grid = int(torch.randint(2, 5, ())) if grid is None else grid
    return torch.randn(grid**2, size**2, dtype=torch.float64), size


def _small_patches() -> tuple[Tensor, int]:
    return torch.randperm(16).view(4, 4).double(), 2


def _stripes(patches: Tensor, size: int) -> Tensor:
    side = round(patches.numel() ** 0.5)
    return patches.reshape(side, side)


def _columns_first(patches: Tensor, size: int) -> Tensor:
    grid = round(len(patches) ** 0.5)
    turned = patches.unflatten(0, (grid, grid)).transpose(0, 1).flatten(0, 1)
    return _put_back(turned, size)


def _pixels_turned(patches: Tensor, size: int) -> Tensor:
    return _put_back(patches.unflatten(1, (size, size)).transpose(1, 2).flatten(1), size)


def _own_place(function, given: tuple) -> bool:
    """A number in the first patch must land in the upper left corner."""
    patches, size = given
    marked = torch.zeros_like(patches)
    marked[0] = 1.0
    return bool(function(marked, size)[:size, :size].min() == 1.0)


# --- IoU -------------------------------------------------------------------------------------


def _iou(said: Tensor, true: Tensor) -> Tensor:
    scores = ClassIoU(3)
    scores.add(said, true)
    return scores.per_class()


def _draw_classes() -> tuple[Tensor, Tensor]:
    count, pixels = int(torch.randint(2, 5, ())), int(torch.randint(6, 12, ()))
    most = 3 if torch.rand(()) < 0.7 else 2  # sometimes the last class is nowhere
    said, true = torch.randint(most, (2, count, pixels))
    true[0] = 0  # a picture of nothing but background
    return said, true


def _shares(said: Tensor, true: Tensor, over) -> Tensor:
    return torch.stack([over(said == k, true == k) for k in range(3)]).double()


def _ratio(a: Tensor, b: Tensor) -> Tensor:
    return a.double() / b.double()


def _of_pictures(absent: float):
    """The mean over pictures, in which a class that one does not show counts as `absent`."""

    def wrong(said: Tensor, true: Tensor) -> Tensor:
        each = torch.stack([_iou(a, b) for a, b in zip(said, true, strict=True)])
        return each.nanmean(dim=0) if absent != absent else each.nan_to_num(absent).mean(dim=0)

    return wrong


def _order_of_pictures(function, given: tuple) -> bool:
    said, true = given
    joined = function(said.reshape(1, -1), true.reshape(1, -1))
    return torch.allclose(joined, function(said, true), atol=1e-6, equal_nan=True)


def _perfect(function, given: tuple) -> bool:
    got = function(given[1], given[1])
    return bool(((got == 1.0) | got.isnan()).all())


# --- a loss with weights ---------------------------------------------------------------------


def _loss(logits: Tensor, classes: Tensor, weight: Tensor) -> Tensor:
    return F.cross_entropy(logits, classes, weight=weight)[None]


def _draw_loss() -> tuple[Tensor, Tensor, Tensor]:
    pixels = int(torch.randint(5, 12, ()))
    logits = torch.randn(pixels, 3, dtype=torch.float64)
    return logits, torch.randint(3, (pixels,)), torch.rand(3, dtype=torch.float64) + 0.1


def _each(logits: Tensor, classes: Tensor) -> Tensor:
    return F.cross_entropy(logits, classes, reduction="none")


def _same_weights(function, given: tuple) -> bool:
    logits, classes, weight = given
    scaled = function(logits, classes, 5.0 * weight)
    return torch.allclose(scaled, function(*given), atol=1e-6)


EXERCISES = {
    1: Exercise(
        right=_put_back,
        draw=_draw_patches,
        small=_small_patches,
        mistakes={
            "the numbers are in the order of the patches still: a picture of stripes. Bring the "
            "rows of a patch beside those of its neighbour before you flatten.": _stripes,
            "patches follow each other from top to bottom, and should from left to right.": (
                _columns_first
            ),
            "each patch is turned over: rows and columns within it have changed places.": (
                _pixels_turned
            ),
        },
        properties={"The first patch must be the upper left corner.": _own_place},
    ),
    2: Exercise(
        right=_iou,
        draw=_draw_classes,
        small=_draw_classes,
        mistakes={
            "it is a mean over pictures in which a class that is not there counts as 1: nothing "
            "said of nothing gets full marks. Sum over the pictures first.": _of_pictures(1.0),
            "it is a mean over pictures in which a class that is not there counts as 0: a perfect "
            "answer is blamed. Sum over the pictures first.": _of_pictures(0.0),
            "it is a mean over pictures. Sum intersections and unions over all of them first.": (
                _of_pictures(float("nan"))
            ),
            "it divides by what is true (recall), not by what is said or true.": lambda s, t: (
                _shares(s, t, lambda a, b: _ratio((a & b).sum(), b.sum()))
            ),
            "it divides by what is said (precision), not by what is said or true.": lambda s, t: (
                _shares(s, t, lambda a, b: _ratio((a & b).sum(), a.sum()))
            ),
            "it is 2 · both / (said + true), the Dice score, which is kinder.": lambda s, t: (
                _shares(s, t, lambda a, b: _ratio(2 * (a & b).sum(), a.sum() + b.sum()))
            ),
            "the union counts what is in both twice: subtract the intersection.": lambda s, t: (
                _shares(s, t, lambda a, b: _ratio((a & b).sum(), a.sum() + b.sum()))
            ),
            "a class that is nowhere counts as 0, and should be NaN: it is left out of the mean.": (
                lambda s, t: _iou(s, t).nan_to_num(0.0)
            ),
        },
        properties={
            "A perfect answer must have 1 for every class that is there.": _perfect,
            "How pixels are dealt out to pictures must not matter.": _order_of_pictures,
        },
    ),
    3: Exercise(
        right=_loss,
        draw=_draw_loss,
        small=_draw_loss,
        mistakes={
            "the weighted sum is divided by the number of pixels, and should be by the sum of "
            "their weights.": lambda x, y, w: (w[y] * _each(x, y)).mean()[None],
            "the weights are not used.": lambda x, y, w: _each(x, y).mean()[None],
            "the weighted losses are summed, not averaged.": lambda x, y, w: (
                w[y] * _each(x, y)
            ).sum()[None],
            "the logits are multiplied by the weights. That is another model, not another loss.": (
                lambda x, y, w: _each(x * w, y).mean()[None]
            ),
            "a pixel counts as the class that is said, and should as the one that is true.": (
                lambda x, y, w: ((w[x.argmax(1)] * _each(x, y)).sum() / w[x.argmax(1)].sum())[None]
            ),
        },
        properties={
            "All weights times five must change nothing: it is a mean.": _same_weights,
        },
    ),
}
