"""Chapter 18: the pole on request, in three seeds, beside three that have no attention.

Each has the rate that misses the wish least on two further seeds (other players, other weights,
other starts).
"""

from study import chapter, first_losses, keep

BEST = {"Decision Transformer": 0.005, "one step": 0.02}
BEST |= {"cloning": 0.01, "cloning the best tenth": 0.005}
RATES = (0.005, 0.01, 0.02, 0.04)


def arm(kind, rate, seed) -> dict:
    """The settings of one training."""
    return locals()


ARMS = [arm(kind, best, seed) for kind, best in BEST.items() for seed in range(3)]
ARMS += [arm(kind, rate, seed) for kind in BEST for rate in RATES for seed in (3, 4)]
LOWEST = [kind for kind, best in BEST.items() if best == RATES[0]]
ARMS += [arm(kind, 0.0025, seed) for kind in LOWEST for seed in (3, 4)]


def run(kind, rate, seed, *, stop=None) -> dict:
    """Train one model as the page does, and ask it for five returns."""
    here = chapter("18_decision_transformer", stop)
    games = here.pole_games(seed)
    if kind.endswith("best tenth"):
        games = games[games.returns.argsort(descending=True)[: len(games) // 10]]
    makers = {"Decision Transformer": here.DecisionTransformer, "one step": here.OneStep}
    model = here.new(here.POLE, seed, makers.get(kind, here.OneStepCloning))
    here.fit(model, games, context=here.CONTEXT, steps=here.POLE_STEPS, rate=rate, seed=seed)
    starts = 100 if seed < 3 else 200
    got = {wish: here.stood(model, wish, seed=starts).mean().item() for wish in here.WISHES}
    asked = [500] if "cloning" in kind else here.WISHES  # who hears no wish is to stand
    missed = sum(abs(got[wish] / wish - 1) for wish in asked) / len(asked)
    figures = {"losses": first_losses(here.histories[-1]), "missed": round(missed, 3)}
    return figures | {"got": {str(wish): round(steps, 1) for wish, steps in got.items()}}


if __name__ == "__main__":
    keep(__file__, ARMS, run)
