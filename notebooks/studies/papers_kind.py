"""Chapter 7: the paper's own kind beside ours; same sizes, steps and batches, own rates.

Rates are chosen by the first seed, on held-out words that are not those that count.
"""

from dataclasses import replace
from functools import cache

import torch
from study import chapter, first_losses, keep

from transformer_lib.measure.errors import error_rates
from transformer_lib.training.schedules import paper_schedule

MODELS = {
    "ours": {},  # as the page has it: pre-norm, rotary positions, squared ReLU
    "paper": {"norm_first": False, "positions": "sinusoidal", "activation": "relu"},
}
# Muon's rate, or the height of Adam's; found on a first seed, as `chosen` says.
RATES = {"muon": (0.01, 0.02, 0.04), "adam": (0.002, 0.004, 0.008)}
RATES |= {"paper": RATES["adam"], "paper, whole": RATES["adam"]}


def arm(model: str, training: str, lr: float, warmup: int = 36, seed: int = 0) -> dict:
    """The settings of one training; `warmup` is that of the paper's schedule."""
    return locals()


PAIRS = [(model, way) for model in MODELS for way in ("muon", "adam", "paper")]
PAIRS += [("paper", "paper, whole")]
ARMS = [arm(*pair, lr) for pair in PAIRS for lr in RATES[pair[1]]]
ARMS += [arm("paper", "paper", 0.001), arm("paper", "paper", 0.002, 90)]  # with a longer rise
BEST = {("ours", "muon"): (0.02, 36), ("paper", "muon"): (0.02, 36)}
BEST |= {("ours", "paper"): (0.004, 36), ("paper", "paper"): (0.002, 90)}
ARMS += [arm(*pair, *best, seed) for pair, best in BEST.items() for seed in (1, 2)]


@cache
def page():
    """What the chapter defines."""
    return chapter("07_transformer")


@cache
def batches(seed: int):
    """The page's, in the order of a seed."""
    here = page()
    pairs = here.pairs_of(here.data.train)
    return here.PairBatches(pairs, here.letters, here.phonemes, batch_size=128, seed=seed)


def run(model, training, lr, warmup, seed, *, stop=None) -> dict:
    """Train one model, and let it speak held-out words."""
    here, whole = page(), training == "paper, whole"
    dropout = {"dropout": 0.1 if whole else 0.0}
    config = replace(here.speller(96, 3).config, **MODELS[model], **dropout)
    torch.manual_seed(seed)
    made = here.Transformer(config)
    if training == "muon":
        optimizer = here.muon_and_adamw(made, lr=lr, adamw_lr=0.15 * lr)
    else:
        optimizer = torch.optim.Adam(made.parameters(), lr=lr, betas=(0.9, 0.98), eps=1e-9)
    paper = paper_schedule(96, warmup=warmup)
    history = here.train(
        made,
        lambda model, batch: here.pair_loss(model, batch, 0.1 if whole else 0.0),
        batches(seed),
        optimizer=optimizer,
        schedule=(lambda s: paper(s) / paper(warmup)) if "paper" in training else here.ours,
        steps=stop or here.STEPS,
    )
    figures = {"losses": first_losses(history)}
    if stop:
        return figures
    held = list(here.data.dev.items())
    for name, words in {"chosen": dict(held[2::4]), "found": dict(held[::4])}.items():
        said = here.speak_all(made.eval(), list(words))
        found = error_rates(said, list(words.values()))
        figures[name] = {"per": round(found.per, 4), "wer": round(found.wer, 4)}
    return figures


if __name__ == "__main__":
    keep(__file__, ARMS, run)
