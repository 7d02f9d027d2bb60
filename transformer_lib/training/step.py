"""One step's loss and gradient: of all its batches, in all processes."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from transformer_lib.training import parallel


class StepLoss:
    """The loss of a step, batch by batch.

    Losses that are means are averaged. Losses that are sums come with what they count, and the
    step divides by all the counts together: so it is the step of one large batch also where the
    batches count unequally many tokens.

    Args:
        batches: how many there are in this process.
    """

    def __init__(self, batches: int):
        self._batches = batches
        self._value: Any = 0.0
        self._counts: list[Tensor] | None = None

    def add(self, loss: Any) -> Tensor:
        """Take the loss of one more batch, and return what to go backward from.

        Raises:
            ValueError: if it is neither a scalar with a gradient, nor such a one and a count.
        """
        value, count = loss if isinstance(loss, tuple) and len(loss) == 2 else (loss, None)
        if not _is_scalar(value) or not value.requires_grad:
            raise ValueError(
                "loss must be a scalar tensor that depends on the model, or a sum and a count, "
                f"got {_said(loss)}"
            )
        if count is None:
            value = value / self._batches
        else:
            count = torch.as_tensor(count, device=value.device)
            if count.dim() or count < 0:
                raise ValueError(f"loss must return a count of at least 0, got {count.tolist()}")
            self._counts = [*(self._counts or []), count]
        self._value += value.detach()
        return value

    def mean(self, parameters: Sequence[nn.Parameter]) -> float:
        """The loss of the step; gradients of sums become those of the mean."""
        if self._counts is None:
            return parallel.mean(self._value).item()
        exact = torch.promote_types(self._value.dtype, torch.float32)
        both = torch.stack([x.to(exact) for x in (self._value, sum(self._counts))])
        value, count = parallel.total(both)
        scale = parallel.world() / count.clamp(min=1)  # what was wrapped has averaged already
        for parameter in parameters:
            if parameter.grad is not None:
                parallel.own(parameter.grad).mul_(scale)
        return (value / count.clamp(min=1)).item()


def clip_gradient(parameters: Sequence[nn.Parameter], clip: float | None) -> float:
    """Shorten the gradient of all parameters to `clip`, and return the length that it had.

    Raises:
        ValueError: if there is none.
    """
    if all(parameter.grad is None for parameter in parameters):
        raise ValueError(
            "loss must depend on the parameters of optimizer, got one without a gradient for any"
        )
    norm = nn.utils.clip_grad_norm_(parameters, math.inf if clip is None else clip)
    return parallel.whole(norm).item()


def check_finite(step: int, loss: float, norm: float) -> None:
    """Stop before the step that would spoil the weights.

    Raises:
        FloatingPointError: naming the step.
    """
    for name, value in (("loss", loss), ("length of the gradient", norm)):
        if not math.isfinite(value):
            raise FloatingPointError(f"{name} at step {step} is {value}")


def check_weights(model: nn.Module, step: int) -> None:
    """Stop before weights that a step has spoiled are kept as good, or measured.

    Raises:
        FloatingPointError: naming the step and the first of them.
    """
    parameters = dict(model.named_parameters())
    for name, value in model.state_dict().items():
        value = parallel.own(value)
        if not value.is_floating_point():
            continue
        good = value.isfinite() if name in parameters else ~value.isnan()  # a mask may hold -inf
        if not good.all():
            raise FloatingPointError(f"{name} after step {step} is not finite")


def _is_scalar(value: Any) -> bool:
    return isinstance(value, Tensor) and value.dim() == 0


def _said(loss: Any) -> str:
    if not isinstance(loss, Tensor):
        return type(loss).__name__
    return f"{tuple(loss.shape)}" + ("" if loss.requires_grad else " without a gradient")
