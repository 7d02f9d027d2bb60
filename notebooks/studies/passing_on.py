"""Chapter 20: does a stack learn to pass on what only a later segment is asked for? Three seeds."""

from study import chapter, first_losses, keep

ASKED = (
    "lag 3, stop-gradient",
    "lag 3, gradient through 4 segments",
    "all lags, of the last layer",
)
SEEDS = range(3)


def arm(asked, seed=0) -> dict:
    """The settings of one training."""
    return locals()


ARMS = [arm(asked, seed) for asked in ASKED for seed in SEEDS]


def run(asked, seed, *, stop=None) -> dict:
    """Train three layers as the page does, and ask the last one for lag 3."""
    here = chapter("20_recurrence", stop)
    share = here.lag_3(asked, seed)
    return {"losses": first_losses(here.histories[-1]), "lag 3": round(share, 4)}


if __name__ == "__main__":
    keep(__file__, ARMS, run)
