"""Pictures with boxes on them: what is there, and what was found."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from torch import Tensor

from transformer_lib import checks
from transformer_lib.measure.boxes import check_boxes
from transformer_lib.show.plots import COLORS


def boxes_on(
    ax: Axes,
    image: Tensor,
    boxes: Tensor,
    names: Sequence | None = None,
    *,
    color: str = "vermillion",
    faint: bool = False,
    title: str | None = None,
) -> None:
    """Draw a grey picture and boxes on it, each with its name.

    Args:
        ax: where to draw; what is there stays, so that several kinds of boxes can lie on a picture.
        image: (height, width), from 0 (paper) to 1 (ink).
        boxes: (n, 4) as (left, top, right, bottom), fractions of the picture.
        names: n of them, or none.
        color: of boxes and names, one of `plots.COLORS`.
        faint: thin and pale, for what is not the point.
        title: above the picture.

    Raises:
        ValueError: if `image` is not one picture, boxes are not boxes, or names are not as many.
    """
    if not isinstance(ax, Axes):
        raise ValueError(f"ax must be matplotlib's Axes, got {ax!r}")
    checks.floating("image", image, dims=2)
    check_boxes("boxes", boxes, len(boxes))
    checks.one_of(COLORS, color=color)
    checks.flag(faint=faint)
    names = [""] * len(boxes) if names is None else [str(name) for name in names]
    if len(names) != len(boxes):
        raise ValueError(f"names must be one for each of {len(boxes)} boxes, got {len(names)}")
    height, width = image.shape
    if not ax.images:
        ax.imshow(
            image.detach().numpy(), cmap="gray_r", vmin=0, vmax=1, extent=(0, width, height, 0)
        )
    style = {"linewidth": 0.7, "alpha": 0.5} if faint else {"linewidth": 1.6}
    for name, box in zip(names, boxes.detach().tolist(), strict=True):
        left, top, right, bottom = box[0] * width, box[1] * height, box[2] * width, box[3] * height
        size = right - left, bottom - top
        ax.add_patch(Rectangle((left, top), *size, fill=False, color=COLORS[color], **style))
        ax.text(left, top - 0.7, name, color=COLORS[color], fontsize=8, va="bottom", weight="bold")
    ax.set(xticks=[], yticks=[], xlim=(0, width), ylim=(height, 0))
    ax.spines[:].set(visible=True, color="#8C959F")
    ax.grid(False)
    if title:
        ax.set_title(title, loc="center", fontsize=9)
