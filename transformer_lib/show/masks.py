"""Pictures with masks on them: the class of every pixel as a colour, and its name beside it."""

from collections.abc import Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from torch import Tensor

from transformer_lib import checks
from transformer_lib.show.canvas import Canvas
from transformer_lib.show.plots import COLORS
from transformer_lib.show.runs import watch
from transformer_lib.show.streams import shape_of

# Those of the book's palette that are dark enough for a thin stroke, and three more; the page's
# painter has the same.
HUES = [COLORS[name] for name in ("blue", "orange", "green", "vermillion", "purple", "sky")]
HUES += ["#A6761D", "#7B61C9", "#8DA829", "#8A8A8A"]


def masks_on(
    ax: Axes,
    image: Tensor,
    classes: Tensor,
    names: Sequence[str] = "0123456789",
    *,
    title: str | None = None,
) -> None:
    """Draw a grey picture, pale, and on it every pixel that belongs to something in a colour.

    Args:
        ax: where to draw.
        image: (height, width), from 0 (paper) to 1 (ink).
        classes: of every pixel (height, width), int64; from len(names) on it is the background.
        names: of the classes, at most ten.
        title: above the picture.

    Raises:
        ValueError: if `image` is not one picture, `classes` is of another size or not of classes,
            or there are more names than colours.
    """
    if not isinstance(ax, Axes):
        raise ValueError(f"ax must be matplotlib's Axes, got {ax!r}")
    checks.floating("image", image, dims=2)
    if not isinstance(classes, Tensor) or classes.shape != image.shape:
        raise ValueError(f"classes must be of the picture's size {tuple(image.shape)}, {classes!r}")
    checks.row("classes", classes.flatten(), len(names) + 1)
    if len(names) > len(HUES):
        raise ValueError(f"names must be at most {len(HUES)}, got {len(names)}")
    height, width = image.shape
    paper = 1 - 0.25 * image.detach().clamp(0, 1)[..., None].expand(-1, -1, 3)
    hues = torch.tensor([to_rgb(hue) for hue in HUES])
    drawn = classes < len(names)
    pixels = torch.where(drawn[..., None], hues[classes.clamp(max=len(names) - 1)], paper)
    ax.imshow(pixels.numpy(), extent=(0, width, height, 0), interpolation="nearest")
    for k in classes[drawn].unique().tolist():
        rows, columns = (classes == k).nonzero().double().add(0.5).T
        style = {"ha": "center", "va": "center", "fontsize": 8, "weight": "bold"}
        box = {"boxstyle": "round,pad=0.15", "fc": "white", "ec": HUES[k], "lw": 1, "alpha": 0.85}
        ax.text(columns.median(), rows.min() - 1, names[k], bbox=box, **style)
    ax.set(xticks=[], yticks=[], xlim=(0, width), ylim=(height, -4))
    ax.spines[:].set(visible=False)
    ax.grid(False)
    if title:
        ax.set_title(title, loc="center", fontsize=9)


def patch_journey(model, image: Tensor, patch: int, shown: Sequence[int]) -> Canvas:
    """Draw what becomes of one patch of a segmenter: pixels, a token, and scores for its pixels.

    Args:
        model: a segmenter whose head is run on all tokens; it is run.
        image: (1, channels, height, width).
        patch: which one, row by row from the top left.
        shown: the classes whose scores are drawn, at most three.

    Returns:
        A `Canvas`.

    Raises:
        ValueError: if there is no such patch, or the head does not score the pixels of a patch.
    """
    run = watch(model, image)
    calls = {event.name: event for event in run.events if event.part is not None}
    size = model.backbone.config.patch_size
    token, said = calls["head"].tensors[0], calls["head"].got
    checks.at_least(0, patch=patch)
    num_classes = run.got.size(1)
    if patch >= token.size(1) or said.size(2) != num_classes * size**2:
        raise ValueError(f"patch must be one of {token.size(1)} whose pixels are scored, {patch}")
    row, column = divmod(patch, image.size(3) // size)
    pixels = image[0, 0, row * size :, column * size :][:size, :size]
    scores = said[0, patch].view(num_classes, size, size)
    c = Canvas(
        f"One patch of {token.size(1)}, from pixels to scores",
        f"Patch {patch}, {size} × {size} pixels, becomes a token, {shape_of(token[0, patch])}, "
        f"which has read the other {token.size(1) - 1}. The head makes {said.size(2)} scores of "
        f"it: for each of {num_classes} classes one for each pixel. Drawn are classes "
        f"{', '.join(map(str, shown))}. They go back where the pixels were, "
        f"{shape_of(run.got)}.",
    )
    cell = 12
    wide = size * cell
    c.text(180, 12, f"picture {shape_of(image)}", "shape")
    c.line((180, 22), (180, 34), tip=False)
    c.text(180, 44, f"patch {patch}, {size} × {size} pixels", "name")
    c.grid(180 - wide / 2, 58, pixels, "value", cell=cell)
    y = 58 + wide
    c.line((180, y + 4), (180, y + 20))
    c.box(180, y + 38, 230, 34, "patches.proj, then the encoder", said="backbone.encode")
    c.line((180, y + 55), (180, y + 71))
    c.text(180, y + 82, f"token {shape_of(token[0, patch])} of {shape_of(token)}", "shape")
    parts = token[0, patch].view(4, -1)
    c.grid(180 - parts.size(1) * 4.5, y + 94, parts, "key", cell=9)
    y += 94 + 4 * 9
    c.line((180, y + 4), (180, y + 20))
    c.box(180, y + 38, 150, 34, "head", said=f"{said.size(2)} scores")
    c.line((180, y + 55), (180, y + 71))
    c.text(180, y + 82, f"scores {shape_of(said[0, patch])} = {num_classes} × {size} × {size}",
           "shape")  # fmt: skip
    for i, k in enumerate(shown):
        x = 180 + (i - (len(shown) - 1) / 2) * (wide + 24)
        c.grid(x - wide / 2, y + 98, scores[k], "query", cell=cell)
        c.text(x, y + 112 + wide, f"class {k}", "shape")
    y += 126 + wide
    c.line((180, y), (180, y + 16))
    c.text(180, y + 28, f"logits {shape_of(run.got)}", "shape")
    return c
