"""Train a model with memory as one of several processes, each with streams of its own.

    torchrun --nproc-per-node 2 parallel_memory.py FOLDER

Without torchrun it is one process, which takes two batches a step.
"""

import os
import sys
from pathlib import Path

import torch
import torch.distributed as dist

from transformer_lib.data.streams import Streams
from transformer_lib.models.transformer_xl import TransformerXL, TransformerXLConfig
from transformer_lib.training.segments import SegmentLoss
from transformer_lib.training.train import train

CONFIG = TransformerXLConfig(
    11, d_model=8, num_heads=2, num_layers=2, d_ff=16, mem_len=12, dropout=0.0
)


def run(*, steps=24, **options):
    """Train from the same start every time, for one epoch and a half."""
    torch.manual_seed(0)
    ids = torch.randint(11, (325,))
    model = TransformerXL(CONFIG).double()
    streams = Streams(ids, batch_size=2, seg_len=5, groups=2)  # 17 segments, the last short
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    history = train(model, SegmentLoss(), streams, optimizer=optimizer, steps=steps, **options)
    return model.state_dict(), history.loss


def main(folder):
    """Train in one go, and in two with a checkpoint between them."""
    dist.init_process_group("gloo")
    whole = run()
    run(steps=9, checkpoint=folder / "parts")
    again = run(checkpoint=folder / "parts")
    if dist.get_rank() == 0:
        torch.save((whole, again), folder / "results.pt")
    dist.destroy_process_group()


if __name__ == "__main__":
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    main(Path(sys.argv[1]))
