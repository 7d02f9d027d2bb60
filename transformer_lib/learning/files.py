"""What a file is, and what stands in it; whatever will not do is refused in one line.

a text                          one long row of characters           writer
.csv with text, label           a line, and its class                classifier
.tsv, source TAB target         a line, and what shall be made of it transducer
a folder of folders             pictures, each in its class's folder pictures
.csv with picture, caption      a picture's path, and what it shows  search
"""

import csv
import io
import os
from pathlib import Path

from transformer_lib.learning.data import FEWEST_ROWS, Data
from transformer_lib.learning.labels import check_classes, one_spelling
from transformer_lib.learning.picture_files import read_captions, read_pictures

FEWEST_CHARACTERS, MOST_CHARACTERS = 500, 20_000_000  # of a text
LONGEST_LINE = 5_000_000  # in characters
COLUMNS = {"classifier": ("text", "label"), "search": ("picture", "caption")}


def read(path: str | os.PathLike) -> Data:
    """Read a file, or a folder of folders of pictures.

    Raises:
        ValueError: if it is none of the five kinds, or there is too little in it to learn from;
            the message names the line.
    """
    path = Path(path)
    if path.is_dir():
        return read_pictures(path.resolve())  # "." has no name
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
    if kind == "search":
        return read_captions(pairs, path)
    sources, targets = map(list, zip(*pairs, strict=True))
    if kind == "classifier":
        targets, merged = one_spelling(targets)
        check_classes(targets, path.name)
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
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    if len(text) > LONGEST_LINE:
        number, line = max(enumerate(text.split("\n"), 1), key=lambda found: len(found[1]))
        if len(line) > LONGEST_LINE:
            raise ValueError(
                f"{path.name} must have lines of at most {LONGEST_LINE:,} characters, "
                f"line {number} has {len(line):,}"
            )
    return text, notes


def _writer(text: str, name: str, notes: list[str]) -> Data:
    if len(text) < FEWEST_CHARACTERS:
        raise ValueError(
            f"{name} must have at least {FEWEST_CHARACTERS} characters, got {len(text)}"
        )
    if len(text) > MOST_CHARACTERS:
        notes = [*notes, f"the first {MOST_CHARACTERS:,} of its {len(text):,} characters are read"]
        text = text[:MOST_CHARACTERS]
    if "\n" not in text:
        notes = [*notes, "no line ends: the parts are cut between two characters"]
    return Data("writer", name, [text], [], tuple(notes))


def _csv_rows(text: str, name: str) -> tuple[str, list[tuple[str, str]]]:
    usual = csv.field_size_limit(max(len(text), 1))  # any row may be long; the limit is everyone's
    try:
        return _table_rows(csv.DictReader(io.StringIO(text, newline="")), name)
    finally:
        csv.field_size_limit(usual)


def _table_rows(reader: csv.DictReader, name: str) -> tuple[str, list[tuple[str, str]]]:
    try:
        columns = [(column or "").strip() for column in reader.fieldnames or []]
        kinds = [kind for kind, wanted in COLUMNS.items() if set(wanted) <= set(columns)]
        if not kinds:
            raise ValueError(
                f"{name} must name the columns text and label, or picture and caption, in its "
                f"first line, got {columns}"[:300]
            )
        reader.fieldnames = columns
        first, second = COLUMNS[kinds[0]]
        rows = []
        for row in reader:
            source, target = ((row[column] or "").strip() for column in (first, second))
            if None in row or not source or not target:
                raise ValueError(
                    f"{name} must have a {first} and a {second} in line {reader.line_num}, and "
                    f"nothing more than its first line names"
                )
            rows.append((source, row[second] if kinds[0] == "classifier" else target))
    except csv.Error as error:
        raise ValueError(f"{name} must be CSV, line {reader.line_num}: {error}") from None
    return kinds[0], rows


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
