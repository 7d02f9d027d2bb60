"""What was read of a file."""

from dataclasses import dataclass

FEWEST_ROWS = 20


@dataclass(frozen=True)
class Data:
    """What a file holds.

    Attributes:
        kind: "writer", "classifier", "transducer", "pictures" or "search".
        name: of the file or folder.
        sources: texts, of a writer one; or pictures (channels, height, width) of uint8.
        targets: classes, texts or captions, one for each source; none for a writer.
        notes: what was changed in reading, a line each.
        paths: of the pictures, as the file names them.
    """

    kind: str
    name: str
    sources: list
    targets: list[str]
    notes: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
