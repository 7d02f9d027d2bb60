"""What each of many processes holds: squares whose areas are bytes."""

import math
from collections.abc import Mapping

from transformer_lib import checks
from transformer_lib.show.canvas import WIDTH, Canvas

SIDE = 28.0  # of the largest square


def memory_boxes(
    title: str, held: Mapping[str, float], *, processes: int, most: float, said: str
) -> Canvas:
    """A square for each part that a process holds, its area the bytes.

    Args:
        title: the arrangement.
        held: bytes of each part, the same in every process.
        processes: how many; at most eight fit.
        most: bytes of the largest square of all drawings that are compared.
        said: what is sent, and when; a line for each.

    Raises:
        ValueError: if there is nothing to draw, too many processes, a part is above `most`, or a
            text is none.
    """
    checks.string(title=title, said=said)
    checks.whole(processes=processes)
    checks.one_of(range(1, 9), processes=processes)
    checks.positive(most=most)
    if not isinstance(held, Mapping) or not held:
        raise ValueError(f"held must have parts by their names, got {held!r}")
    checks.not_negative(**held)
    if max(held.values()) > most:
        raise ValueError(f"held must be at most {most} (most), got {dict(held)}")
    sizes = ", ".join(f"{name} {gigabytes(x)}" for name, x in held.items())
    canvas = Canvas(title, f"{processes} times: {sizes}.")
    column = (WIDTH - 112) / 8
    for j in range(processes):
        canvas.text(112 + (j + 0.5) * column, 10, str(j), "shape")
    canvas.text(0, 10, "process", "left shape")
    hues = "query", "key", "value", "score"
    for i, (name, size) in enumerate(held.items()):
        y = 38 + 36 * i
        canvas.text(0, y - 7, name, "left")
        canvas.text(0, y + 8, gigabytes(size), "left shape")
        side = SIDE * math.sqrt(size / most)
        for j in range(processes):
            x = 112 + (j + 0.5) * column
            canvas.box(x, y, side, side, "", f"weights {hues[i % 4]}", said=gigabytes(size))
    y = 38 + 36 * len(held)
    canvas.text(0, y, f"each holds {gigabytes(sum(held.values()))}", "left name")
    for i, line in enumerate(said.split("\n")):
        canvas.text(0, y + 20 + 16 * i, line, "left tight")
    return canvas


def gigabytes(size: float) -> str:
    """Bytes in words: 4.0 GB.

    Raises:
        ValueError: if it is no number of bytes.
    """
    checks.not_negative(size=size)
    return f"{size / 1e9:.1f} GB" if size >= 5e7 else f"{size / 1e3:.1f} kB"
