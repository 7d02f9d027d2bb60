"""Losses over the size of models, and a guess for a larger one."""

import math
from collections.abc import Callable, Sequence

from transformer_lib import checks
from transformer_lib.show.canvas import WIDTH, Canvas

LEFT, TOP, FLOOR, RIGHT = 40.0, 16.0, 216.0, WIDTH - 14.0  # of the plot


def scaling_plot(
    sizes: Sequence[float],
    losses: Sequence[float],
    target: float,
    *,
    guess: float,
    law: Callable[[float], float] | None = None,
    interval: tuple[float, float] | None = None,
    truth: float | None = None,
) -> Canvas:
    """Losses over the size of models on a logarithmic axis, and a guess for a larger one.

    Args:
        sizes: of the models that were trained.
        losses: theirs, in bits a character.
        target: size of the one that is guessed.
        guess: its loss, as somebody thinks.
        law: what was fitted.
        interval: in which the law expects the target.
        truth: what the target has reached.

    Raises:
        ValueError: if a size or a loss is no number above 0, or `law` cannot be called.
    """
    given = {"target": target, "guess": guess} | ({} if truth is None else {"truth": truth})
    checks.positive(**given)
    checks.several(sizes=sizes, losses=losses)
    checks.positive(**{f"sizes[{n}]": size for n, size in enumerate(sizes)})
    checks.positive(**{f"losses[{n}]": loss for n, loss in enumerate(losses)})
    if law is not None:
        checks.function(law=law)
    if interval is not None:
        checks.several(interval=interval)
        checks.positive(**{f"interval[{n}]": end for n, end in enumerate(interval)})
    values = [*losses, guess, *(interval or ()), *([truth] if truth else [])]
    low, high = math.floor(min(values) * 4 - 0.5) / 4, math.ceil(max(values) * 4) / 4
    first, last = math.log(min(sizes) * 0.9), math.log(target * 1.15)

    def at(size: float, loss: float) -> tuple[float, float]:
        right = (math.log(size) - first) / (last - first)
        return LEFT + right * (RIGHT - LEFT), FLOOR - (loss - low) / (high - low) * (FLOOR - TOP)

    told = f"; measured {truth:.2f}" if truth else ""
    canvas = Canvas("Bits over size", f"Guessed for {target:,.0f}: {guess:.2f}{told}.")
    canvas.line((LEFT, TOP), (LEFT, FLOOR), (RIGHT, FLOOR), tip=False)
    for i in range(round((high - low) * 4) + 1):
        x, y = LEFT, at(target, low + i / 4)[1]
        canvas.line((x - 4, y), (x, y), tip=False)
        canvas.text(x - 7, y, f"{low + i / 4:.2f}", "right shape")
    for size in (min(sizes), max(sizes), target):
        canvas.text(at(size, low)[0], FLOOR + 14, f"{size / 1000:.0f}k", "shape")
    canvas.text((LEFT + RIGHT) / 2, FLOOR + 31, "parameters, embeddings not counted", "shape")
    canvas.text(LEFT + 6, TOP - 4, "bits a character", "left shape")
    if law is not None:
        steps = [min(sizes) * (target / min(sizes)) ** (i / 24) for i in range(25)]
        canvas.line(*(at(size, law(size)) for size in steps), kind="frame", tip=False)
    if interval is not None:
        canvas.line(*(at(target, loss) for loss in interval), kind="stream", tip=False)
    for size, loss in zip(sizes, losses, strict=True):
        canvas.box(*at(size, loss), 6, 6, "", "weights query", said=f"{loss:.3f}")
    x, y = at(target, guess)
    canvas.box(x, y, 11, 11, "", "weights key", said=f"guessed {guess:.2f}")
    canvas.text(x - 10, y, "your guess", "right tight")
    if truth is not None:
        x, y = at(target, truth)
        canvas.box(x, y, 9, 9, "", "weights value", said=f"measured {truth:.3f}")
        canvas.text(LEFT + 30, FLOOR - 44, f"measured {truth:.2f}", "left value")
        off = f"your guess is off by {abs(guess - truth):.2f}"
        canvas.text(LEFT + 30, FLOOR - 26, off, "left key")
    return canvas
