"""What a file is, and what stands in it; whatever will not do is refused in one line.

a text                          one long row of characters           writer
.csv with text, label           a line, and its class                classifier
.tsv, source TAB target         a line, and what shall be made of it transducer
a folder of folders             pictures, each in its class's folder pictures
"""

import csv
import io
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

FEWEST_ROWS, FEWEST_CHARACTERS = 20, 500
MOST_NUMBERS = 20  # more different numbers than this are no classes
LARGEST_SIDE = 32  # of a picture, in pixels


@dataclass(frozen=True)
class Data:
    """What a file holds.

    Attributes:
        kind: "writer", "classifier", "transducer" or "pictures".
        name: of the file or folder.
        sources: texts, of a writer one; or pictures (channels, height, width) of uint8.
        targets: classes or texts, one for each source; none for a writer.
        notes: what was changed in reading, a line each.
    """

    kind: str
    name: str
    sources: list
    targets: list[str]
    notes: tuple[str, ...] = ()


def read(path: str | os.PathLike) -> Data:
    """Read a file, or a folder of folders of pictures.

    Raises:
        ValueError: if it is none of the four kinds, or there is too little in it to learn from;
            the message names the line.
    """
    path = Path(path)
    if path.is_dir():
        return read_pictures(path)
    if not path.is_file():
        raise ValueError(f"path must be a file or a folder of folders, got {str(path)!r}")
    text, notes = decode(path)
    if not text.strip():
        raise ValueError(f"{path.name} must hold something, it is empty")
    rows = {".csv": _csv_rows, ".tsv": _tsv_rows}.get(path.suffix.lower())
    if rows is None:
        return _writer(text, path.name, notes)
    kind, pairs = rows(text, path.name)
    if len(pairs) < FEWEST_ROWS:
        raise ValueError(f"{path.name} must have at least {FEWEST_ROWS} rows, got {len(pairs)}")
    sources, targets = map(list, zip(*pairs, strict=True))
    if kind == "classifier":
        targets, merged = one_spelling(targets)
        _check_classes(targets, path.name)
        notes += merged
    return Data(kind, path.name, sources, targets, tuple(notes))


def decode(path: Path) -> tuple[str, list[str]]:
    """The text of a file in UTF-8, without the mark that some programs put in front."""
    content = path.read_bytes()
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"{path.name} must be UTF-8, line {line} has the byte 0x{content[error.start]:02x}: "
            f"save it as UTF-8, or if it is Latin-1 call iconv -f latin1 -t utf8"
        ) from None
    if "\0" in text:
        raise ValueError(f"{path.name} must be text, it holds a byte 0")
    notes = ["a byte order mark at its start is left out"] if text.startswith("\ufeff") else []
    return text.removeprefix("\ufeff").replace("\r\n", "\n"), notes


def one_spelling(labels: list[str]) -> tuple[list[str], list[str]]:
    """Labels that differ in case or blanks alone are one, spelt as most often; and a note of it."""
    spellings: dict[str, Counter] = {}
    for label in labels:
        spellings.setdefault(" ".join(label.split()).casefold(), Counter())[label] += 1
    best = {key: " ".join(seen.most_common(1)[0][0].split()) for key, seen in spellings.items()}
    notes = [
        f"the labels {', '.join(map(repr, seen))} are read as one, {best[key]!r}"
        for key, seen in spellings.items()
        if len(seen) > 1
    ]
    return [best[" ".join(label.split()).casefold()] for label in labels], notes


def _writer(text: str, name: str, notes: list[str]) -> Data:
    if len(text) < FEWEST_CHARACTERS:
        raise ValueError(
            f"{name} must have at least {FEWEST_CHARACTERS} characters, got {len(text)}"
        )
    if "\n" not in text:
        notes = [*notes, "no line ends: the parts are cut between two characters"]
    return Data("writer", name, [text], [], tuple(notes))


def _csv_rows(text: str, name: str) -> tuple[str, list[tuple[str, str]]]:
    csv.field_size_limit(max(len(text), 131_072))  # a line may be the whole file
    reader = csv.DictReader(io.StringIO(text, newline=""))
    columns = [(column or "").strip() for column in reader.fieldnames or []]
    if not {"text", "label"} <= set(columns):
        raise ValueError(
            f"{name} must name the columns text and label in its first line, got {columns}"[:300]
        )
    reader.fieldnames = columns
    rows = []
    try:
        for row in reader:
            text, label = row["text"], row["label"]
            if None in row or not (text or "").strip() or not (label or "").strip():
                raise ValueError(f"{name} must have a text and a label in line {reader.line_num}")
            rows.append((text.strip(), label))
    except csv.Error as error:
        raise ValueError(f"{name} must be CSV, line {reader.line_num}: {error}") from None
    return "classifier", rows


def _tsv_rows(text: str, name: str) -> tuple[str, list[tuple[str, str]]]:
    rows = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        source, tab, target = line.partition("\t")
        if not tab or "\t" in target:
            raise ValueError(
                f"{name} must have one tab in each line, line {number} has {line.count(chr(9))}"
            )
        if not source.strip() or not target.strip():
            raise ValueError(f"{name} must have text on both sides of the tab in line {number}")
        rows.append((source.strip(), target.strip()))
    return "transducer", rows


def _check_classes(labels: list[str], name: str) -> None:
    kinds = set(labels)
    if len(kinds) < 2:
        raise ValueError(f"{name} must have two classes or more, all are {labels[0]!r}")
    if len(kinds) > MOST_NUMBERS and all(map(_is_number, kinds)):
        raise ValueError(
            f"{name} must have classes as labels, got {len(kinds)} different numbers: "
            f"that is a regression"
        )
    if 2 * len(kinds) > len(labels):
        raise ValueError(
            f"{name} must have labels that come again, got {len(kinds)} in {len(labels)} rows"
        )


def _is_number(label: str) -> bool:
    try:
        float(label)
    except ValueError:
        return False
    return True


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
    _check_classes(labels, folder.name)
    opened = [_open(path) for path, _ in paths]
    notes, grey = [], sum(picture.mode in ("1", "L") for picture in opened)
    if 0 < grey < len(opened):
        notes.append(f"{grey} of {len(opened)} pictures are grey: all are read in colour")
    sizes = {picture.size for picture in opened}
    longest = max(max(size) for size in sizes)
    side = min(LARGEST_SIDE, -(-longest // 4) * 4)
    if sizes != {(side, side)}:
        notes.append(f"pictures of {len(sizes)} sizes are brought to {side} × {side} pixels")
    mode = "L" if grey == len(opened) else "RGB"
    return Data(
        "pictures", folder.name, [pixels(p, side, mode) for p in opened], labels, tuple(notes)
    )


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
