"""A check-up before a training costs anything: what is wrong, by which number, and the cure.

    health(model, batch, loss, optimizer=optimizer, causal=True)

It measures (`vitals`, `trial`) and looks up what the numbers mean (`findings.CHECKS`).
"""

import copy
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from transformer_lib import checks
from transformer_lib.training.findings import CHECKS, Check, Numbers, compared, found
from transformer_lib.training.random_state import random_numbers_kept
from transformer_lib.training.rates import Rates
from transformer_lib.training.trial import controls, trial
from transformer_lib.training.vitals import vitals


@dataclass(frozen=True)
class Health:
    """What a check-up found. Printed, it says so.

    Attributes:
        numbers: all that was measured, by name; in nats, shares and counts.
        findings: the checks that found something, the surest first.
        skipped: the names of those for which a number was missing.
    """

    numbers: Numbers
    findings: tuple[Check, ...]
    skipped: tuple[str, ...]

    def __repr__(self) -> str:
        if not self.findings:
            looked = f"Nothing found; {len(CHECKS) - len(self.skipped)} things were looked for."
            skipped = f"Not examined: {', '.join(self.skipped)}."
            return "\n".join([looked, _wrapped(skipped)] if self.skipped else [looked])
        said = []
        for n, check in enumerate(self.findings, start=1):
            said.append(_wrapped(f"{n}. {check.name}: {check.why.format(**self.numbers)}."))
            said.append(_wrapped(f"   Cure: {check.cure}"))
        return "\n".join(said)


def _wrapped(line: str) -> str:
    return textwrap.fill(line, 88, subsequent_indent="   ", break_on_hyphens=False)


def health(
    model: nn.Module,
    batch: Any,
    loss: Callable[[nn.Module, Any], Any],
    *,
    optimizer: Optimizer | Sequence[Optimizer] | None = None,
    schedule: Callable[[int], float] | None = None,
    steps: int | None = None,
    causal: bool = False,
    pad_id: int | None = None,
    held_out: Any = None,
    trained: bool = False,
) -> Health:
    """Examine a training: the model, a batch and the loss, and how it is to be trained.

    It costs about as much as seventy steps, and more where one batch is not learned by heart. It
    works on copies of model and optimizer, so it needs twice their memory, and leaves weights,
    gradients, random numbers and modes as they were. A finding says what is wrong; that there is
    none does not say that all is well.

    Args:
        model: any module.
        batch: what `loss` takes.
        loss: `loss(model, batch)`, as for `train`. Where it calls cross-entropy, the loss is
            compared with that of one who knows nothing, or the frequencies alone.
        optimizer: one or several; without, no training is tried.
        schedule: as for `train`.
        steps: how many steps it is for; needed with `schedule`.
        causal: whether an output may depend on its place and those before it alone.
        pad_id: what fills rows of ids behind their ends; None for nothing.
        held_out: a batch of the same kind that training does not see.
        trained: whether the weights should know something already.

    Returns:
        Numbers and findings; printed, it says what was found, why, and the cure.

    Raises:
        ValueError: if `model` is not a module, a schedule comes without steps, or the optimizer
            moves what is not the model's.
    """
    if not isinstance(model, nn.Module):
        raise ValueError(f"model must be a module, got {type(model).__name__}")
    checks.flag(causal=causal, trained=trained)
    if schedule is not None and steps is None:
        raise ValueError("steps must be given with a schedule, got None")
    checks.at_least_or_none(1, steps=steps)
    given = [] if optimizer is None else Rates(model, optimizer, schedule, steps or 0).optimizers
    model, optimizers, loss = copy.deepcopy((model, given, loss))
    how = {"causal": causal, "pad_id": pad_id, "held_out": held_out}
    with random_numbers_kept(), torch.enable_grad():
        numbers = vitals(model, batch, loss, **how)
        if optimizers and numbers["finite"]:
            numbers |= _plan(model, optimizers, schedule, steps)
            run = (model, batch, loss, optimizers, numbers.pop("peak"))
            numbers |= trial(*run, pad_id=pad_id)
            if not found(compared(numbers, trained)):  # what is found needs no more runs
                numbers |= controls(*run, numbers)
    numbers = compared(numbers, trained)
    skipped = (check.name for check in CHECKS if not numbers.keys() >= {*check.needs})
    return Health(numbers, found(numbers), tuple(skipped))


def _plan(model, optimizers, schedule, steps) -> Numbers:
    """What can be said of optimizer and schedule before a step is taken."""
    held = {id(p) for o in optimizers for group in o.param_groups for p in group["params"]}
    left_out = sum(p.requires_grad and id(p) not in held for p in model.parameters())
    numbers = {"left_out": left_out, "peak": 1.0}
    if schedule is not None:
        factors = [float(schedule(step)) for step in range(1, steps + 1)]
        half = max(factors[: (steps + 1) // 2])
        rising = factors[-1] / half if factors[-1] == max(factors) and half else 1.0
        numbers |= {"first_factor": factors[0], "rising": rising, "peak": max(factors)}
    return numbers
