"""A picture as a sequence: patches, their places on a grid, and grids of another size."""

from copy import deepcopy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from transformer_lib import checks
from transformer_lib.layers.positions import LearnedPositions


class PatchEmbedding(nn.Module):
    """Turn every patch into a token: all its numbers in one row, through one linear map.

    The same as a convolution whose kernel is as large as its stride, and its weight
    (d_model, in_channels · patch_size²) is that of the convolution, flattened.

    Args:
        patch_size: height and width of a patch, in pixels.
        in_channels: numbers to a pixel.
        d_model: width of a token.

    Raises:
        ValueError: if one of them is not positive.

    Source: Dosovitskiy et al. 2021, §3.1, equation 1.
    """

    def __init__(self, patch_size: int, in_channels: int, d_model: int):
        super().__init__()
        checks.at_least(1, patch_size=patch_size, in_channels=in_channels, d_model=d_model)
        self.patch_size = patch_size
        self.proj = nn.Linear(in_channels * patch_size**2, d_model)
        nn.init.xavier_uniform_(self.proj.weight)
        nn.init.zeros_(self.proj.bias)

    def forward(self, images: Tensor) -> Tensor:
        """Embed the patches: (batch, in_channels, height, width) → (batch, patches, d_model).

        Raises:
            ValueError: as `patchify`, or if the images are of another type, device or number of
                channels than the weights.
        """
        checks.like("the weight", self.proj.weight, images=images)
        patches = patchify(images, self.patch_size)
        if patches.size(2) != self.proj.in_features:
            channels = self.proj.in_features // self.patch_size**2
            raise ValueError(f"images must have in_channels = {channels}, got {images.size(1)}")
        return self.proj(patches)


class SequencePositions(LearnedPositions):
    """Add to every token a vector that is learned for its place in the sequence.

    Args:
        grid: number of rows, and of columns, of patches; they are the last grid² tokens.
        d_model: width of a token.
        before: number of tokens that stand before the patches.

    Source: Dosovitskiy et al. 2021, §3.1, equation 1.
    """

    def __init__(self, grid: int, d_model: int, *, before: int = 0):
        checks.at_least(1, grid=grid)
        checks.at_least(0, before=before)
        super().__init__(before + grid**2, d_model)
        self.grid = grid

    @torch.no_grad()
    def resized(self, grid: int) -> "SequencePositions":
        """Copy it for another grid: patches are interpolated, the tokens before them left alone.

        Source: Dosovitskiy et al. 2021, §3.2.
        """
        checks.at_least(1, grid=grid)
        new = deepcopy(self)
        before, patches = self.table.weight.tensor_split([-(self.grid**2)])
        patches = interpolate_grid(patches.unflatten(0, (self.grid, self.grid)), grid, grid)
        table = torch.cat([before, patches.flatten(0, 1)])
        new.table = nn.Embedding.from_pretrained(table, freeze=False)
        new.grid, new.max_len = grid, len(table)
        return new


