"""Learning rates over time.

A schedule is a plain function of the step, counted from 1, that says by what the learning rate of
the optimizer is multiplied. It has no state, so there is nothing to save or restore.
"""

import math
from collections.abc import Callable

from transformer_lib import checks

Schedule = Callable[[int], float]


def paper_schedule(d_model: int, *, warmup: int = 4000) -> Schedule:
    """The schedule of the first Transformer: a linear rise, then a fall with 1 / √step.

        factor(step) = d_model^-0.5 · min(step^-0.5, step · warmup^-1.5)

    It is the whole learning rate: give the optimizer lr = 1.

    Args:
        d_model: width of the model.
        warmup: number of steps until the peak.

    Raises:
        ValueError: if `d_model` or `warmup` is less than 1; when called, if `step` is.

    Source: Vaswani et al. 2017, §5.3.
    """
    checks.at_least(1, d_model=d_model, warmup=warmup)
    d_model, warmup = int(d_model), int(warmup)  # of numpy's integers no float of numpy's comes

    def factor(step: int) -> float:
        checks.at_least(1, step=step)
        return d_model**-0.5 * min(step**-0.5, step * warmup**-1.5)

    return factor


def cosine_schedule(steps: int, *, warmup: int = 0) -> Schedule:
    """A linear rise to 1 in `warmup` steps, then half a cosine down to 0 at the last step.

    Args:
        steps: number of steps in all.
        warmup: number of steps until the peak, less than `steps`.

    Raises:
        ValueError: if `warmup` is not in 0 … `steps` - 1; when called, if `step` is less than 1.

    Source: Loshchilov and Hutter 2017, "SGDR", §3, without restarts.
    """
    checks.at_least(1, steps=steps)
    _check_part("warmup", warmup, steps)
    steps, warmup = int(steps), int(warmup)

    def factor(step: int) -> float:
        checks.at_least(1, step=step)
        if step <= warmup:
            return step / warmup
        done = min((step - warmup) / (steps - warmup), 1.0)
        return 0.5 * (1 + math.cos(math.pi * done))

    return factor


def trapezoid_schedule(steps: int, *, warmup: int = 0, decay: int) -> Schedule:
    """Warm-up, stable, decay: a linear rise to 1, a plateau, a linear fall to 0 at the end.

    Args:
        steps: number of steps in all.
        warmup: number of steps of the rise.
        decay: number of steps of the fall; `warmup + decay <= steps`.

    Raises:
        ValueError: if the parts do not fit into `steps`; when called, if `step` is less than 1.

    Source: Hu et al. 2024, "MiniCPM", §4.2.
    """
    checks.at_least(1, steps=steps)
    _check_part("warmup", warmup, steps)
    _check_part("decay", decay, steps - warmup + 1)
    steps, warmup, decay = int(steps), int(warmup), int(decay)

    def factor(step: int) -> float:
        checks.at_least(1, step=step)
        rise = step / warmup if step <= warmup else 1.0
        if step > steps:  # also where nothing falls
            return 0.0
        fall = (steps - step) / decay if step > steps - decay else 1.0
        return max(0.0, min(rise, fall))

    return factor


def _check_part(name: str, part: int, whole: int) -> None:
    checks.at_least(0, **{name: part})
    if part >= whole:
        raise ValueError(f"{name} must be in 0 … {whole - 1}, got {part}")
