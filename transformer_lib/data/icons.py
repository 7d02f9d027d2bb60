"""Icons and their names: 7,343 small drawings out of a font, and the words they are called by.

The font and the table of its names lie inside the package `qtawesome`; its code is never imported.
A picture is drawn at four times its size and averaged down, white on black, like the digits.
"""

import io
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from transformer_lib import checks
from transformer_lib.data.augment import check_pictures
from transformer_lib.data.images import Augmentation
from transformer_lib.data.order import Endless, Shuffled, random_numbers
from transformer_lib.data.vocabulary import Vocabulary

SIZE = 28
"""Height and width of an icon, in pixels."""

MOST_WORDS = 8
"""No name is longer."""

SEEN = 3
"""Each word of a name that is held out occurs in at least so many names to learn from."""

_FINER = 4  # how many times larger an icon is drawn, before its pixels are averaged
_FONT = "materialdesignicons6-webfont"
_FILES = f"{_FONT}-6.9.96.ttf", f"{_FONT}-charmap-6.9.96.json"


@dataclass(frozen=True)
class Icons:
    """Pictures, and the name of each: words with blanks between them.

    Raises:
        ValueError: if `images` are not pictures, or not as many as names.
    """

    images: Tensor  # (count, 1, SIZE, SIZE) in 0 … 1
    names: tuple[str, ...]

    def __post_init__(self):
        check_pictures(self.images)
        checks.several(names=self.names)
        checks.string(**{f"names[{n}]": name for n, name in enumerate(self.names)})
        if len(self.names) != len(self.images):
            raise ValueError(
                f"names must be one for each of {len(self.images)} pictures, got {len(self.names)}"
            )

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, rows: Tensor) -> "Icons":
        """Those at the places `rows` (count,).

        Raises:
            ValueError: if `rows` are not places.
        """
        checks.row("rows", rows, len(self), of="count")
        return Icons(self.images[rows], tuple(self.names[row] for row in rows.tolist()))


@dataclass(frozen=True)
class IconSet:
    """Icons to learn from, icons to be tested on, and the words of the former.

    Attributes:
        train: to learn from.
        test: each of its words occurs in `train`, but no name there has the same words.
        vocabulary: the words of `train`, with ids for padding and for the end of a name.
    """

    train: Icons
    test: Icons
    vocabulary: Vocabulary


@dataclass(frozen=True)
class Pairs:
    """A batch: picture n and text n belong together."""

    images: Tensor  # (batch, 1, SIZE, SIZE)
    ids: Tensor  # (batch, length)


def read_icons() -> tuple[Icons, dict[str, str]]:
    """Draw all icons of Material Design Icons 6.9.96; nothing is downloaded.

    Returns:
        Each picture once, under the first of its names in the font's order; and the further names
        that some have, `{further: first}`.

    Raises:
        ModuleNotFoundError: if `qtawesome` is not installed.
    """
    package = find_spec("qtawesome")  # a path only: the package itself is not imported
    if package is None:
        raise ModuleNotFoundError("qtawesome is not installed, and with it the icons are missing")
    font_file, names_file = (
        Path(package.submodule_search_locations[0]) / "fonts" / file for file in _FILES
    )
    font = ImageFont.truetype(io.BytesIO(font_file.read_bytes()), _FINER * SIZE)
    first: dict[bytes, str] = {}
    further: dict[str, str] = {}
    for dashed, code in json.loads(names_file.read_text(encoding="utf-8")).items():
        name, pixels = dashed.replace("-", " "), _drawn(font, chr(int(code, 16)))
        if not any(pixels):
            continue
        if first.setdefault(pixels, name) != name:
            further[name] = first[pixels]
    images = torch.frombuffer(bytearray(b"".join(first)), dtype=torch.uint8)
    return Icons(images.view(-1, 1, SIZE, SIZE).float() / 255, tuple(first.values())), further


def load_icons(*, test: int = 500, dev: int = 0, seed: int = 0) -> IconSet:
    """Read the icons, and hold out new combinations of known words.

    Args:
        test: how many are held out.
        dev: if not 0, so many of the others are held out instead, for choices that are made
            without a look at the test; the test's are left out altogether.
        seed: decides which.

    Raises:
        ModuleNotFoundError: if `qtawesome` is not installed.
        ValueError: if there are not as many names whose words are known from others.
    """
    checks.at_least(1, test=test)
    checks.at_least(0, dev=dev, seed=seed)
    icons, _ = read_icons()
    kept, held_out = new_combinations(icons.names, test, seed=seed)
    if dev:
        icons = icons[kept]
        kept, held_out = new_combinations(icons.names, dev, seed=seed)
    train = icons[kept]
    words = sorted({word for name in train.names for word in name.split()})
    return IconSet(train, icons[held_out], Vocabulary(tuple(words), special=True))


