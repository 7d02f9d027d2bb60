"""How a model is trained here: steps that fit into the minutes, and the best on dev is kept.

A clock decides once how many steps there are. The number is printed: a run with `steps=` of it is
the same run, bit by bit.
"""

import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from transformer_lib.training.schedules import trapezoid_schedule
from transformer_lib.training.train import train

LOOKS = 10  # at dev, in a training


@dataclass(frozen=True)
class Training:
    """What one training is made of.

    Attributes:
        model: untrained.
        loss: as for `train`.
        batches: as for `train`.
        optimizers: from a model, its optimizers.
        most: steps beyond which the data would be read too often.
        autocast: as for `train`.
    """

    model: nn.Module
    loss: Callable[[nn.Module, Any], Tensor]
    batches: Any
    optimizers: Callable[[nn.Module], Any]
    most: int
    autocast: bool = False


def steps_that_fit(training: Training, minutes: float, look: Callable[[], Any]) -> int:
    """How many steps these minutes have room for, with ten looks at dev; three are timed.

    What is timed is a copy: the model is as it was.
    """
    copy = deepcopy(training.model)
    optimizers = training.optimizers(copy)
    run = {"optimizer": optimizers, "autocast": training.autocast, "steps": 1}
    train(copy, training.loss, training.batches, **run)  # the first one also makes room
    start = time.perf_counter()
    train(copy, training.loss, training.batches, **run | {"steps": 3})
    step = (time.perf_counter() - start) / 3
    start = time.perf_counter()
    look()
    looks = LOOKS * (time.perf_counter() - start)
    return max(LOOKS, min(training.most, int((60 * minutes - looks) / step)))


def fit(training: Training, steps: int, score: Callable[[], float]) -> tuple[dict, Any]:
    """Train, look at dev ten times, and leave the model as it was at its best look.

    Args:
        training: its model is changed in place.
        steps: how many.
        score: of the model on dev, lower is better.

    Returns:
        The score at each look, by step; and the history.
    """
    torch.manual_seed(0)
    model, best = training.model, [float("inf"), None]

    def look(_model: nn.Module) -> float:
        found = score()
        if found < best[0]:
            best[:] = found, deepcopy(model.state_dict())
        return found

    history = train(
        model,
        training.loss,
        training.batches,
        optimizer=training.optimizers(model),
        schedule=trapezoid_schedule(steps, warmup=min(30, steps // 10), decay=steps // 2),
        steps=steps,
        autocast=training.autocast,
        every=max(1, steps // LOOKS),
        evaluate=look,
    )
    model.load_state_dict(best[1])
    model.eval()
    return history.scores, history
