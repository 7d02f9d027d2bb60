"""Two towers and their table of cosines, drawn; and rows of small pictures."""

from collections.abc import Sequence

from torch import Tensor

from transformer_lib import checks
from transformer_lib.data.augment import check_pictures
from transformer_lib.show.canvas import Canvas

_LEFT, _COLUMN, _ROW, _CELL = 148, 54, 52, 30  # where the table begins, and its sizes


def cosine_table(pictures: Tensor, names: Sequence[str], cosines: Tensor, *, width: int) -> Canvas:
    """Draw which picture fits which name: pictures above, names on the left, cosines between.

    Args:
        pictures: (n, 1, height, width), at most four.
        names: n of them.
        cosines: of each name with each picture (n, n).
        width: of the vectors that the towers give.

    Returns:
        A `Canvas`.

    Raises:
        ValueError: if there are not as many of each, or more than four.
    """
    check_pictures(pictures)
    count = len(pictures)
    if not 1 <= count <= 4 or len(names) != count or cosines.shape != (count, count):
        raise ValueError(
            f"pictures, names and both sides of cosines must be as many, at most 4, "
            f"got {count}, {len(names)} and {tuple(cosines.shape)}"
        )
    checks.at_least(1, width=width)
    best = cosines.argmax(dim=1).tolist()
    found = ", ".join(f"{name}: picture {at + 1}" for name, at in zip(names, best, strict=True))
    c = Canvas(
        f"{count} names and {count} pictures, compared",
        f"The image tower makes a vector of {width} numbers of each picture, the text tower one of "
        f"each name. The table holds the cosine of each pair. The picture that fits best: {found}.",
    )
    middle = _LEFT + _COLUMN * (count - 1) / 2
    for n, picture in enumerate(pictures[:, 0]):
        _ink(c, _LEFT + _COLUMN * n - 23, 2, picture, side=46)
    c.text(64, 30, "names", "shape")
    c.line((64, 52), (64, 70))
    c.line((middle, 52), (middle, 70))
    c.box(64, 87, 116, 34, "text tower", said="Makes a vector of each name")
    c.box(middle, 87, 200, 34, "image tower", said="Makes a vector of each picture")
    c.line((64, 104), (64, 120), tip=False)
    c.line((middle, 104), (middle, 120), tip=False)
    c.text(64, 130, f"({count}, {width})", "shape")
    c.text(middle, 130, f"({count}, {width})", "shape")
    for i, name in enumerate(names):
        y = 148 + i * _ROW
        c.text(118, y + _CELL / 2, name, "right tight" if len(name) > 15 else "right")
        for j in range(count):
            x = _LEFT + _COLUMN * j
            side = _CELL * (cosines[i, j].abs() / cosines.abs().max()).sqrt().item()  # area: cosine
            corner = x - side / 2, y + (_CELL - side) / 2
            c.grid(*corner, cosines[i, j].view(1, 1), "query", cell=side)
            c.text(x, y + _CELL + 10, f"{cosines[i, j]:.2f}", "name" if best[i] == j else "shape")
    return c


def _ink(canvas: Canvas, x: float, y: float, picture: Tensor, *, side: float) -> None:
    """A small picture in four shades of ink; left upper corner at (x, y)."""
    pixel = side / picture.size(-1)
    shades = (4 * picture).round()
    for shade in (1, 2, 3, 4):
        squares = "".join(
            f"M{x + column * pixel:.2f} {y + row * pixel:.2f}h{pixel:.2f}v{pixel:.2f}h-{pixel:.2f}z"
            for row, column in (shades == shade).nonzero().tolist()
        )
        canvas.parts.append(f'<path class="tip" fill-opacity="{shade / 4:g}" d="{squares}"/>')


def rows_of_pictures(axes, pictures: Tensor, titles: Sequence[str]) -> None:
    """Show small pictures, ink on paper, each with a title over it.

    Args:
        axes: of matplotlib, one for each picture.
        pictures: (n, 1, height, width) from 0 to 1.
        titles: n of them.
    """
    check_pictures(pictures)
    for ax, picture, title in zip(axes, pictures, titles, strict=True):
        ax.imshow(picture[0].numpy(), cmap="gray_r", vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[])
        ax.set_title(title, loc="center", fontsize=7)
        ax.grid(False)
