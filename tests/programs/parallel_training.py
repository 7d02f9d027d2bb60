"""Train the same model as one of several processes, and write what it ends with.

    torchrun --nproc-per-node 2 parallel_training.py FOLDER

Without torchrun it is one process, which takes two batches a step.
"""

import os
import random
import sys
from pathlib import Path

import torch
import torch.distributed as dist

from transformer_lib.models.transformer import Transformer, TransformerConfig
from transformer_lib.training import parallel
from transformer_lib.training.losses import token_loss, token_sum
from transformer_lib.training.train import train


class Batches:
    """Copying: sequences of growing length, so that tables of positions grow during training."""

    def __getitem__(self, n):
        length = 4 + n // 4
        ids = torch.randint(3, 12, (4, length), generator=torch.Generator().manual_seed(n))
        return ids, torch.cat([torch.ones_like(ids[:, :1]), ids[:, :-1]], dim=1)


class Joined:
    """Two batches as one: what two processes see, in one."""

    def __getitem__(self, n):
        return tuple(map(torch.cat, zip(Batches()[2 * n], Batches()[2 * n + 1], strict=True)))


def loss(model, batch):
    """Say what the source says."""
    return token_loss(model(*batch), batch[0], pad_id=0)


def noisy_loss(model, batch):
    """The same, with random numbers that each process draws for itself."""
    return loss(model, batch) * (1 + 0.1 * torch.rand(()) + 0.1 * random.random())


def summed_loss(model, batch):
    """The same as a sum, of batches in which unequally many tokens count."""
    ids = batch[0].clone()
    ids[int(ids.sum()) % 4 :] = 0  # padding
    ids[0, 0] = 3
    return token_sum(model(*batch), ids, pad_id=0)


def run(batches=None, *, steps=12, positions="rotary", dropout=0.0, loss=loss, **options):
    """Train from the same start every time, and return model and history."""
    torch.manual_seed(0)
    sizes = {"d_model": 16, "num_heads": 2, "num_encoder_layers": 1, "num_decoder_layers": 1}
    config = TransformerConfig(12, 12, d_ff=32, dropout=dropout, positions=positions, **sizes)
    model = Transformer(config).double()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    if dropout:  # each process draws numbers of its own
        torch.manual_seed(parallel.rank())
        random.seed(parallel.rank())
    history = train(model, loss, batches or Batches(), optimizer=optimizer, steps=steps, **options)
    return model, history


def main(folder):
    """Train in one go, and in two with a checkpoint between them."""
    dist.init_process_group("gloo")

    def keep(name, model, history):
        if dist.get_rank() == 0:
            torch.save((model.state_dict(), history.loss), folder / f"{name}.pt")

    for positions in ("rotary", "sinusoidal"):
        keep(positions, *run(positions=positions))
        options = {"positions": positions, "dropout": 0.1, "loss": noisy_loss}
        keep(f"{positions}-noisy", *run(**options))
        run(steps=7, checkpoint=folder / positions, **options)
        keep(f"{positions}-again", *run(checkpoint=folder / positions, **options))
    keep("accumulated", *run(accumulate=2))
    keep("summed", *run(accumulate=2, loss=summed_loss))
    dist.destroy_process_group()


if __name__ == "__main__":
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    main(Path(sys.argv[1]))
