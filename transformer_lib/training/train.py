"""One training loop for every model: any loss, any batches, stopped and resumed at any moment.

    history = train(model, loss, batches, optimizer=AdamW(model.parameters()), steps=1000)

The loop is `train`; `History` is its record, `checkpoints` are what it goes on from.
"""

import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from itertools import count, islice
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim import Optimizer
from tqdm import tqdm

from transformer_lib.training.checkpoints import Checkpoint, latest_checkpoint, save_checkpoint
from transformer_lib.training.history import History
from transformer_lib.weights import fill


def train(
    model: nn.Module,
    loss: Callable[[nn.Module, Any], Tensor],
    batches: Iterable,
    *,
    optimizer: Optimizer | Sequence[Optimizer],
    steps: int,
    schedule: Callable[[int], float] | None = None,
    clip: float | None = 1.0,
    accumulate: int = 1,
    autocast: bool = False,
    evaluate: Callable[[nn.Module], Any] | None = None,
    checkpoint: str | os.PathLike | None = None,
    every: int = 1000,
) -> History:
    """Follow the gradient of `loss` for `steps` steps.

    Killed at any moment and called again with the same arguments, it goes on from the last
    checkpoint and ends with the same weights, bit by bit, as if it had never been stopped.

    Under `torchrun`, after `torch.distributed.init_process_group()`, every process calls it with
    the same arguments: each takes every `world_size`-th batch, and the gradients are averaged. So
    two processes do what one does with `accumulate=2`.

    Args:
        model: changed in place; its mode, training or evaluation, is the same afterwards.
        loss: `loss(model, batch)`, a scalar, the mean over the batch. It calls the model that it
            is given (under `torchrun` a wrapped one). An object that carries something from
            batch to batch, such as `training.segments.SegmentLoss`, has `state_dict()` and
            `load_state_dict(state)`: checkpoints keep its state, one for each process.
        batches: the same ones at every call. Best is an object whose `batches[n]` is the n-th
            batch; any other iterable does too, but a resumed run must read it again from its
            start. If they end, they are repeated.
        optimizer: one, or several for different parameters; their rates are those at factor 1.
        steps: number of updates in all, those before an interruption included.
        schedule: factor of the learning rates at a step, counted from 1; by default 1.
        clip: greatest length of the gradient, None for no limit.
        accumulate: number of batches of which the gradients are averaged in a step.
        autocast: compute matrix products of the forward pass in bfloat16.
        evaluate: `evaluate(model)`, called in evaluation mode every `every` steps and at the end;
            what it returns (numbers, strings, lists, dicts) is kept in `History.scores`. It may
            draw random numbers: training does not notice.
        checkpoint: folder to save in and to resume from; None to keep nothing.
        every: number of steps between two checkpoints, and two evaluations.

    Returns:
        The history, that of the steps before an interruption included.

    Raises:
        ValueError: if `steps`, `accumulate`, `every` or `clip` is not positive, `batches` is empty,
            or the checkpoint belongs to another model, other optimizers, a loss with state where
            this one has none (or the reverse), another number of processes or a run longer than
            `steps`, or all checkpoints are damaged.
        FloatingPointError: if loss or gradient is not finite; the message names the step, and the
            last checkpoint stays as it is.
    """
    for name, value in (("steps", steps), ("accumulate", accumulate), ("every", every)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    if clip is not None and not clip > 0:
        raise ValueError(f"clip must be None or positive, got {clip}")
    rank, world = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
    optimizers = [optimizer] if isinstance(optimizer, Optimizer) else list(optimizer)
    found = None if checkpoint is None else latest_checkpoint(checkpoint)
    history = History() if found is None else _resume(found, model, optimizers, steps, world)
    groups = [group for o in optimizers for group in o.param_groups]
    parameters = [p for group in groups for p in group["params"]]
    device = parameters[0].device
    # Tables of positions grow where and when they are needed: they are not for broadcasting.
    parallel = DistributedDataParallel(model, broadcast_buffers=False) if world > 1 else model
    # Batch n of process r is batch n * world + r of all.
    stream = _read(batches, len(history) * accumulate * world + rank, world)
    if found is not None:
        _resume_loss(found, loss, rank)
        _set_random_state(found.state["random"][rank])
    was_training = model.training
    model.train()
    quiet = True if rank or os.environ.get("CI") else None  # None: quiet unless in a terminal
    with tqdm(total=steps, initial=len(history), disable=quiet, unit="step") as bar:
        for step in range(len(history) + 1, steps + 1):
            factor = 1.0 if schedule is None else schedule(step)
            for group in groups:
                group["lr"] = group.setdefault("initial_lr", group["lr"]) * factor
            for o in optimizers:
                o.zero_grad()
            total = 0.0
            for i in range(accumulate):
                last = i == accumulate - 1  # only then must the processes exchange gradients
                with nullcontext() if last or world == 1 else parallel.no_sync():
                    with torch.autocast(device.type, torch.bfloat16, enabled=autocast):
                        value = loss(parallel, next(stream)) / accumulate
                    value.backward()
                total += value.detach()
            if world > 1:
                dist.all_reduce(total)
                total /= world
            norm = nn.utils.clip_grad_norm_(parameters, math.inf if clip is None else clip)
            _check_finite(step, total.item(), norm.item(), checkpoint)
            for o in optimizers:
                o.step()
            history.loss.append(total.item())
            history.grad_norm.append(norm.item())
            history.factor.append(factor)
            if step % every == 0 or step == steps:
                if evaluate is not None:
                    history.scores[step] = _evaluate(evaluate, model)
                if checkpoint is not None:
                    _save(checkpoint, model, optimizers, history, loss)
            bar.set_postfix(loss=f"{history.loss[-1]:.3f}", refresh=False)
            bar.update()
    model.train(was_training)
    return history


def _read(batches: Iterable, start: int, stride: int) -> Iterator:
    """Batches start, start + stride, … of `batches`, which begin again when they end."""
    if hasattr(batches, "__getitem__"):
        size = len(batches) if hasattr(batches, "__len__") else None
        if size == 0:
            raise ValueError("batches must hold at least one batch, got none")
        return (batches[n if size is None else n % size] for n in count(start, stride))
    endless = _repeat(batches)
    for _ in range(start):
        next(endless)
    return islice(endless, 0, None, stride)


def _repeat(batches: Iterable) -> Iterator:
    while True:
        batch = None
        for batch in batches:
            yield batch
        if batch is None:
            raise ValueError("batches must not run out: got none, or an iterator read once already")


def _check_finite(step: int, loss: float, norm: float, checkpoint) -> None:
    for name, value in (("loss", loss), ("length of the gradient", norm)):
        if not math.isfinite(value):
            kept = "" if checkpoint is None else f"; the last good checkpoint stays in {checkpoint}"
            raise FloatingPointError(f"{name} at step {step} is {value}{kept}")


def _evaluate(evaluate: Callable[[nn.Module], Any], model: nn.Module) -> Any:
    """Call `evaluate` in evaluation mode, and leave mode and random numbers as they were."""
    state = _random_state()
    model.eval()
    with torch.no_grad():
        result = evaluate(model)
    model.train()
    _set_random_state(state)
    _check_plain(result)
    return result


def _check_plain(result: Any) -> None:
    """Refuse what a checkpoint could not be trusted to give back."""
    if isinstance(result, dict):
        result = [*result, *result.values()]
    if isinstance(result, (list, tuple)):
        for part in result:
            _check_plain(part)
    elif not isinstance(result, (int, float, str, type(None))):
        raise ValueError(
            f"evaluate must return numbers, strings, or lists and dicts of them, "
            f"got {type(result).__name__}"
        )


def _save(
    folder, model: nn.Module, optimizers: list[Optimizer], history: History, loss: Callable
) -> None:
    """Write a checkpoint; of several processes the first one does, and the others wait for it."""
    own = _random_state(), loss.state_dict() if hasattr(loss, "state_dict") else None
    gathered = [own]
    if dist.is_initialized():
        gathered = [own] * dist.get_world_size()
        dist.all_gather_object(gathered, own)
    random, losses = map(list, zip(*gathered, strict=True))
    if not dist.is_initialized() or dist.get_rank() == 0:
        state = {
            "history": asdict(history),
            "optimizers": [o.state_dict() for o in optimizers],
            "random": random,
            "losses": losses,
        }
        save_checkpoint(folder, len(history), model, state)
    if dist.is_initialized():
        dist.barrier()


def _resume(
    found: Checkpoint, model: nn.Module, optimizers: list[Optimizer], steps: int, world: int
) -> History:
    """Put model and optimizers where they were at a checkpoint."""
    if len(found.state["random"]) != world:
        raise ValueError(
            f"checkpoint must come from as many processes as go on with it, {world}: "
            f"{found.folder} comes from {len(found.state['random'])}"
        )
    history = History(**found.state["history"])
    if len(history) > steps:
        raise ValueError(
            f"steps must be at least {len(history)}, where {found.folder} stands, got {steps}"
        )
    if len(found.state["optimizers"]) != len(optimizers):
        raise ValueError(
            f"optimizer must be {len(found.state['optimizers'])} of them, as in {found.folder}, "
            f"got {len(optimizers)}"
        )
    fill(model, found.weights_file)
    for optimizer, state in zip(optimizers, found.state["optimizers"], strict=True):
        optimizer.load_state_dict(state)
    return history


def _resume_loss(found: Checkpoint, loss: Callable, rank: int) -> None:
    """Give a loss that carries something from batch to batch what it had at a checkpoint."""
    state = found.state.get("losses", {rank: None})[rank]
    if (state is not None) != hasattr(loss, "load_state_dict"):
        had = "a loss without state" if state is None else "a loss with state"
        raise ValueError(f"loss must be of the kind that {found.folder} was saved with, {had}")
    if state is not None:
        loss.load_state_dict(state)


def _random_state() -> dict[str, Any]:
    return {"cpu": torch.get_rng_state(), "cuda": torch.cuda.get_rng_state_all()}


def _set_random_state(state: dict[str, Any]) -> None:
    torch.set_rng_state(state["cpu"])
    torch.cuda.set_rng_state_all(state["cuda"])
