"""Chapter 26: eleven kinds of attention, three tasks, three seeds; the text at two budgets."""

from study import chapter, first_losses, keep

KINDS = "full", "grouped", "one key head", "latent", "window", "summaries", "memory", "linear"
KINDS += "retention", "state space", "LSTM"
SEEDS = range(3)
# On the text each kind has the best of three rates at either budget, with seed 0; where the largest
# of the three was best, of four.
TRIED = {100: (0.02, 0.04, 0.08), 300: (0.01, 0.02, 0.04)}
BEST = {100: dict.fromkeys(KINDS, 0.04), 300: dict.fromkeys(KINDS, 0.02)}
BEST[100] |= {"one key head": 0.08, "retention": 0.08, "LSTM": 0.08}
BEST[300] |= {"retention": 0.04}
# Of the cards, those that they are hard for: one rate more where the largest of three was best.
CARDS = dict.fromkeys(KINDS[5:], 0.04) | {"linear": 0.08}

# Of the copies, those too, where 0.02 was not best; and the rates beyond the three.
COPIES = {"window": 0.01, "summaries": 0.04, "memory": 0.08, "linear": 0.04}
COPIES |= {"retention": 0.04, "LSTM": 0.04}
BEYOND = [("window", 0.005), ("memory", 0.16)]
BEYOND += [(kind, 0.08) for kind in ("summaries", "memory", "linear", "retention", "LSTM")]


def arm(kind, task="recall", steps=150, rate=0.02, seed=0) -> dict:
    """The settings of one training."""
    return locals()


ARMS = [arm(kind, seed=seed) for seed in SEEDS for kind in KINDS]
for steps, best in BEST.items():
    ARMS += [arm(kind, "text", steps, rate) for kind in KINDS for rate in TRIED[steps]]
    ARMS += [arm(kind, "text", steps, best[kind], seed) for seed in SEEDS[1:] for kind in KINDS]
    largest = TRIED[steps][-1]
    ARMS += [arm(kind, "text", steps, 2 * largest) for kind in KINDS if best[kind] == largest]
ARMS += [arm(kind, "copy", 120, seed=seed) for seed in SEEDS for kind in KINDS]
ARMS += [arm(kind, "copy", 120, rate) for kind in KINDS[4:] for rate in (0.01, 0.04)]
ARMS += [arm(kind, "copy", 120, rate) for kind, rate in BEYOND]
ARMS += [arm(kind, "copy", 120, r, seed) for seed in SEEDS[1:] for kind, r in COPIES.items()]
ARMS += [arm(kind, rate=rate) for kind in KINDS[4:] for rate in (0.01, 0.04)]
ARMS += [arm(kind, rate=0.08) for kind in CARDS] + [arm("linear", rate=0.16)]
ARMS += [arm(kind, rate=best, seed=seed) for seed in SEEDS[1:] for kind, best in CARDS.items()]


def run(kind, task, steps, rate, seed, *, stop=None) -> dict:
    """Train one model as the page does, and measure it."""
    here = chapter("26_which_attention", stop)
    made = {"recall": here.Recall, "copy": here.Copy}.get(task, lambda: here.KingJames(steps))()
    model, history = here.learn(kind, made, rate, seed)
    losses = {"losses": first_losses(history)}
    if stop:
        return losses
    measure = here.bits if task == "text" else here.right
    return losses | {"got": round(measure(model, made), 4)}


if __name__ == "__main__":
    keep(__file__, ARMS, run)
