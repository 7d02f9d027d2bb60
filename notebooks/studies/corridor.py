"""Chapter 18: a corridor with a hint, and who finds out that the hint matters."""

from dataclasses import replace

from study import chapter, first_losses, keep

KINDS = ("Decision Transformer", "one layer", "context of 4", "one step", "all steps", "cloning")
ARMS = [{"kind": kind, "seed": seed} for kind in KINDS for seed in range(3)]


def run(kind, seed, *, stop=None) -> dict:
    """Train one model as the page does, and ask it for both returns."""
    here = chapter("18_decision_transformer", stop)
    makers = {"one step": here.OneStep, "all steps": here.AllSteps, "cloning": here.Cloning}
    config = replace(here.HINT, num_layers=1 if kind == "one layer" else 2)
    model = here.new(config, seed, makers.get(kind, here.DecisionTransformer))
    context = 4 if kind == "context of 4" else here.LENGTH
    games = here.corridor_games(seed)
    here.fit(model, games, context=context, steps=here.HINT_STEPS, seed=seed)
    got = {f"{wish:.0f}": here.right_turns(model, wish, context) for wish in (1.0, 0.0)}
    return {"losses": first_losses(here.histories[-1]), "got": got}


if __name__ == "__main__":
    keep(__file__, ARMS, run)
