"""Chapter 9: three models and a control, each with three seeds at its own best rate.

Rates were doubled until a model got worse, or raised by half; they are chosen by the first seed, on
held-out words that are not those that count.
"""

from study import chapter, first_losses, keep

STEPS = 120
RATES = (0.02, 0.04, 0.08)
BEST = {  # as `chosen` of the first seed says
    "Transformer": 0.04,
    "quiet Transformer": 0.04,
    "LSTM alone": 0.04,
    "LSTM + attention": 0.08,
}
SAME_TIME = {"LSTM alone": 156, "LSTM + attention": 114}  # steps that take as long, see the page


def arm(model, lr, steps=STEPS, seed=0) -> dict:
    """The settings of one training."""
    return locals()


ARMS = [arm(model, lr) for model in BEST for lr in RATES] + [arm("LSTM + attention", 0.12)]
ARMS += [arm(model, lr, seed=seed) for model, lr in BEST.items() for seed in (1, 2)]
ARMS += [arm(m, BEST[m], steps, seed) for m, steps in SAME_TIME.items() for seed in range(3)]


def run(model, lr, steps, seed, *, stop=None) -> dict:
    """Train, and let it speak the held-out words."""
    here = chapter("09_recurrent", stop)
    here.torch.set_num_threads(1)
    here.torch.manual_seed(seed)
    trained, history = here.learn(here.MAKE[model](), steps, lr)
    figures = {"losses": first_losses(history)}
    if stop:
        return figures
    said, chosen = here.speak(trained, here.dev), here.speak(trained, here.choosing)
    found, per = here.rates(said), here.rates(chosen, here.choosing).per
    figures |= {"chosen": round(per, 4), "per": round(found.per, 4), "wer": round(found.wer, 4)}
    return figures | {"by length": [round(x, 4) for x in here.by_length(said)]}


if __name__ == "__main__":
    keep(__file__, ARMS, run)
