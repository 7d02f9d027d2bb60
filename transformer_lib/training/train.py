"""One training loop for every model: any loss, any batches, stopped and resumed at any moment.

    history = train(model, loss, batches, optimizer=AdamW(model.parameters()), steps=1000)

The loop is `train`; `run` is what stands around it.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from tqdm import tqdm

from transformer_lib import checks
from transformer_lib.training import parallel
from transformer_lib.training.history import History
from transformer_lib.training.rates import Rates
from transformer_lib.training.run import Run
from transformer_lib.training.step import StepLoss, check_finite, clip_gradient


def train(
    model: nn.Module,
    loss: Callable[[nn.Module, Any], Tensor | tuple[Tensor, Tensor]],
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
    generators: Sequence[Any] = (),
) -> History:
    """Follow the gradient of `loss` for `steps` steps.

    Killed at any moment and called again with the same arguments, it goes on from the last
    checkpoint and ends with the same weights, bit by bit, as if it had never been stopped. (The
    same machine, number of threads and versions must do it. The workers of a `DataLoader` begin
    anew: with `persistent_workers` what they draw is not restored.) Ctrl-C waits for the end of
    the step, and saves; of several processes none waits.

    Under `torchrun`, after `torch.distributed.init_process_group()`, every process calls it with
    the same arguments: each takes every `world_size`-th batch, and the gradients are averaged. So
    two processes do what one does with `accumulate=2`. So they do with a model that was given to
    `training.sharded.shard`, of which each holds a part.

    Args:
        model: changed in place; its mode, training or evaluation, is the same afterwards, and so
            is that of its parts. A part in evaluation mode in a model in training mode stays so.
        loss: `loss(model, batch)`: a scalar, the mean over the batch; or a sum and the count of
            what is summed, such as `training.losses.token_sum`, so that batches weigh as much as
            they count. It calls the model that it is given (under `torchrun` a wrapped one). An
            object that carries something from batch to batch, such as
            `training.segments.SegmentLoss`, has `state_dict()` and `load_state_dict(state)`:
            checkpoints keep its state, one for each process.
        batches: the same ones at every call. Best is an object whose `batches[n]` is the n-th
            batch; any other iterable does too, a `DataLoader` that shuffles among them, but a
            resumed run must read it again from its start. If they end, they are repeated.
        optimizer: one, or several for different parameters; their rates are those at factor 1.
        steps: number of updates in all, those before an interruption included.
        schedule: factor of the learning rates at a step, counted from 1; by default 1.
        clip: greatest length of the gradient, None for no limit.
        accumulate: number of batches of which the gradients are averaged in a step.
        autocast: compute matrix products of the forward pass in bfloat16.
        evaluate: `evaluate(model)`, called in evaluation mode every `every` steps and at the end;
            what it returns (numbers, strings, lists, dicts) is kept in `History.scores`. It may
            draw random numbers: training does not notice. If it fails, the steps are saved first.
        checkpoint: folder to save in and to resume from; None to keep nothing. (A sharded model
            is saved by `training.sharded.save_sharded`.)
        every: number of steps between two checkpoints, and two evaluations.
        generators: those that `loss` or `batches` draw from besides the common random numbers of
            torch, Python and numpy, which are restored anyway, as are a `DataLoader`'s own.

    Returns:
        The history, that of the steps before an interruption included.

    Raises:
        ValueError: if an argument cannot be right: a number, an optimizer of other parameters, a
            loss that does not depend on the model, batches that are empty; or if the checkpoint
            belongs to another run (the message says in what), is in use by another process, or
            all are damaged. Before the first step everything is then as it was.
        FloatingPointError: if loss, gradient or weights are not finite; the message names the
            step, and the last checkpoint stays as it is.
    """
    checks.at_least(1, steps=steps, accumulate=accumulate, every=every)
    checks.flag(autocast=autocast)
    if clip is not None:
        checks.positive(clip=clip)
    rates = Rates(model, optimizer, schedule, steps)
    settings = {"clip": clip, "accumulate": accumulate, "autocast": autocast}
    told = {"evaluate": evaluate, "steps": steps, "every": every, "generators": generators}
    run = Run(model, loss, batches, rates, settings=settings, **told)
    device = rates.parameters[0].device.type
    with run.going(checkpoint) as history, _bar(len(history), steps) as bar:
        for step in range(len(history) + 1, steps + 1):
            factor = rates.set(step)
            for o in rates.optimizers:
                o.zero_grad()
            total = StepLoss(accumulate)
            for i in range(accumulate):
                with parallel.no_sync(run.wrapped, unless=i == accumulate - 1):
                    with torch.autocast(device, torch.bfloat16, enabled=autocast):
                        part = total.add(loss(run.wrapped, next(run.batches)))
                    part.backward()
            value = total.mean(rates.parameters)
            norm = clip_gradient(rates.parameters, clip)
            check_finite(step, value, norm)
            for o in rates.optimizers:
                o.step()
            history.add(loss=value, grad_norm=norm, factor=factor)
            run.keep()
            bar.set_postfix(loss=f"{value:.3f}", refresh=False)
            bar.update()
    return history


def _bar(done: int, steps: int) -> tqdm:
    """A bar in a terminal, in one process, and not where nobody looks."""
    quiet = True if parallel.rank() or os.environ.get("CI") else None  # None: if in no terminal
    return tqdm(total=steps, initial=done, disable=quiet, unit="step")
