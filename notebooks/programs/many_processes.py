"""What chapter 25 runs: torchrun --nproc-per-node 2 many_processes.py FOLDER."""

import json
import os
import sys
import warnings
from pathlib import Path

import torch
import torch.distributed as dist
from torch.optim import AdamW

from transformer_lib.data.text import load_king_james
from transformer_lib.models.gpt import GPT, GPTConfig
from transformer_lib.training import parallel
from transformer_lib.training.losses import token_sum
from transformer_lib.training.sharded import load_sharded, save_sharded, shard
from transformer_lib.training.train import train

text = load_king_james()
characters, verses = text.characters, text.train.splitlines()
VOCAB, PAD = 72, 71  # the letters need fewer; 72 rows can be shared among 2, 4 or 8


class Verses:
    """Batch n: four verses, filled up with PAD to the longest."""

    def __init__(self, start=0):
        self.start = start

    def __getitem__(self, n):
        rows = [characters.encode(verses[4 * (self.start + n) + i][:96]) for i in range(4)]
        ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=PAD)
        return ids[:, :-1], ids[:, 1:]


def loss(model, batch):
    """A sum over the letters that count, and how many they are."""
    return token_sum(model(batch[0]), batch[1], pad_id=PAD)


def make(kind, dropout=0.0):
    """A model, whole or sharded, and its optimizer."""
    torch.manual_seed(0)  # the same weights in every process
    shape = {"d_model": 32, "num_heads": 2, "num_layers": 2, "d_ff": 128, "dropout": dropout}
    model = GPT(GPTConfig(VOCAB, positions="rotary", norm="rms", bias=False, **shape)).double()
    model = shard(model) if kind == "FSDP2" else model
    return model, AdamW(model.parameters(), lr=1e-2)


def learn(model, optimizer, *, start=0, steps=8, batches=2, loss=loss):
    """Train, each step on as many batches as are shared among the processes."""
    accumulate = batches // parallel.world()
    options = {"steps": steps, "accumulate": accumulate}
    return train(model, loss, Verses(start), optimizer=optimizer, **options)


def held(model, optimizer):
    """Bytes in this process: parameters, gradients, the optimizer's two means."""
    p = [parallel.own(x) for x in model.parameters()]
    g = [parallel.own(x.grad) for x in model.parameters()]
    o = [parallel.own(x) for s in optimizer.state.values() for x in s.values() if x.dim()]
    return [sum(x.numel() * x.element_size() for x in tensors) for tensors in (p, g, o)]


def main(folder):
    """What one of several processes does."""
    dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    found = {}
    if parallel.world() == 2:  # train, and write
        for kind in ("DDP", "FSDP2"):
            model, optimizer = make(kind)
            losses = learn(model, optimizer).loss
            found[kind] = {"losses": losses, "held": parallel.gather(held(model, optimizer))}
        save_sharded(folder / "checkpoint", model, optimizer)
        found["next"] = learn(model, optimizer, start=16, steps=2, batches=4).loss
        torch.manual_seed(parallel.rank())  # dropout is to differ
        found["drawn"] = parallel.gather(torch.rand(3).tolist())
    else:  # read what two have written
        model, optimizer = make("FSDP2")
        with warnings.catch_warnings():  # it says that random numbers are not restored
            warnings.simplefilter("ignore", RuntimeWarning)
            load_sharded(folder / "checkpoint", model, optimizer)
        found["next"] = learn(model, optimizer, start=16, steps=2, batches=4).loss
        found["held"] = parallel.gather(held(model, optimizer))
    if parallel.rank() == 0:
        (folder / f"of {parallel.world()}.json").write_text(json.dumps(found))
    dist.destroy_process_group()


if __name__ == "__main__":
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    main(Path(sys.argv[1]))
