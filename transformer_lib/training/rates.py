"""The optimizers of a run and their learning rates."""

from collections.abc import Callable, Iterable, Sequence

from torch import nn
from torch.optim import Optimizer

from transformer_lib import checks


class Rates:
    """Learning rates: at each step those of the call times a factor, afterwards as before.

    Args:
        model: whose parameters are moved.
        optimizer: one or several.
        schedule: factor at a step, counted from 1; None for 1.
        steps: how many there will be.

    Raises:
        ValueError: if there is no optimizer, a parameter is not the model's or is moved twice, a
            rate is negative or not finite, or the schedule is at some step.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: Optimizer | Iterable[Optimizer],
        schedule: Callable[[int], float] | None,
        steps: int,
    ):
        checks.module(model=model)
        checks.at_least(0, steps=steps)
        if schedule is not None:
            checks.function(schedule=schedule)
        if not isinstance(optimizer, Optimizer):
            checks.several(optimizer=optimizer)
        self.optimizers = [optimizer] if isinstance(optimizer, Optimizer) else list(optimizer)
        if not self.optimizers or not all(isinstance(o, Optimizer) for o in self.optimizers):
            raise ValueError(f"optimizer must be one of torch's or several, got {optimizer!r}")
        self.parameters = [p for group in self.groups for p in group["params"]]
        _check_parameters(model, self.parameters)
        self._base = [group["lr"] for group in self.groups]
        for lr in self._base:
            checks.not_negative(lr=float(lr))
        self._schedule = schedule
        for step in range(1, steps + 1):  # better now than after a day
            self.factor(step)

    @property
    def groups(self) -> list[dict]:
        """The groups of all optimizers; new ones after an optimizer has loaded its state."""
        return [group for o in self.optimizers for group in o.param_groups]

    def factor(self, step: int) -> float:
        """What the schedule says, as a number of Python's."""
        factor = 1.0 if self._schedule is None else float(self._schedule(step))
        checks.not_negative(**{f"schedule({step})": factor})
        return factor

    def set(self, step: int) -> float:
        """Give every group its rate at a step, and return the factor."""
        factor = self.factor(step)
        for group, lr in zip(self.groups, self._base, strict=True):
            group["lr"] = lr * factor
        return factor

    def restore(self) -> None:
        """Put the rates back to what they were at the call."""
        for group, lr in zip(self.groups, self._base, strict=True):
            group["lr"] = lr


def _check_parameters(model: nn.Module, parameters: Sequence[nn.Parameter]) -> None:
    own = {id(p) for p in model.parameters()}
    foreign = [tuple(p.shape) for p in parameters if id(p) not in own]
    if foreign:
        raise ValueError(
            f"optimizer must move parameters of model alone, got {len(foreign)} others, the first "
            f"of shape {foreign[0]}"
        )
    if len({id(p) for p in parameters}) < len(parameters):
        raise ValueError("optimizer must move each parameter once, got some in two of them")