class GridPositions(nn.Module):
    """Add to every patch a vector: one half learned for its row, the other for its column.

    Args:
        grid: number of rows, and of columns; the patches are the last grid² tokens.
        d_model: width of a token, even.

    Raises:
        ValueError: if `grid` is not positive, or `d_model` not even.

    Source: Dosovitskiy et al. 2021, appendix D.4.
    """

    def __init__(self, grid: int, d_model: int):
        super().__init__()
        checks.at_least(1, grid=grid)
        checks.even(d_model=d_model)
        self.rows, self.columns = (nn.Embedding(grid, d_model // 2) for _ in range(2))
        for table in (self.rows, self.columns):
            nn.init.normal_(table.weight, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        """Add positions to patches, row by row from the top left.

        Args:
            x: (batch, tokens, d_model). What stands before the patches, such as a class token, is
                learned itself: it needs no place besides.

        Returns:
            (batch, tokens, d_model).

        Raises:
            ValueError: if `x` is not of the weights' width, type and device, or fewer tokens.
        """
        table = self.table()
        checks.features("x", x, table.size(1), like=table)
        if x.size(1) < len(table):
            raise ValueError(f"x must have at least {len(table)} tokens, got {x.size(1)}")
        return x + F.pad(table, (0, 0, x.size(1) - len(table), 0))

    def table(self) -> Tensor:
        """What is added, (grid², d_model)."""
        rows, columns = self.rows.weight, self.columns.weight
        rows = rows.repeat_interleave(len(columns), dim=0)  # (grid², d_model / 2)
        return torch.cat([rows, columns.repeat(len(self.rows.weight), 1)], dim=-1)

    @torch.no_grad()
    def resized(self, grid: int) -> "GridPositions":
        """Copy it for another grid: rows and columns are interpolated, each by itself."""
        checks.at_least(1, grid=grid)
        new = deepcopy(self)
        lines = (table.weight[:, None] for table in (self.rows, self.columns))
        lines = (interpolate_grid(line, grid, 1)[:, 0] for line in lines)  # (grid, d_model / 2)
        new.rows, new.columns = (nn.Embedding.from_pretrained(x, freeze=False) for x in lines)
        return new


def patchify(images: Tensor, patch_size: int) -> Tensor:
    """Cut pictures into patches: row by row from the top left, and so within each of them.

    Args:
        images: (batch, channels, height, width).
        patch_size: height and width of a patch, in pixels.

    Returns:
        (batch, patches, channels · patch_size²): all of the first channel, then of the second, ….

    Raises:
        ValueError: if the images are not of four axes, or `patch_size` is less than 1 or does not
            divide height and width.
    """
    checks.tensor(images=images)
    checks.at_least(1, patch_size=patch_size)
    if images.dim() != 4 or any(n % patch_size for n in images.shape[2:]):
        raise ValueError(
            f"images must be (batch, channels, height, width), multiples of patch_size = "
            f"{patch_size}, got {tuple(images.shape)}"
        )
    x = images.unflatten(3, (-1, patch_size)).unflatten(2, (-1, patch_size))
    x = x.permute(0, 2, 4, 1, 3, 5)  # (batch, rows, columns, channels, patch_size, patch_size)
    return x.flatten(3).flatten(1, 2)


def unpatchify(patches: Tensor, patch_size: int, rows: int) -> Tensor:
    """Put patches together to pictures again: the inverse of `patchify`.

    Args:
        patches: (batch, patches, channels · patch_size²), as `patchify` gives them.
        patch_size: height and width of a patch, in pixels.
        rows: of patches, from top to bottom.

    Returns:
        (batch, channels, height, width).

    Raises:
        ValueError: if `patches` does not have three axes, `patch_size²` does not divide the last
            of them, or `rows` the second.
    """
    checks.at_least(1, patch_size=patch_size, rows=rows)
    checks.tensor(patches=patches)
    if patches.dim() != 3 or patches.size(1) % rows or patches.size(2) % patch_size**2:
        raise ValueError(
            f"patches must be (batch, a multiple of rows = {rows}, a multiple of patch_size² = "
            f"{patch_size**2}), got {tuple(patches.shape)}"
        )
    x = patches.unflatten(2, (-1, patch_size, patch_size)).unflatten(1, (rows, -1))
    x = x.permute(0, 3, 1, 4, 2, 5)  # (batch, channels, rows, patch_size, columns, patch_size)
    return x.flatten(4).flatten(2, 3)


def interpolate_grid(table: Tensor, rows: int, columns: int) -> Tensor:
    """Stretch a grid of vectors to another size, bicubically.

    Args:
        table: (old_rows, old_columns, d_model).
        rows: how many are wanted.
        columns: how many are wanted.

    Returns:
        (rows, columns, d_model).

    Raises:
        ValueError: if `table` is no such grid of numbers with a point, or a size less than 1.
    """
    checks.floating("table", table, dims=3, meta=True)
    checks.at_least(1, rows=rows, columns=columns)
    x = table.permute(2, 0, 1)[None]  # (1, d_model, old_rows, old_columns)
    x = F.interpolate(x, size=(rows, columns), mode="bicubic", align_corners=False)
    return x[0].permute(1, 2, 0)
