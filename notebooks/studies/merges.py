"""Chapter 13: bits a byte of a small GPT on bytes and on pieces, trained for the same time."""

import time

import torch
from study import first_losses, keep

from transformer_lib.data.subwords import BytePairs
from transformer_lib.data.text import Windows, load_king_james
from transformer_lib.measure.bits import bits_in_chunks
from transformer_lib.models.gpt import GPT, GPTConfig
from transformer_lib.recipes.verses_gpt import window_loss
from transformer_lib.training.optimizers import muon_and_adamw
from transformer_lib.training.schedules import trapezoid_schedule
from transformer_lib.training.train import train

SEEDS = range(3)
STEPS = {0: 150, 256: 150, 1000: 130, 4000: 85}  # which take about the same time
WINDOW = 64  # bytes or pieces that are read at a time


def arm(merges, seed=0) -> dict:
    """The settings of one training."""
    return locals()


ARMS = [arm(merges, seed) for merges in STEPS for seed in SEEDS]


def run(merges, seed, *, stop=None) -> dict:
    """Train on a million bytes of King James, cut with so many merges, and measure on dev."""
    text = load_king_james()
    learnt = text.train[:1_000_000]
    pieces = BytePairs.learn(learnt, merges)
    torch.manual_seed(seed)
    size = {"d_model": 128, "num_heads": 4, "num_layers": 2, "d_ff": 512}
    model = GPT(GPTConfig(len(pieces), positions="rotary", activation="relu2", dropout=0.0, **size))
    ids = torch.tensor(pieces.encode(learnt))
    begun, steps = time.process_time(), STEPS[merges]
    history = train(
        model,
        window_loss,
        Windows(ids, batch_size=16, seq_len=WINDOW, seed=seed),
        optimizer=muon_and_adamw(model, lr=0.02, adamw_lr=3e-3),
        schedule=trapezoid_schedule(steps, warmup=20, decay=steps // 2),
        steps=stop or steps,
    )
    seconds, held_out = time.process_time() - begun, text.dev[:50_000]
    bits = bits_in_chunks(model.eval(), torch.tensor(pieces.encode(held_out)), window=WINDOW)
    return {
        "losses": first_losses(history),
        "steps": steps,
        "seconds": round(seconds, 1),
        "bits": round(bits.sum().item() / len(held_out.encode()), 3),
    }


if __name__ == "__main__":
    keep(__file__, ARMS, run)
