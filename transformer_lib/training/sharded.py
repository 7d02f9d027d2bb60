"""A model of which each process holds a part, and its checkpoints.

    model = shard(GPT(config))                     # in every process, from the same weights
    optimizer = AdamW(model.parameters())          # after it: it shall move the parts
    train(model, loss, batches, optimizer=optimizer, steps=1000)
    save_sharded("folder", model, optimizer)       # each process writes its part …
    load_sharded("folder", model, optimizer)       # … and any number of processes reads them

The sharding is torch's own, `fully_shard`, and so are the files.
"""

import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import torch.distributed.checkpoint as dcp
from torch import nn
from torch.distributed.checkpoint.state_dict import get_state_dict, set_state_dict
from torch.distributed.fsdp import fully_shard
from torch.optim import Optimizer

from transformer_lib import checks
from transformer_lib.layers.encoder import Stack
from transformer_lib.training import parallel
from transformer_lib.training.plain import plain
from transformer_lib.training.random_state import (
    check_generators,
    random_state,
    set_random_state,
)

Optimizers = Optimizer | Sequence[Optimizer]


def shard(model: nn.Module) -> nn.Module:
    """Leave in each process one part of every parameter, of its gradient and optimizer's state.

    Every layer of a stack is gathered when its turn comes, and let go after it; what is in no
    stack (embeddings, the head) is gathered for as long as the model runs. Only *calling* the
    model gathers: before another method is used, hand its name to torch's
    `register_fsdp_forward_method`.

    Args:
        model: changed in place; all processes must have the same weights.

    Returns:
        The model.

    Raises:
        ValueError: if there is no group of processes, or the model is sharded already.
    """
    if not torch.distributed.is_initialized():
        raise ValueError("model must be sharded in a group of processes: start it with torchrun")
    if parallel.is_sharded(model):
        raise ValueError("model must be whole, got one that is sharded already")
    for stack in [module for module in model.modules() if isinstance(module, Stack)]:
        for layer in stack.layers:
            fully_shard(layer)
    return fully_shard(model)


def save_sharded(
    folder: str | os.PathLike,
    model: nn.Module,
    optimizers: Optimizers,
    *,
    generators: Sequence[Any] = (),
) -> None:
    """Write model and optimizers, each process its part, and beside them its random numbers.

    Args:
        folder: made if need be; a checkpoint that stands there is replaced.
        model: sharded or not.
        optimizers: one or several.
        generators: further random numbers, as for `train`.

    Raises:
        ValueError: if `model` or `optimizers` are none.
    """
    check_generators(generators)
    checks.path(folder=folder)
    folder = Path(folder)
    with _alone_too():
        dcp.save(_state(model, optimizers), checkpoint_id=folder)
    own = {"processes": parallel.world(), "random": random_state(generators)}
    torch.save(plain(own, "state must hold"), folder / f"process-{parallel.rank()}.pt")
    parallel.wait()  # whoever goes on finds all of it


def load_sharded(
    folder: str | os.PathLike,
    model: nn.Module,
    optimizers: Optimizers,
    *,
    generators: Sequence[Any] = (),
) -> None:
    """Read what any number of processes has written: each takes what belongs to its part.

    Weights and the optimizers' state are those that were saved. The history, the step of a
    schedule and the place in the data are not: the next `train` counts from 1. Random numbers
    belong to a process: only as many processes as wrote can restore theirs. Others go on with
    those that they have, and a warning says so.

    Args:
        folder: where `save_sharded` has written.
        model: sharded or not, of the same kind.
        optimizers: of the same kind and order.
        generators: as for `save_sharded`.

    Raises:
        ValueError: if there is no whole checkpoint, or `model` or `optimizers` are none.
    """
    check_generators(generators)
    checks.path(folder=folder)
    folder = Path(folder)
    if not (folder / ".metadata").is_file():  # it is written last
        raise ValueError(f"folder must hold a whole checkpoint of save_sharded, got {folder}")
    state = _state(model, optimizers)
    with _alone_too():
        dcp.load(state, checkpoint_id=folder)
    set_state_dict(
        model,
        optimizers,
        model_state_dict=state["model"],
        optim_state_dict=state["optimizers"],
    )
    own = torch.load(folder / "process-0.pt", weights_only=True)
    if own["processes"] != parallel.world():
        warnings.warn(
            f"random numbers cannot be restored: {own['processes']} processes wrote theirs, and "
            f"{parallel.world()} read",
            RuntimeWarning,
            stacklevel=2,
        )
        return
    own = torch.load(folder / f"process-{parallel.rank()}.pt", weights_only=True)
    set_random_state(own["random"], generators)


def _state(model: nn.Module, optimizers: Optimizers) -> dict[str, Any]:
    """What torch's checkpoints hold, under names that do not depend on the processes."""
    parallel.check_module(model)
    each = [optimizers] if isinstance(optimizers, Optimizer) else optimizers
    if not isinstance(each, Sequence) or not all(isinstance(o, Optimizer) for o in each):
        raise ValueError(f"optimizers must be one of torch's or several, got {optimizers!r}")
    weights, moments = get_state_dict(model, optimizers)
    return {"model": weights, "optimizers": moments}


@contextmanager
def _alone_too() -> Iterator[None]:
    """Torch warns a single process that it is one: here that is meant."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "torch.distributed is disabled", UserWarning)
        yield