def new_combinations(names: Sequence[str], size: int, *, seed: int) -> tuple[Tensor, Tensor]:
    """Draw names of two words or more whose words all stay known, but not together.

    Args:
        names: words with blanks between them.
        size: how many to draw.
        seed: decides which.

    Returns:
        The places that were left and the places that were drawn, both in ascending order.

    Raises:
        ValueError: if there are not as many.
    """
    checks.at_least(1, size=size)
    checks.several(names=names)
    for name in names:
        checks.string(names=name)
    words = [frozenset(name.split()) for name in names]
    left = Counter(word for name in words for word in name)
    same = Counter(words)
    drawn: list[int] = []
    for place in torch.randperm(len(names), generator=random_numbers(seed, 0)).tolist():
        name = words[place]
        if len(name) < 2 or same[name] > 1 or any(left[word] <= SEEN for word in name):
            continue
        left.subtract(name)
        drawn.append(place)
        if len(drawn) == size:
            break
    else:
        raise ValueError(f"size must be at most {len(drawn)}, all that can be drawn, got {size}")
    chosen = torch.zeros(len(names), dtype=torch.bool)
    chosen[drawn] = True
    return (~chosen).nonzero()[:, 0], chosen.nonzero()[:, 0]


def name_ids(names: Sequence[str], vocabulary: Vocabulary) -> Tensor:
    """Turn names into rows of ids: the words, the end, and padding.

    Returns:
        (count, MOST_WORDS + 1).

    Raises:
        ValueError: if a word is not in the vocabulary, or a name has more than MOST_WORDS.
    """
    checks.several(names=names)
    checks.a(Vocabulary, vocabulary=vocabulary)
    number = {word: place for place, word in enumerate(vocabulary.symbols, 3)}
    ids = torch.full((len(names), MOST_WORDS + 1), vocabulary.pad_id)
    for row, name in enumerate(names):
        words = name.split()
        unknown = [word for word in words if word not in number]
        if unknown or len(words) > MOST_WORDS:
            raise ValueError(
                f"names must be at most {MOST_WORDS} known words each, got {name!r}"
                + (f": {', '.join(unknown)} unknown" if unknown else "")
            )
        ids[row, : len(words) + 1] = torch.tensor(
            [*(number[word] for word in words), vocabulary.eos_id]
        )
    return ids


class IconBatches(Endless):
    """Pictures and names without end: `batches[step]` is a function of the step and the seed.

    Args:
        data: icons to learn from.
        vocabulary: of their words.
        batch_size: number of pairs in a batch; those left over at the end of an epoch, fewer than
            a batch, are not seen in it.
        seed: decides order and augmentation.
        augment: `augment(images, generator)` changes the pictures of a batch, see
            `data.augment.jitter`; None for none.

    Raises:
        ValueError: if `batch_size` is not in 1 … the number of icons, or a word is unknown.
    """

    def __init__(
        self,
        data: Icons,
        vocabulary: Vocabulary,
        *,
        batch_size: int,
        seed: int = 0,
        augment: Augmentation | None = None,
    ):
        if not isinstance(data, Icons):
            raise ValueError(f"data must be Icons, got {type(data).__name__}")
        if augment is not None:
            checks.function(augment=augment)
        self.images, self.ids = data.images, name_ids(data.names, vocabulary)
        self.order = Shuffled(len(data), batch_size=batch_size, seed=seed)
        self.seed, self.augment = seed, augment

    def __getitem__(self, n: int) -> Pairs:
        """Batch n, counted from 0."""
        places = self.order[n]
        images = self.images[places]
        if self.augment is not None:
            images = self.augment(images, random_numbers(self.seed + 1, n))
        return Pairs(images, self.ids[places])


def _drawn(font: ImageFont.FreeTypeFont, character: str) -> bytes:
    """One character in the middle of SIZE × SIZE pixels, a byte each."""
    side = _FINER * SIZE
    canvas = Image.new("L", (side, side), 0)
    middle = side // 2, side // 2
    ImageDraw.Draw(canvas).text(middle, character, font=font, fill=255, anchor="mm")
    return np.asarray(canvas.resize((SIZE, SIZE), Image.Resampling.BOX)).tobytes()
