"""Chapter 7: the paper's kind of model, and its way of training, beside ours; three seeds each.

Same sizes, steps and batches. Of each the best rate lies between two that were worse for its first
seed, on held-out words that are not those that count.
"""

from study import chapter, first_losses, keep

from transformer_lib.measure.errors import error_rates
from transformer_lib.training.schedules import paper_schedule

STEPS = 360
PAPER = {"norm_first": False, "positions": "sinusoidal", "activation": "relu"}
KINDS = {"ours": {}, "the paper's": PAPER}
RATES = {  # by model and training; the rate of Muon, or of Adam
    ("ours", "ours"): (0.01, 0.02, 0.04),
    ("the paper's", "the paper's"): (0.002, 0.004, 0.008),
    ("ours", "the paper's"): (0.002, 0.004, 0.008),
    ("the paper's", "ours"): (0.01, 0.02, 0.04),
}
BEST = {kinds: rates[1] for kinds, rates in RATES.items()}  # as `chosen` of the first seed says


def arm(model, training, lr, seed=0, warmup=STEPS // 10) -> dict:
    """The settings of one training; `warmup` is of the paper's schedule."""
    return locals()


ARMS = [arm(*kinds, lr) for kinds, rates in RATES.items() for lr in rates]
ARMS += [arm(*kinds, lr, seed) for kinds, lr in BEST.items() for seed in (1, 2)]
# The share of its steps that the paper warms up for, 4,000 of 100,000.
ARMS += [arm("the paper's", "the paper's", BEST["the paper's", "the paper's"], warmup=STEPS // 25)]


def run(model, training, lr, seed, warmup, *, stop=None) -> dict:
    """Train as the page does, and let it speak the held-out words."""
    here = chapter("07_transformer", stop)
    speller = here.speller(96, 3, seed=seed, **KINDS[model])
    symbols = here.letters, here.phonemes
    batches = here.PairBatches(here.pairs_of(here.data.train), *symbols, batch_size=128, seed=seed)
    if training == "ours":
        optimizer, schedule = here.muon_and_adamw(speller, lr=lr, adamw_lr=0.15 * lr), here.ours
    else:
        options = {"lr": lr, "betas": (0.9, 0.98), "eps": 1e-9}
        optimizer = here.torch.optim.Adam(speller.parameters(), **options)
        shape = paper_schedule(96, warmup=warmup)
        schedule = lambda step: shape(step) / shape(warmup)  # noqa: E731
    given = speller, here.pair_loss, batches
    history = here.train(*given, optimizer=optimizer, schedule=schedule, steps=STEPS)
    figures, words = {"losses": first_losses(history)}, list(here.data.dev.items())
    speller.eval()
    parts = {} if stop else {"chosen": dict(words[1::4]), "found": dict(words[::4])}
    for name, part in parts.items():
        rates = error_rates(here.speak_all(speller, list(part)), list(part.values()))
        figures[name] = {"per": round(rates.per, 4), "wer": round(rates.wer, 4)}
    return figures


if __name__ == "__main__":
    keep(__file__, ARMS, run)
