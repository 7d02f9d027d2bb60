"""What stays as it was around something that may change it or break off."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from torch import nn
from torch.optim import Optimizer

from transformer_lib import checks


@contextmanager
def modes_kept(model: nn.Module) -> Iterator[None]:
    """Afterwards every part of the model is in training or evaluation mode as before."""
    checks.module(model=model)
    modes = [(module, module.training) for module in model.modules()]
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


@contextmanager
def all_or_nothing(model: nn.Module, optimizers: Sequence[Optimizer]) -> Iterator[None]:
    """Where loading breaks off, model and optimizers are as before."""
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    states = [optimizer.state_dict() for optimizer in optimizers]
    try:
        yield
    except BaseException:
        model.load_state_dict(weights)
        for optimizer, state in zip(optimizers, states, strict=True):
            optimizer.load_state_dict(state)
        raise
