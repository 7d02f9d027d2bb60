"""Chapter 28: what shall I turn? A small GPT on film reviews, with one setting at a time doubled.

All are judged by the same 500 sentences, which none has read, in bits a character of the text, so
that pieces of any size compare. Rate and schedule are those of `learn`; each run has its own seed.
"""

import random
import time
from functools import cache

import torch
from study import chapter, first_losses, keep

from transformer_lib.data.subwords import BytePairs
from transformer_lib.data.text import Windows
from transformer_lib.measure.bits import bits_sliding
from transformer_lib.measure.ngrams import WittenBell
from transformer_lib.models.gpt import GPT, GPTConfig
from transformer_lib.training.losses import token_loss
from transformer_lib.training.optimizers import muon_and_adamw
from transformer_lib.training.schedules import trapezoid_schedule
from transformer_lib.training.train import train

HELD = 500  # sentences that judge; data: sentences to learn from; tokens: different pieces
BASE = {"data": 1000, "steps": 400, "width": 48, "layers": 2, "window": 64, "batch": 8}
BASE |= {"dropout": 0.1, "rate": 0.02, "tokens": 512}
ARMS = [{"doubled": name, "seed": seed} for seed in range(3) for name in ("nothing", *BASE)]


@cache
def texts(data: int, tokens: int) -> tuple:
    """Ids of what is learnt from, of as much of it as judges, and of what judges; characters."""
    found = list(dict.fromkeys(text for text, _ in chapter("28_own_data").rated_films()))
    random.Random(0).shuffle(found)
    held, known = "\n".join(found[:HELD]), "\n".join(found[HELD : HELD + data])
    pieces = BytePairs.learn(known, tokens - 256)
    read = (known, known[: len(held)], held)
    return *(torch.tensor(pieces.encode(text)) for text in read), len(held)


def run(doubled: str, seed: int, *, stop: int | None = None) -> dict:
    """Train one model; bits a character, seen and held out, and minutes of one processor."""
    at = BASE | ({doubled: 2 * BASE[doubled]} if doubled in BASE else {})
    known, seen, held, characters = texts(at["data"], at["tokens"])
    sizes = {"d_model": at["width"], "num_heads": at["width"] // 16, "d_ff": 4 * at["width"]}
    kind = {"activation": "relu2", "positions": "rotary", "norm": "rms", "bias": False}
    kind |= {"num_layers": at["layers"], "dropout": at["dropout"]}
    torch.manual_seed(seed)
    model = GPT(GPTConfig(at["tokens"], **sizes, **kind))
    start, steps, rate = time.process_time(), at["steps"], at["rate"]
    history = train(
        model,
        lambda model, batch: token_loss(model(batch[0]), batch[1], pad_id=-1),
        Windows(known, batch_size=at["batch"], seq_len=at["window"], seed=seed),
        optimizer=muon_and_adamw(model, lr=rate, adamw_lr=0.15 * rate, weight_decay=0.1),
        schedule=trapezoid_schedule(steps, warmup=min(30, steps // 10), decay=steps // 2),
        steps=stop or steps,
    )
    figures = {"losses": first_losses(history)}
    if stop:
        return figures
    figures["minutes"] = round((time.process_time() - start) / 60, 3)
    for name, ids in {"bits": held, "seen": seen}.items():
        window = at["window"]
        bits = bits_sliding(model.eval(), ids, window=window, stride=window // 2)
        figures[name] = round(bits.sum().item() / characters, 4)
    return figures


def conclude(_runs: list[dict]) -> dict:
    """What counting gets on the same pieces, at its best order, from the base's text and twice."""
    bits = {}
    for data in (BASE["data"], 2 * BASE["data"]):
        known, _, held, characters = texts(data, BASE["tokens"])
        counted = [WittenBell(known, order=n, vocab_size=BASE["tokens"]) for n in range(2, 6)]
        bits[str(data)] = min(
            round(-one.probabilities(held)[1:].log2().sum().item() / characters, 4)
            for one in counted
        )
    return {"counting": bits}


if __name__ == "__main__":
    keep(__file__, ARMS, run, conclude)
