"""Chapter 13: one text in characters and in pieces, at equal processor time, bits a byte of each.

python notebooks/studies/pieces.py     what `make study-pieces` runs
"""

import time
from dataclasses import replace
from functools import lru_cache

import torch
from study import first_losses, keep

from transformer_lib.data.subwords import BytePairs
from transformer_lib.data.text import Windows, load_king_james
from transformer_lib.measure.bits import bits_sliding
from transformer_lib.models.gpt import GPT
from transformer_lib.recipes import verses_gpt
from transformer_lib.training.optimizers import muon_and_adamw
from transformer_lib.training.schedules import trapezoid_schedule
from transformer_lib.training.train import train

WINDOW, STRIDE = 128, 64  # tokens
LOOKED_AT = 40_000  # characters of dev
STEPS = {None: 250, 256: 245, 1000: 235, 4000: 170}  # by merges (None: characters), of equal time
RATES = 0.01, 0.02, 0.04
LONGER = 4  # times as long, at the better rate of the short trainings
BETTER = {None: 0.02, 256: 0.02, 1000: 0.01, 4000: 0.01}


def arm(merges, rate, seed=0, times=1) -> dict:
    """The settings of one training."""
    return {"merges": merges, "rate": rate, "seed": seed, "times": times}


ARMS = [arm(merges, rate) for merges in STEPS for rate in RATES]
ARMS += [arm(merges, BETTER[merges], seed) for seed in (1, 2) for merges in STEPS]
ARMS += [arm(merges, BETTER[merges], seed, LONGER) for seed in (0, 1) for merges in STEPS]


@lru_cache
def text_in(merges: int | None) -> tuple:
    """The text's parts as ids, and the number of different ones."""
    text = load_king_james()
    dev = text.dev[:LOOKED_AT]
    if merges is None:
        return *map(text.characters.encode, (text.train, dev)), len(text.characters)
    cut = BytePairs.learn(text.train, merges)
    return *(torch.tensor(cut.encode(part)) for part in (text.train, dev)), len(cut)


def run(merges, rate, seed, times, *, stop=None) -> dict:
    """Train a model of chapter 10's kind, and measure it on dev."""
    torch.set_num_threads(1)
    steps = times * STEPS[merges]
    learnt, dev, vocab_size = text_in(merges)
    text = load_king_james()
    torch.manual_seed(seed)
    model = GPT(replace(verses_gpt.make_model(text).config, vocab_size=vocab_size))
    start = time.process_time()
    history = train(
        model,
        verses_gpt.window_loss,
        Windows(learnt, batch_size=8, seq_len=WINDOW, seed=seed),
        optimizer=muon_and_adamw(model, lr=rate, adamw_lr=3e-3, weight_decay=0.02),
        schedule=trapezoid_schedule(steps, warmup=20, decay=steps // 2),
        steps=stop or steps,
    )
    seconds = round(time.process_time() - start)
    bits = bits_sliding(model.eval(), dev, window=WINDOW, stride=STRIDE).sum().item()
    size = len(text.dev[:LOOKED_AT].encode())
    return {
        "losses": first_losses(history),
        "steps": steps,
        "seconds": seconds,
        "vocab_size": vocab_size,
        "bytes": round(size / len(dev), 3),  # a token
        "bits": round(bits / size, 4),
    }


if __name__ == "__main__":
    keep(__file__, ARMS, run)
