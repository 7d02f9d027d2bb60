"""How a file was learnt from, drawn: its parts, what read them, and who answers."""

from collections.abc import Mapping
from typing import Any

from transformer_lib.show.canvas import WIDTH, Canvas

_LEFT, _LONGEST, _DEV, _TEST = 84, 150, 288, 346  # of the table of scores


def contest(about: Mapping[str, Any]) -> Canvas:
    """Draw a contest: the three parts of a file, the candidates, their scores, the winner.

    Args:
        about: the figures of a finished run: its name, unit, parts, read, parameters, measure,
            shares, dev, test and winner.

    Returns:
        A `Canvas`.

    Raises:
        ValueError: if there is no winner yet.
    """
    if "winner" not in about:
        raise ValueError(f"about must be of a finished run, with a winner, got {sorted(about)}")
    parts, dev, winner = about["parts"], about["dev"], about["winner"]
    baseline, *others = [name for name in dev if name != "together"]
    sizes = ", ".join(f"{name} {size:,}" for name, size in parts.items())
    c = Canvas(
        f"A contest over {about['name']}",
        f"{about['name']} is cut into {sizes} {about['unit']}. {baseline} and "
        f"{' and '.join(others)} learn from train and read the same, {about['read']}. Dev decides: "
        f"{winner} answers. Test is looked at once, at the end.",
    )
    middle = WIDTH / 2
    c.text(middle, 10, f"{about['name']}, {sum(parts.values()):,} {about['unit']}", "name")
    ends = _cut(c, parts)
    c.line((ends["train"], 62), (ends["train"], 82), tip=False)
    c.text(ends["train"], 92, about["read"], "shape")
    spread = [WIDTH * (2 * n + 1) / (2 * (1 + len(others))) for n in range(1 + len(others))]
    for x, name in zip(spread, (baseline, *others), strict=True):
        c.line((ends["train"], 102), (x, 124))
        note = {baseline: "counted", others[-1]: f"{about['parameters']:,}"}.get(name, "published")
        note += " parameters" * (name == others[-1] and len(spread) == 2)
        c.box(x, 146, min(170, WIDTH / len(spread) - 10), 40, name, note=note)
    c.text(_LEFT, 192, about["measure"], "left shape")
    c.text(_DEV, 192, "dev", "right name")
    c.text(_TEST, 192, "test", "right shape")
    for row, (name, score) in enumerate(dev.items()):
        _score(c, 216 + 26 * row, name, score, about)
    return c


def _cut(c: Canvas, parts: Mapping[str, int]) -> dict[str, float]:
    """A bar cut into the parts; where the middle of each is."""
    x, middles = 4.0, {}
    for name, size in parts.items():
        width = (WIDTH - 8) * size / sum(parts.values())
        middles[name] = x + width / 2
        c.box(x + width / 2, 44, width - 2, 34, name, "weights score", said=f"{name}: {size:,}")
        x += width
    return middles


def _score(c: Canvas, y: float, name: str, score: float, about: Mapping[str, Any]) -> None:
    """A candidate's row: a bar of its score on dev, and both figures."""
    wins = name == about["winner"]
    length = max(2.0, _LONGEST * score / (max(about["dev"].values()) or 1.0))
    c.text(_LEFT - 8, y, name, "right name" if wins else "right")
    kind = "weights value" if wins else "weights score"
    c.box(_LEFT + length / 2, y, length, 16, "", kind, said=f"{name}: {score:.3f}")
    if wins:
        c.text(_LEFT + 6, y, "answers", "left tight")
    for x, found, look in (
        (_DEV, score, "right name"),
        (_TEST, about["test"][name], "right shape"),
    ):
        c.text(x, y, f"{100 * found:.1f} %" if about["shares"] else f"{found:.3f}", look)
