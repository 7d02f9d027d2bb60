"""A picture as a sequence: patches, their places on a grid, and grids of another size."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class PatchEmbedding(nn.Module):
    """Turn every patch into a token: all its numbers in one row, through one linear map.

    The same as a convolution whose kernel is as large as its stride, and its weight
    (d_model, in_channels · patch_size²) is that of the convolution, flattened.

    Args:
        patch_size: height and width of a patch, in pixels.
        in_channels: numbers to a pixel.
        d_model: width of a token.

    Source: Dosovitskiy et al. 2021, §3.1, equation 1.
    """

    def __init__(self, patch_size: int, in_channels: int, d_model: int):
        super().__init__()
        self.patch_size = patch_size
        self.proj = nn.Linear(in_channels * patch_size**2, d_model)
        nn.init.xavier_uniform_(self.proj.weight)
        nn.init.zeros_(self.proj.bias)

    def forward(self, images: Tensor) -> Tensor:
        """Embed the patches: (batch, in_channels, height, width) → (batch, patches, d_model)."""
        return self.proj(patchify(images, self.patch_size))


class GridPositions(nn.Module):
    """Add to every patch a vector: one half learned for its row, the other for its column.

    Args:
        grid: number of rows, and of columns.
        d_model: width of a token, even.

    Source: Dosovitskiy et al. 2021, appendix D.4.
    """

    def __init__(self, grid: int, d_model: int):
        super().__init__()
        self.rows, self.columns = (nn.Embedding(grid, d_model // 2) for _ in range(2))
        for table in (self.rows, self.columns):
            nn.init.normal_(table.weight, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        """Add positions to patches (batch, grid², d_model), row by row from the top left."""
        return x + self.table()

    def table(self) -> Tensor:
        """What is added, (grid², d_model)."""
        rows, columns = self.rows.weight, self.columns.weight
        rows = rows.repeat_interleave(len(columns), dim=0)  # (grid², d_model / 2)
        return torch.cat([rows, columns.repeat(len(self.rows.weight), 1)], dim=-1)


def patchify(images: Tensor, patch_size: int) -> Tensor:
    """Cut pictures into patches: row by row from the top left, and so within each of them.

    Args:
        images: (batch, channels, height, width).
        patch_size: height and width of a patch, in pixels.

    Returns:
        (batch, patches, channels · patch_size²): all of the first channel, then of the second, ….

    Raises:
        ValueError: if the images are not of four axes, or `patch_size` does not divide height and
            width.
    """
    if images.dim() != 4 or patch_size < 1 or any(n % patch_size for n in images.shape[2:]):
        raise ValueError(
            f"images must be (batch, channels, height, width), multiples of patch_size = "
            f"{patch_size}, got {tuple(images.shape)}"
        )
    x = images.unflatten(3, (-1, patch_size)).unflatten(2, (-1, patch_size))
    x = x.permute(0, 2, 4, 1, 3, 5)  # (batch, rows, columns, channels, patch_size, patch_size)
    return x.flatten(3).flatten(1, 2)


def interpolate_grid(table: Tensor, rows: int, columns: int) -> Tensor:
    """Stretch a grid of vectors to another size, bicubically.

    Args:
        table: (old_rows, old_columns, d_model).
        rows: how many are wanted.
        columns: how many are wanted.

    Returns:
        (rows, columns, d_model).
    """
    x = table.permute(2, 0, 1)[None]  # (1, d_model, old_rows, old_columns)
    x = F.interpolate(x, size=(rows, columns), mode="bicubic", align_corners=False)
    return x[0].permute(1, 2, 0)
