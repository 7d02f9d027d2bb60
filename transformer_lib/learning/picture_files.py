"""Pictures: from a folder for each class, or from a table with their captions."""

import os
from pathlib import Path

import torch
from torch import Tensor

from transformer_lib.learning.data import FEWEST_ROWS, Data
from transformer_lib.learning.labels import check_classes

LARGEST_SIDE = 32  # of a picture, in pixels


def read_pictures(folder: Path) -> Data:
    """Pictures from a folder for each class, all brought to one size and one number of channels."""
    paths = [
        (file, inside.name)
        for inside in sorted(folder.iterdir())
        if inside.is_dir()
        for file in sorted(inside.iterdir())
        if file.is_file() and not file.name.startswith(".")
    ]
    if len(paths) < FEWEST_ROWS:
        raise ValueError(
            f"{folder.name} must have folders with at least {FEWEST_ROWS} pictures, "
            f"got {len(paths)}"
        )
    labels = [label for _, label in paths]
    check_classes(labels, folder.name)
    pictures, notes = _alike([_open(path) for path, _ in paths])
    return Data("pictures", folder.name, pictures, labels, notes)


def read_captions(pairs: list[tuple[str, str]], file: Path) -> Data:
    """Pictures and what is said of them; paths begin where the table lies."""
    opened = []
    for path, _ in pairs:
        if not (file.parent / path).is_file():
            raise ValueError(f"{file.name} must name pictures that are there, got {path!r}")
        opened.append(_open(file.parent / path))
    pictures, notes = _alike(opened)
    paths, captions = map(tuple, zip(*pairs, strict=True))
    return Data("search", file.name, pictures, list(captions), notes, paths)


def _alike(opened: list) -> tuple[list[Tensor], tuple[str, ...]]:
    """All opened pictures in one size and one number of channels; and notes of it."""
    notes, grey = [], sum(picture.mode in ("1", "L") for picture in opened)
    if 0 < grey < len(opened):
        notes.append(f"{grey} of {len(opened)} pictures are grey: all are read in colour")
    sizes = {picture.size for picture in opened}
    longest = max(max(size) for size in sizes)
    side = min(LARGEST_SIDE, -(-longest // 4) * 4)
    if sizes != {(side, side)}:
        notes.append(f"pictures of {len(sizes)} sizes are brought to {side} × {side} pixels")
    mode = "L" if grey == len(opened) else "RGB"
    return [pixels(picture, side, mode) for picture in opened], tuple(notes)


def _open(path: Path):
    from PIL import Image

    try:
        with Image.open(path) as picture:
            return picture.copy() if picture.mode in ("1", "L") else picture.convert("RGB")
    except (OSError, SyntaxError, ValueError):
        raise ValueError(f"{path.parent.name}/{path.name} must be a picture") from None


def pixels(picture, side: int, mode: str) -> Tensor:
    """The pixels of an opened picture, (channels, side, side) of uint8."""
    channels = 1 if mode == "L" else 3
    picture = picture.convert(mode)
    if picture.size != (side, side):
        picture = picture.resize((side, side))
    values = torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8)
    return values.view(side, side, channels).permute(2, 0, 1)


def open_picture(path: str | os.PathLike, side: int, channels: int) -> Tensor:
    """One picture as those that were learnt from: (channels, side, side) of uint8."""
    if not Path(path).is_file():
        raise ValueError(f"path must be a picture's, got {str(path)!r}")
    return pixels(_open(Path(path)), side, "L" if channels == 1 else "RGB")
