"""Pictures changed a little, so that a model never sees the same one twice."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from transformer_lib import checks


def check_pictures(images: Tensor) -> None:
    """Refuse what is not a batch of pictures.

    Raises:
        ValueError: if they are not (count, channels, height, width) of floating point.
    """
    if not isinstance(images, Tensor):
        raise ValueError(f"images must be a tensor, got {type(images).__name__}")
    if images.dim() != 4 or not images.is_floating_point():
        raise ValueError(
            f"images must be (count, channels, height, width) of floating point, "
            f"got {tuple(images.shape)} of {images.dtype}"
        )


def jitter(
    images: Tensor,
    generator: torch.Generator,
    *,
    shift: float = 2.0,
    degrees: float = 10.0,
    scale: float = 0.1,
    shear: float = 0.1,
) -> Tensor:
    """Move, turn, stretch and slant every picture a little, each in its own way.

    All amounts are drawn evenly from both sides of nothing. What comes in from outside is black.
    Angles are angles of pixels, in pictures that are not square too.

    Args:
        images: (batch, channels, height, width).
        generator: source of the random numbers.
        shift: most that a picture moves, in pixels, along each axis.
        degrees: most that it turns.
        scale: most that it grows or shrinks along each axis, as a fraction of its size.
        shear: most that it leans, sideways per height.

    Returns:
        (batch, channels, height, width).

    Raises:
        ValueError: if `images` are not such pictures, or an amount is negative.
    """
    check_pictures(images)
    checks.not_negative(shift=shift, degrees=degrees, scale=scale, shear=shear)
    if not isinstance(generator, torch.Generator):
        raise ValueError(f"generator must be a torch.Generator, got {generator!r}")
    batch, _, height, width = images.shape

    def draw(most: float, *shape: int) -> Tensor:
        return (2 * torch.rand(batch, *shape, generator=generator) - 1) * most

    angle, lean = draw(math.radians(degrees)), draw(shear)
    stretch, move = 1 + draw(scale, 2), draw(shift, 2)
    cos, sin, zero = angle.cos(), angle.sin(), torch.zeros(batch)
    turn = torch.stack([cos, -sin, sin, cos], dim=1).unflatten(1, (2, 2))
    slant = torch.stack([1 + zero, lean, zero, 1 + zero], dim=1).unflatten(1, (2, 2))
    size = torch.tensor([width, height])
    # Coordinates run from -1 to 1: a pixel is 2 / size of them.
    change = (turn @ slant) / stretch[:, None] * (size / size[:, None])
    maps = torch.cat([change, (2 * move / size)[..., None]], dim=2)
    grid = F.affine_grid(maps.to(images), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="zeros", align_corners=False)


def shift_images(images: Tensor, down: int, right: int) -> Tensor:
    """Move pictures by whole pixels; what comes in from outside is black.

    Args:
        images: (batch, channels, height, width).
        down: pixels towards the lower edge, negative for up.
        right: pixels towards the right edge, negative for left.

    Returns:
        (batch, channels, height, width).

    Raises:
        ValueError: if `images` are not such pictures, or a number is not whole.
    """
    check_pictures(images)
    checks.whole(down=down, right=right)
    return F.pad(images, (right, -right, down, -down))
