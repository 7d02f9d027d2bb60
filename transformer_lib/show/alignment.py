"""Which word of one sentence belongs to which of another, as lines between two columns."""

from collections.abc import Sequence

from torch import Tensor

from transformer_lib import checks
from transformer_lib.show.canvas import WIDTH, Canvas

LEAST = 0.08  # weights below it are not drawn
STEP, LEFT, RIGHT = 26, 140, WIDTH - 140


def alignment(read: Sequence[str], written: Sequence[str], weights: Tensor) -> Canvas:
    """Draw two sentences from top to bottom, and a line wherever a written word looked.

    Args:
        read: the words of the source, on the left.
        written: the words of the target, on the right.
        weights: (written, read), how much each looks at each; the thicker the line.

    Raises:
        ValueError: if there are no words, or the weights are not of this shape or not finite.
    """
    checks.several(read=read, written=written)
    checks.floating("weights", weights, dims=2)
    if not weights.isfinite().all():
        raise ValueError("weights must be finite, got NaN or ∞")
    if weights.shape != (len(written), len(read)):
        raise ValueError(
            f"weights must be (written, read) = ({len(written)}, {len(read)}), "
            f"got {tuple(weights.shape)}"
        )
    most = [read[i] for i in weights.argmax(dim=1).tolist()]
    pairs = "; ".join(f"{word} at {other}" for word, other in zip(written, most, strict=True))
    canvas = Canvas("Where each written word looked", f"Most of all, {pairs}.")
    for i, row in enumerate(weights.tolist()):
        for j, weight in enumerate(row):
            if weight >= LEAST:
                style = f"stroke-width:{0.6 + 4 * weight:.1f};stroke-opacity:{weight:.2f}"
                canvas.parts.append(
                    f'<path class="line" d="M{LEFT} {_y(j)}L{RIGHT} {_y(i)}" style="{style}">'
                    f"<title>{weight:.2f}</title></path>"
                )
    for j, word in enumerate(read):
        canvas.text(LEFT - 8, _y(j), word, "right")
    for i, word in enumerate(written):
        canvas.text(RIGHT + 8, _y(i), word, "left")
    return canvas


def _y(place: int) -> int:
    return 16 + STEP * place
