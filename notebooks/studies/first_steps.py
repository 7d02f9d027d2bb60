"""Chapter 4: is it the first steps that need a small rate? Twelve layers, three seeds."""

from study import KEPT, chapter, keep

FACTORS = (
    "full rate",
    "warm-up",
    "a third throughout",
    "a third in the first 25",
    "a third after the first 25",
)
ARMS = [
    {"norm_first": norm_first, "factor": factor, "seed": seed}
    for norm_first in (False, True)
    for factor in (FACTORS[:2] if norm_first else FACTORS)
    for seed in range(3)
]


def run(norm_first, factor, seed, *, stop=None) -> dict:
    """Train twelve layers as the page does; `last` is the mean loss of the last ten steps.

    An arm is short, and what it reads depends on its length: `stop` changes nothing.
    """
    here = chapter("04_blocks")
    losses = here.deep(norm_first, factor, seed)
    figures = {"losses": [round(loss, 4) for loss in losses[:KEPT]]}
    return figures | {"last": round(sum(losses[-10:]) / 10, 4)}


if __name__ == "__main__":
    keep(__file__, ARMS, run)
