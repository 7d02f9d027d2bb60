"""What stands in the place of a widget where no script runs: its first state, as HTML."""

from collections.abc import Iterable
from html import escape

from torch import Tensor

from transformer_lib import checks


def bars(chances: Iterable[tuple[str, float]]) -> str:
    """A list with a bar for each name (as HTML): how likely it is."""
    items = "".join(
        f'<li><span class="name">{name}</span><span class="bar" style="--value:{p:.3f}">'
        f'</span><span class="number">{p:.2f}</span></li>'
        for name, p in chances
    )
    return f'<ol class="tlp-bars">{items}</ol>'


def digit_still(picture: Tensor, classes: list[str], chances: Tensor) -> str:
    """A grey picture of whole numbers up to 255, and how likely each class is."""
    checks.floating("first", chances)
    if chances.shape != (len(classes),):
        raise ValueError(f"first must be ({len(classes)},), got {tuple(chances.shape)}")
    if not 0 <= chances.min() <= chances.max() <= 1:
        raise ValueError(f"first must be probabilities, got {chances}")
    size, best = len(picture), int(chances.argmax())
    ink = "".join(
        f'<path d="M{x} {y}h1v1h-1z" opacity="{picture[y, x] / 255:.2f}"/>'
        for y, x in picture.nonzero().tolist()
    )
    likely = zip(map(escape, classes), chances.tolist(), strict=True)
    return (
        f'<svg viewBox="0 0 {size} {size}" width="140" fill="currentColor" aria-hidden="true">{ink}'
        f"</svg><p>It reads {escape(classes[best])} ({chances[best]:.2f}).</p>"
        f"{bars(likely)}"
    )
