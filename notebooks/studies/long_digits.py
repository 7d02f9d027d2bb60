"""Chapter 14: its two rivals, trained for as many steps as the larger ViT, and as it was."""

from functools import cache

from study import chapter, first_losses, keep

SEEDS = range(3)
STEPS, RATE = 5000, 0.02  # those of the checkpoint `digits_vit`
ARMS = [
    {"kind": kind, "steps": STEPS, "rate": RATE, "seed": seed}
    for kind in ("conv net", "plain net")
    for seed in SEEDS
]
opened = cache(chapter)


def run(kind, steps, rate, seed, *, stop=None) -> dict:
    """Train on all 4,000 digits, augmented, and read those of the test."""
    here = opened("14_vit", stop)
    model = here.fit(here.NETS[kind](seed), steps=steps, rate=rate, seed=seed)
    return {"test": round(here.right(model), 4), "losses": first_losses(here.histories[-1])}


if __name__ == "__main__":
    keep(__file__, ARMS, run)
