"""Train in child processes that are killed at random moments, until one of them comes to the end.

    python killed_training.py FOLDER

Writes to the folder what a run that was left alone ends with, and what killed ones do, and prints
how often it killed. Children are forked, so that torch is imported only once.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

import torch
from torch import nn

from transformer_lib.training.optimizers import muon_and_adamw
from transformer_lib.training.schedules import cosine_schedule
from transformer_lib.training.train import train

STEPS = 150


class Batches:
    """A batch is a function of the step."""

    def __getitem__(self, step):
        x = torch.randn(8, 6, generator=torch.Generator().manual_seed(step))
        return x, x.sum(dim=1, keepdim=True)


def run(folder, kept):
    """Train a model with dropout, so that random numbers count, and keep the result."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Dropout(0.2), nn.Linear(16, 1))
    history = train(
        model,
        lambda model, batch: (model(batch[0]) - batch[1]).square().mean(),
        Batches(),
        optimizer=muon_and_adamw(model),
        schedule=cosine_schedule(STEPS, warmup=10),
        steps=STEPS,
        evaluate=lambda model: torch.rand(()).item(),
        checkpoint=folder,
        every=2,
    )
    torch.save((model.state_dict(), history.loss, history.scores), kept)


def life(seconds, run, folder, kept):
    """Let a child train for a while, then kill it; True where it came to the end before."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            run(folder, kept)
            status = 0
        finally:
            os._exit(status)
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            if status:
                raise SystemExit("a child failed: its traceback is above")
            return True
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def main(folder, run=run):
    """Write what a run of one life ends with, and runs of many lives, 24 kills in all or more."""
    torch.set_num_threads(1)
    start = time.perf_counter()
    run(folder / "checkpoints", folder / "one.pt")
    duration = time.perf_counter() - start
    chance, kills, runs = random.Random(), 0, 0
    while kills < 24:
        place = folder / f"checkpoints-{runs}", folder / f"many-{runs}.pt"
        while not life(chance.uniform(0, duration / 20), run, *place):
            kills += 1
        runs += 1
    print(kills)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
