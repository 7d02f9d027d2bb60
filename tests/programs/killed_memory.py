"""As `killed_training`, with a model that reads a stream and carries its memory along.

    python killed_memory.py FOLDER KILLS

In evaluation the same loss reads other streams.
"""

import sys
from pathlib import Path

import torch
from killed_training import main

from transformer_lib.data.streams import Streams
from transformer_lib.models.transformer_xl import TransformerXL, TransformerXLConfig
from transformer_lib.training.optimizers import muon_and_adamw
from transformer_lib.training.segments import SegmentLoss
from transformer_lib.training.train import train

CONFIG = TransformerXLConfig(11, d_model=8, num_heads=2, num_layers=2, d_ff=16, mem_len=12)


def text(seed):
    """A text in which every token but a few repeats the one 9 places before."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(11, (9,), generator=generator).repeat(40)
    noise = torch.randint(11, ids.shape, generator=generator)
    return torch.where(torch.rand(ids.shape, generator=generator) < 0.1, noise, ids)


def run(folder, kept, *, steps=90):
    """Train for two and a half epochs, and keep the result."""
    torch.manual_seed(0)
    model, loss = TransformerXL(CONFIG), SegmentLoss()
    other = Streams(text(1), batch_size=3, seg_len=7)
    history = train(
        model,
        loss,
        Streams(text(0), batch_size=2, seg_len=5),
        optimizer=muon_and_adamw(model),
        steps=steps,
        evaluate=lambda model: [loss(model, other[n]).item() for n in range(2)],
        checkpoint=folder,
        every=2,
    )
    torch.save((model.state_dict(), history.loss, history.scores), kept)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), run)
