"""Chapter 18: the maze: two models in three seeds, one of them longer too, and three mistakes."""

from study import chapter, first_losses, keep

KINDS = ("Decision Transformer", "one step", "one step, 900 at 0.1")
MISTAKES = ("read at the return", "a position for each token")
ARMS = [{"kind": kind, "seed": seed} for kind in KINDS for seed in range(3)]
ARMS += [{"kind": kind, "seed": 0} for kind in MISTAKES]


def asked(here, model, choose) -> dict:
    """Shares of the starts: wish granted, for four wishes; arrived when asked for the fewest."""
    got = {late: here.lateness(model, late, choose=choose) for late in (0, 4, 8, 12)}
    granted = {str(late): round(share, 3) for late, (share, _) in got.items()}
    return granted | {"arrived": round(got[0][1], 3)}


def run(kind, seed, *, stop=None) -> dict:
    """Train one model as the page does, and ask it for the fewest steps, and for more."""
    here = chapter("18_decision_transformer", stop)
    here.ReadAt.token = 0
    makers = {
        "one step": here.OneStep,
        "one step, 900 at 0.1": here.OneStep,
        "read at the return": here.ReadAt,
        "a position for each token": here.PositionPerToken,
    }
    model = here.new(here.MAZE, seed, makers.get(kind, here.DecisionTransformer))
    longer = {"steps": 900, "rate": 0.1} if kind == KINDS[2] else {"steps": here.MAZE_STEPS}
    here.fit(model, here.maze_walks(seed), context=here.WAY, seed=seed, **longer)
    figures = {"losses": first_losses(here.histories[-1]), "got": asked(here, model, here.asking)}
    if kind == KINDS[0]:
        figures["not lowered"] = asked(here, model, here.stubborn)
    return figures


if __name__ == "__main__":
    keep(__file__, ARMS, run)
