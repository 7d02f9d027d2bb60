"""One batch by heart: some steps on a single batch, which any training that works can learn."""

import copy
import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from transformer_lib.training.hearing import hear
from transformer_lib.training.rates import Rates
from transformer_lib.training.step import clip_gradient
from transformer_lib.training.vitals import alike, mean_of

WARMUP = 10
LEARNED = 0.7  # of the loss of a batch: a trial in which it falls so far needs no controls
STUCK = 0.94  # of the loss of one who knows the frequencies alone


def trial(
    model: nn.Module,
    batch: Any,
    loss: Callable[[nn.Module, Any], Any],
    optimizers: Sequence[Optimizer],
    peak: float = 1.0,
    *,
    steps: int = 60,
    pad_id: int | None = None,
) -> dict[str, float]:
    """Follow the gradient of one batch, without dropout, on a copy of model and optimizers.

    Args:
        model: any module.
        batch: what `loss` takes.
        loss: as in `health`.
        optimizers: those of the model.
        peak: factor of their rates, reached after ten steps.
        steps: how many.
        pad_id: as in `health`.

    Returns:
        Numbers by name: the loss at the start, at its highest and at the end, infinite where it was
        not finite; how alike the tokens are after it (`alike_after`); and of the first step at the
        full rate: `unmoved`, the largest share of a matrix that it left as it was though it had a
        gradient there, and `update`, the median over the matrices of |update| / |weight|.
    """
    model, optimizers = copy.deepcopy((model, list(optimizers)))
    model.eval()
    rates = Rates(model, optimizers, lambda step: peak * min(1.0, step / WARMUP), steps)
    losses, numbers = [], {}
    for step in range(1, steps + 1):
        rates.set(step)
        for optimizer in optimizers:
            optimizer.zero_grad()
        value = mean_of(loss(model, batch))
        losses.append(value.item())
        value.backward()
        clip_gradient(rates.parameters, 1.0)
        watched = step == min(WARMUP, steps)
        before = [(p, p.detach().clone()) for p in rates.parameters if watched and p.dim() > 1]
        for optimizer in optimizers:
            optimizer.step()
        if watched:
            numbers |= _moved(before)
    with hear(model) as heard:
        losses.append(mean_of(loss(model, batch)).item())
    if "alike" in (now := alike(heard, pad_id)):
        numbers["alike_after"] = now["alike"]
    losses = [x if math.isfinite(x) else math.inf for x in losses]
    return numbers | {"start": losses[0], "highest": max(losses), "end": losses[-1]}


def learned_some(numbers: dict[str, float]) -> bool:
    """Whether a trial got below the loss of one who knows the frequencies alone."""
    return numbers["end"] <= STUCK * numbers.get("frequencies", math.inf)


def controls(
    model: nn.Module,
    batch: Any,
    loss: Callable[[nn.Module, Any], Any],
    optimizers: Sequence[Optimizer],
    peak: float,
    tried: dict[str, float],
) -> dict[str, float]:
    """Where a trial has not learned its batch: would another rate, or more time?

    Args:
        model: as in `trial`.
        batch: as in `trial`.
        loss: as in `trial`.
        optimizers: as in `trial`.
        peak: as in `trial`.
        tried: its numbers, and those of `vitals`.

    Returns:
        Numbers by name, as far as they are needed: `tenth`, its last loss with a tenth of the rate,
        as a part of that which it had; `later`, where no more than the frequencies were learned,
        the loss after four times the steps; and where that is no more either, `tenfold`, how many
        times as far the loss falls with ten times the rate.
    """
    run, more = (model, batch, loss, optimizers), {}
    fall = 1 - tried["end"] / tried["start"]
    if not fall > LEARNED:  # NaN too
        more["tenth"] = trial(*run, 0.1 * peak)["end"] / tried["end"]
        if more["tenth"] < 0.5:
            return more
    if "frequencies" in tried and not learned_some(tried):
        more["later"] = trial(*run, peak, steps=240)["end"]
        if learned_some(tried | {"end": more["later"]}):
            return more
    if not learned_some(tried) or fall < 0.02:
        further = 1 - trial(*run, 10 * peak)["end"] / tried["start"]
        more["tenfold"] = further / max(fall, 1e-6)
    return more


def _moved(before: list[tuple[nn.Parameter, torch.Tensor]]) -> dict[str, float]:
    """What a step did to the matrices that had a gradient."""
    unmoved, updates = [0.0], []
    for parameter, old in before:
        if parameter.grad is None or not (pulled := parameter.grad != 0).any():
            continue
        new = parameter.detach()
        unmoved.append((new == old)[pulled].float().mean().item())
        updates.append(((new - old).float().norm() / old.float().norm().clamp(min=1e-12)).item())
    numbers = {"unmoved": max(unmoved)}
    if updates:
        numbers["update"] = torch.tensor(updates).median().item()
    return numbers
