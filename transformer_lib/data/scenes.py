"""Scenes: pictures of several handwritten digits, made on the spot, with all that can be asked.

Which digits there are and where, and whose each pixel is, is known exactly, since every scene is
composed of single digits. Boxes and classes come from their pixels, after they were turned and
stretched.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from transformer_lib import checks
from transformer_lib.data.images import Images
from transformer_lib.data.order import Endless, random_numbers

SIZE = 56
"""Height and width of a scene, in pixels."""

MOST = 4
"""A scene has 1 … MOST digits; fewer where no place is left."""

INK = 0.3
"""A pixel belongs to a digit where the digit is brighter than this."""

BACKGROUND = 10
"""The class of the pixels that belong to no digit."""

_SCALES = 0.7, 1.3  # of a digit
_TURN = 0.2  # most that it is turned to either side, in radians
_RADIUS = 10  # half a digit of MNIST, without its margin, in pixels
_TRIES = 30  # to find a place for a digit


@dataclass(frozen=True)
class Difficulty:
    """How scenes are made hard to read.

    Args:
        near: how near two digits may come, as a share of the distance at which they cannot touch.
        noise: standard deviation of what is added to every pixel.

    Raises:
        ValueError: if `near` is not in (0, 1], or `noise` is negative.
    """

    near: float
    noise: float

    def __post_init__(self):
        checks.fraction(near=self.near)
        checks.not_negative(noise=self.noise)


CLEAN = Difficulty(near=1.0, noise=0.0)
"""Digits hardly touch, on black."""

MEDIUM = Difficulty(near=0.8, noise=0.1)
"""Digits may touch."""

HARD = Difficulty(near=0.6, noise=0.2)
"""Digits touch and overlap."""


@dataclass(frozen=True)
class Scenes:
    """Pictures, and what is in them.

    Attributes:
        images: (count, 1, SIZE, SIZE) in 0 … 1.
        objects: for each picture the labels of its digits (m,) and their boxes (m, 4), as (left,
            top, right, bottom), fractions of the picture. A box holds all of a digit, also what
            another covers.
        classes: of every pixel (count, SIZE, SIZE): the digit that is brightest there, or
            `BACKGROUND`.
    """

    images: Tensor
    objects: Sequence[tuple[Tensor, Tensor]]
    classes: Tensor

    def __len__(self) -> int:
        return len(self.images)


def compose(
    data: Images, count: int, generator: torch.Generator, difficulty: Difficulty = HARD
) -> Scenes:
    """Make scenes of digits that are drawn from `data`, each turned and stretched.

    Scenes of different data have no digit in common: scenes to test on are made of the digits that
    were held out.

    Args:
        data: digits of 28 × 28 pixels, grey, as `load_mnist_5k` reads them.
        count: number of scenes.
        generator: source of the random numbers.
        difficulty: how near the digits come, and how much noise there is.

    Raises:
        ValueError: if `data` are not such digits, one of them has no ink, or `count` is not
            positive.
    """
    _check(data, generator, difficulty)
    checks.at_least(1, count=count)
    numbers = torch.randint(1, MOST + 1, (count,), generator=generator)
    tries = torch.rand(count, MOST, _TRIES, 3, generator=generator)
    chosen = torch.randint(len(data), (count, MOST), generator=generator)
    angles = _TURN * (2 * torch.rand(count, MOST, generator=generator) - 1)
    places = torch.tensor(
        [_places(*scene, difficulty.near) for scene in zip(tries.tolist(), numbers, strict=True)]
    )  # (count, MOST, 3)
    there = places[..., 2] > 0
    layers = _drawn(data.images[chosen.flatten()], angles.flatten(), places.flatten(0, 1))
    layers = layers.view(count, MOST, SIZE, SIZE) * there[..., None, None]
    labels = data.labels[chosen]  # (count, MOST)
    ink = layers > INK
    if (there & ~ink.any(dim=(2, 3))).any():
        raise ValueError(f"data must be digits brighter than {INK}, got one that is not")
    boxes = _boxes(ink)
    light, owner = layers.max(dim=1)  # (count, SIZE, SIZE)
    classes = labels.gather(1, owner.flatten(1)).view_as(owner)
    noise = difficulty.noise * torch.randn(light.shape, generator=generator)
    return Scenes(
        images=(light + noise).clamp(0, 1)[:, None],
        objects=[(labels[n][there[n]], boxes[n][there[n]]) for n in range(count)],
        classes=classes.masked_fill(light <= INK, BACKGROUND),
    )


class SceneBatches(Endless):
    """Scenes without end: `batches[step]` is a function of the step and the seed.

    Args:
        data: digits of 28 × 28 pixels, grey.
        batch_size: number of scenes in a batch.
        seed: decides all that is drawn.
        difficulty: see `compose`.

    Raises:
        ValueError: as `compose`.
    """

    def __init__(
        self, data: Images, *, batch_size: int, seed: int = 0, difficulty: Difficulty = HARD
    ):
        _check(data, torch.Generator(), difficulty)
        checks.at_least(1, batch_size=batch_size)
        checks.at_least(0, seed=seed)
        self.data, self.batch_size, self.seed = data, batch_size, seed
        self.difficulty = difficulty

    def __getitem__(self, n: int) -> Scenes:
        """Batch n, counted from 0."""
        return compose(self.data, self.batch_size, random_numbers(self.seed, n), self.difficulty)


def _places(tries: list, number: int, near: float) -> list[tuple[float, float, float]]:
    """Find a place for each digit: its middle and its scale, which is 0 where none was found."""
    placed: list[tuple[float, float, float]] = []
    low, high = _SCALES
    for attempts in tries[: int(number)]:
        for a, b, c in attempts:
            scale = low + (high - low) * a
            margin, room = _RADIUS * scale, SIZE - 2 * _RADIUS * scale
            place = margin + room * b, margin + room * c, scale
            if all(_apart(place, other, near) for other in placed):
                placed.append(place)
                break
    return placed + [(SIZE / 2, SIZE / 2, 0.0)] * (MOST - len(placed))


def _apart(a: tuple, b: tuple, near: float) -> bool:
    """Whether two digits leave each other room; they are narrower than they are high."""
    room = near * _RADIUS * (a[2] + b[2])
    return abs(a[0] - b[0]) > 0.75 * room or abs(a[1] - b[1]) > 0.9 * room


def _drawn(digits: Tensor, angles: Tensor, places: Tensor) -> Tensor:
    """Each digit alone in a scene: (digits, 1, 28, 28) → (digits, SIZE, SIZE)."""
    scale = places[:, 2].clamp(min=_SCALES[0])  # where there is none, any
    zoom = SIZE / digits.size(-1) / scale
    cos, sin = angles.cos() * zoom, angles.sin() * zoom
    turn = torch.stack([cos, -sin, sin, cos], dim=1).unflatten(1, (2, 2))
    middle = 2 * places[:, :2] / SIZE - 1  # coordinates run from -1 to 1
    maps = torch.cat([turn, -turn @ middle[..., None]], dim=2)  # from a scene into the digit
    grid = F.affine_grid(maps, [len(digits), 1, SIZE, SIZE], align_corners=False)
    return F.grid_sample(digits, grid, align_corners=False)[:, 0]


def _boxes(ink: Tensor) -> Tensor:
    """The smallest boxes around ink: (…, SIZE, SIZE) → (…, 4), as fractions of the picture."""
    columns, rows = ink.any(dim=-2), ink.any(dim=-1)  # (…, SIZE)
    first = [line.int().argmax(dim=-1) for line in (columns, rows)]
    last = [SIZE - line.flip(-1).int().argmax(dim=-1) for line in (columns, rows)]
    return torch.stack(first + last, dim=-1) / SIZE


def _check(data: Images, generator: torch.Generator, difficulty: Difficulty) -> None:
    if not isinstance(data, Images):
        raise ValueError(f"data must be Images, got {type(data).__name__}")
    shape = tuple(data.images.shape[1:])
    if shape != (1, 28, 28) or not len(data):
        raise ValueError(f"data must be digits of (1, 28, 28), got {len(data)} of {shape}")
    if not isinstance(generator, torch.Generator):
        raise ValueError(f"generator must be a torch.Generator, got {generator!r}")
    if not isinstance(difficulty, Difficulty):
        raise ValueError(f"difficulty must be a Difficulty, got {difficulty!r}")
