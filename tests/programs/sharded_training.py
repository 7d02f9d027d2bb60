"""Train the same model whole in one process, whole in each of several, and in parts.

    torchrun --nproc-per-node 2 sharded_training.py FOLDER write
    torchrun --nproc-per-node 4 sharded_training.py FOLDER read

The second reads what the first has written, and goes on.
"""

import os
import sys
import warnings
from pathlib import Path

import torch
import torch.distributed as dist

from transformer_lib.models.gpt import GPT, GPTConfig
from transformer_lib.training import parallel
from transformer_lib.training.losses import token_loss, token_sum
from transformer_lib.training.sharded import load_sharded, save_sharded, shard
from transformer_lib.training.train import train

VOCAB = 20


class Batches:
    """Rows that repeat their first half, of which unequally many tokens count."""

    def __init__(self, start=0):
        self.start = start

    def __getitem__(self, n):
        generator = torch.Generator().manual_seed(self.start + n)
        ids = torch.randint(1, VOCAB, (2, 13), generator=generator)
        ids[:, 6:12] = ids[:, :6]
        targets = ids[:, 1:].clone()
        targets[0, 2 + (self.start + n) % 9 :] = 0  # padding
        return ids[:, :-1], targets


def summed(model, batch):
    """A sum and its count."""
    return token_sum(model(batch[0]), batch[1], pad_id=0)


def mean(model, batch):
    """The mean over a batch."""
    return token_loss(model(batch[0]), batch[1], pad_id=0)


def make(*, sharded=False, dropout=0.0):
    """A GPT of float64 and its optimizer, the same weights every time."""
    torch.manual_seed(0)
    sizes = {"d_model": 16, "num_heads": 2, "num_layers": 2, "d_ff": 32}
    config = GPTConfig(VOCAB, positions="rotary", norm="rms", bias=False, dropout=dropout, **sizes)
    model = GPT(config).double()
    model = shard(model) if sharded else model
    return model, torch.optim.AdamW(model.parameters(), lr=1e-2)


def learn(model, optimizer, *, start=0, steps=6, loss=summed, accumulate=1, clip=0.5):
    """Some steps, from a batch on."""
    batches = Batches(start)
    options = {"steps": steps, "accumulate": accumulate, "clip": clip}
    return train(model, loss, batches, optimizer=optimizer, **options)


def weights(model):
    """All weights, put together."""
    return {name: parallel.whole(value) for name, value in model.state_dict().items()}


def held(model):
    """How many numbers this process holds."""
    return sum(parallel.own(p).numel() for p in model.parameters())


def noisy(folder):
    """Dropout: its numbers differ between the processes, and go on after loading."""
    model, optimizer = make(sharded=True, dropout=0.5)
    torch.manual_seed(parallel.rank())
    learn(model, optimizer, steps=2)
    save_sharded(folder, model, optimizer)
    drawn = parallel.gather(torch.rand(3).tolist())
    losses = learn(model, optimizer, start=8, steps=2).loss
    model, optimizer = make(sharded=True, dropout=0.5)
    load_sharded(folder, model, optimizer)
    again = parallel.gather(torch.rand(3).tolist())
    return {"drawn": drawn, "again": again, "losses": losses} | {
        "losses again": learn(model, optimizer, start=8, steps=2).loss
    }


def write(folder):
    """What two processes do, whole and in parts."""
    found = {}
    for name, options in {
        "summed": {},
        "mean": {"loss": mean},
        "accumulated": {"accumulate": 2},
        "long": {"clip": None},
    }.items():
        for sharded in (False, True):
            model, optimizer = make(sharded=sharded)
            history = learn(model, optimizer, **options)
            kept = {"loss": history.loss, "norm": history.grad_norm, "weights": weights(model)}
            found[name, sharded] = kept | {"held": parallel.gather(held(model))}
    model, optimizer = make(sharded=True)
    learn(model, optimizer)
    save_sharded(folder / "parts", model, optimizer)
    found["going on"] = learn(model, optimizer, start=12, steps=2, accumulate=2).loss
    return found | {"noisy": noisy(folder / "noisy")}


def read(folder, sharded=True):
    """Go on from what two have written, in as many processes as there are."""
    model, optimizer = make(sharded=sharded)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        load_sharded(folder / "parts", model, optimizer)
    # The same four batches a step, in however many processes; the second shows the means.
    accumulate = 4 // parallel.world()
    history = learn(model, optimizer, start=12, steps=2, accumulate=accumulate)
    return {"loss": history.loss, "said": [str(w.message) for w in said]} | {
        "held": parallel.gather(held(model))
    }


if __name__ == "__main__":
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    target = Path(sys.argv[1])
    done = {"write": write, "read": read}[sys.argv[2]](target)
    if parallel.rank() == 0:
        torch.save(done, target / f"{sys.argv[2]}.pt")
    dist.destroy_process_group()
