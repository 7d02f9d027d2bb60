"""The exercises of chapter 14: patches, positions for mixed patches, and rows and columns.

from transformer_lib.exercises.chapter_14 import check

check(1, mine)
"""

import torch
from torch import Tensor

from transformer_lib.exercises.marking import Exercise, Mark, draw_size, mark
from transformer_lib.layers.patches import patchify


def check(number: int, mine) -> Mark:
    """Mark an answer.

    Args:
        number: of the exercise: 1, `cut(images, size)`, the patches of each picture as rows; 2,
            `moved(table, order)`, the positions with which mixed patches are read as whole
            pictures; 3, `table(rows, columns)`, a position for each place from halves.
        mine: the function.

    Raises:
        ValueError: if there is no such exercise, or `mine` is not a function.
    """
    return mark(EXERCISES, number, mine)


def _random(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64)


def _draw_pictures() -> tuple[Tensor, int]:
    size, grid = draw_size(2, 5), draw_size(2, 5) + 1
    return _random(2, draw_size(2, 5), size * grid, size * grid), size


def _draw_order() -> tuple[Tensor, Tensor]:
    order = torch.randperm(n := draw_size(2, 5) + 5)
    return _random(n, draw_size(2, 5)), order


def _small_order() -> tuple[Tensor, Tensor]:
    return torch.arange(6.0).view(3, 2).double(), torch.randperm(3)


def _blocks(images: Tensor, size: int) -> Tensor:
    """(batch, rows, columns, channels, size, size)."""
    x = images.unflatten(3, (-1, size)).unflatten(2, (-1, size))
    return x.permute(0, 2, 4, 1, 3, 5)


def _rows(blocks: Tensor) -> Tensor:
    return blocks.flatten(3).flatten(1, 2)


def _halves(rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
    """Of each place, its row's half and its column's, row by row."""
    return rows.repeat_interleave(len(columns), 0), columns.repeat(len(rows), 1)


# --- properties ------------------------------------------------------------------------------


def _keeps_pixels(function, given: tuple) -> bool:
    images, size = given
    out = function(images, size)
    return torch.equal(out.flatten(1).sort().values, images.flatten(1).sort().values)


def _one_patch(function, given: tuple) -> bool:
    """A picture that is dark but for its first patch has one row that is not zero."""
    images, size = given
    lit = torch.zeros_like(images)
    lit[..., :size, :size] = 1
    return (function(lit, size).abs().sum(-1) > 0).sum(1).eq(1).all().item()


def _tokens_are_mixed_alike(function, given: tuple) -> bool:
    table, order = given
    patches = torch.arange(table.numel()).view_as(table) ** 1.5
    return torch.allclose(patches[order] + function(table, order), (patches + table)[order])


def _same_row(function, given: tuple) -> bool:
    """What two places of one row share is the row's half: with columns of zero they are alike."""
    rows, columns = given
    out = function(rows, torch.zeros_like(columns)).unflatten(0, (len(rows), -1))
    return torch.equal(out, out[:, :1].expand_as(out))


EXERCISES = {
    1: Exercise(
        right=patchify,
        draw=_draw_pictures,
        small=lambda: (torch.arange(16.0).view(1, 1, 4, 4).double(), 2),
        mistakes={
            "these are stripes: the picture was read line by line, across the patches.": (
                lambda images, size: images.reshape(len(images), -1, images.size(1) * size * size)
            ),
            "the patches stand column by column, and should stand row by row.": (
                lambda images, size: _rows(_blocks(images, size).transpose(1, 2))
            ),
            "within a patch the pixels stand column by column, and should stand row by row.": (
                lambda images, size: _rows(_blocks(images, size).mT)
            ),
            "the channels stand last within a patch, and should stand first.": (
                lambda images, size: _rows(_blocks(images, size).permute(0, 1, 2, 4, 5, 3))
            ),
            "rows and columns are exchanged, of patches and pixels: the picture is on its side.": (
                lambda images, size: _rows(_blocks(images.mT, size))
            ),
        },
        properties={
            "Each pixel must stand there once.": _keeps_pixels,
            "What lies in one patch must stand in one row.": _one_patch,
        },
    ),
    2: Exercise(
        right=lambda table, order: table[order],
        draw=_draw_order,
        small=_small_order,
        mistakes={
            "that is the inverse: row i goes to place order[i], and should come from there, as the "
            "patches do.": lambda table, order: table[order.argsort()],
            "the table is as it was: each patch gets the position of where it now lies.": (
                lambda table, order: table
            ),
            "the order is turned round.": lambda table, order: table[order.flip(0)],
            "the table is turned round, whatever the order.": lambda table, order: table.flip(0),
        },
        properties={
            "Patch by patch, the sum of patch and position must be that of the whole picture.": (
                _tokens_are_mixed_alike
            )
        },
    ),
    3: Exercise(
        right=lambda rows, columns: torch.cat(_halves(rows, columns), -1),
        draw=lambda: (
            _random(draw_size(2, 5) + 3, d := draw_size(2, 5)),
            _random(draw_size(2, 5) + 2, d),
        ),
        small=lambda: (
            torch.tensor([[1.0], [2.0]]).double(),
            torch.tensor([[5.0], [6.0]]).double(),
        ),
        mistakes={
            "the column's half stands first, and should stand second.": lambda rows, columns: (
                torch.cat(_halves(rows, columns)[::-1], -1)
            ),
            "the places stand column by column, and should stand row by row.": (
                lambda rows, columns: torch.cat(
                    [rows.repeat(len(columns), 1), columns.repeat_interleave(len(rows), 0)], -1
                )
            ),
            "every place has the first row's half.": lambda rows, columns: torch.cat(
                _halves(rows[:1].expand_as(rows), columns), -1
            ),
            "the halves are mixed number by number, and should stand one behind the other.": (
                lambda rows, columns: torch.stack(_halves(rows, columns), -1).flatten(1)
            ),
        },
        properties={"Places of one row must share the row's half.": _same_row},
    ),
}
