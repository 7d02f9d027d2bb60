"""Train in child processes that are killed at random moments, until one of them comes to the end.

    python killed_training.py FOLDER KILLS BATCHES

BATCHES are `indexed`, or come from a `loader`: a DataLoader that shuffles, in which the data draw
from Python's and numpy's random numbers, as the loss does from a generator of its own.

Writes to the folder what a run that was left alone ends with, and what killed ones do, and prints
how often it killed. Children are forked, so that torch is imported only once.
"""

import os
import random
import signal
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from transformer_lib.training.optimizers import muon_and_adamw
from transformer_lib.training.schedules import cosine_schedule
from transformer_lib.training.train import train

STEPS = 150


class Batches:
    """A batch is a function of the step."""

    def __getitem__(self, step):
        x = torch.randn(8, 6, generator=torch.Generator().manual_seed(step))
        return x, x.sum(dim=1, keepdim=True)


class Data(Dataset):
    """Twenty pairs, each look at one of them a little different."""

    def __len__(self):
        return 20

    def __getitem__(self, n):
        x, y = Batches()[n]
        return x + 0.1 * random.random(), y + 0.1 * np.random.random()  # noqa: NPY002


def run(folder, kept, batches="indexed"):
    """Train a model with dropout, so that random numbers count, and keep the result."""
    torch.manual_seed(0)
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    noise = torch.Generator().manual_seed(1)
    loader = DataLoader(Data(), batch_size=3, shuffle=True)

    def loss(model, batch):
        drawn = random.random() + np.random.random() + torch.rand((), generator=noise)  # noqa: NPY002
        return (model(batch[0]) - batch[1]).square().mean() * (1 + 0.1 * drawn)

    model = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Dropout(0.2), nn.Linear(16, 1))
    history = train(
        model,
        loss,
        Batches() if batches == "indexed" else loader,
        optimizer=muon_and_adamw(model),
        schedule=cosine_schedule(STEPS, warmup=10),
        steps=STEPS,
        evaluate=lambda model: torch.rand(()).item(),
        checkpoint=folder,
        every=2,
        generators=[noise],
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


def main(folder, most, run):
    """Write what a run of one life ends with, and runs of many lives, `most` kills or more."""
    torch.set_num_threads(1)
    start = time.perf_counter()
    run(folder / "checkpoints", folder / "one.pt")
    duration = time.perf_counter() - start
    chance, kills, runs = random.Random(), 0, 0
    while kills < most:
        place = folder / f"checkpoints-{runs}", folder / f"many-{runs}.pt"
        # Lives get longer: on a busy machine the first may be too short for any step.
        while not life(chance.uniform(0, duration / 20 * (1 + kills / most)), run, *place):
            kills += 1
        runs += 1
    print(kills)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), partial(run, batches=sys.argv[3]))
