"""Several processes that train one model: all that the loop asks about them, by name.

Alone, each question has its simple answer, and nothing is exchanged.
"""

import warnings
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from transformer_lib import checks


def world() -> int:
    """Number of processes."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """Which of them this one is, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def check_module(model: nn.Module) -> None:
    """Refuse what is no module.

    Raises:
        ValueError: if it is none.
    """
    checks.module(model=model)


def is_sharded(model: nn.Module) -> bool:
    """Whether each process holds a part of it (see `training.sharded.shard`).

    Raises:
        ValueError: if it is no module.
    """
    check_module(model)
    return hasattr(model, "set_requires_gradient_sync")


def wrap(model: nn.Module) -> nn.Module:
    """The model whose gradients are the mean over all processes."""
    if is_sharded(model) or world() == 1:  # what is sharded averages them itself
        return model
    with warnings.catch_warnings():
        # Tables of positions grow where and when they are needed: they are not for broadcasting.
        # The name that shall replace this one would send them once, at the start.
        warnings.filterwarnings("ignore", "`broadcast_buffers` is deprecated", FutureWarning)
        return DistributedDataParallel(model, broadcast_buffers=False)


def no_sync(model: nn.Module, *, unless: bool) -> AbstractContextManager:
    """Within, the gradients of a wrapped model wait: only the last batch of a step sends them."""
    if is_sharded(model):
        model.set_requires_gradient_sync(unless)
        return nullcontext()
    return nullcontext() if unless or world() == 1 else model.no_sync()


def whole(value: Tensor) -> Tensor:
    """A tensor of which each process may hold a part, put together in every process."""
    return value.full_tensor() if hasattr(value, "full_tensor") else value


def own(value: Tensor) -> Tensor:
    """Of such a tensor the part that this process holds."""
    return value.to_local() if hasattr(value, "to_local") else value


def total(value: Tensor) -> Tensor:
    """Sum over all processes, in place."""
    if world() > 1:
        dist.all_reduce(value)
    return value


def mean(value: Tensor) -> Tensor:
    """Mean over all processes, in place."""
    return total(value).div_(world()) if world() > 1 else value


def gather(own: Any) -> list[Any]:
    """What each process has, in every process."""
    everything = [own] * world()
    if world() > 1:
        dist.all_gather_object(everything, own)
    return everything


def wait() -> None:
    """Go on when all have come here."""
    if world() > 1:
        dist.barrier()
