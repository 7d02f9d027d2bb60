"""Chapter 18: the pole on request, in three seeds, beside three that have no attention."""

from study import chapter, first_losses, keep

KINDS = ("Decision Transformer", "one step", "cloning", "cloning the best tenth")
ARMS = [{"kind": kind, "seed": seed} for kind in KINDS for seed in range(3)]


def run(kind, seed, *, stop=None) -> dict:
    """Train one model as the page does, and ask it for five returns."""
    here = chapter("18_decision_transformer", stop)
    games = here.pole_games(seed)
    if kind.endswith("best tenth"):
        games = games[games.returns.argsort(descending=True)[: len(games) // 10]]
    makers = {"Decision Transformer": here.DecisionTransformer, "one step": here.OneStep}
    model = here.new(here.POLE, seed, makers.get(kind, here.OneStepCloning))
    here.fit(model, games, context=here.CONTEXT, steps=here.POLE_STEPS, seed=seed)
    got = {str(wish): round(here.stood(model, wish).mean().item(), 1) for wish in here.WISHES}
    return {"losses": first_losses(here.histories[-1]), "got": got}


if __name__ == "__main__":
    keep(__file__, ARMS, run)
