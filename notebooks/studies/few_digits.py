"""Chapter 14: three nets on few digits, with and without augmentation, each at four rates."""

from functools import cache

from study import chapter, first_losses, keep

SEEDS = range(3)
RATES = 0.005, 0.01, 0.02, 0.04
KINDS = "ViT", "conv net", "plain net"


def arm(kind, augmented, digits, rate, seed) -> dict:
    """The settings of one training."""
    return locals()


ARMS = [
    arm(kind, augmented, digits, rate, seed)
    for kind in KINDS
    for augmented in (False, True)
    for digits in (250, 1000, 3500)
    for rate in RATES
    for seed in SEEDS
]
ARMS += [arm("ViT", False, 250, 0.0025, seed) for seed in SEEDS]  # its best rate was the lowest
opened = cache(chapter)


def run(kind, augmented, digits, rate, seed, *, stop=None) -> dict:
    """Train as the page does, and read digits that were held out, and those of the test."""
    here = opened("14_vit", stop)
    model = here.fit(
        here.NETS[kind](seed),
        here.fewer[digits],
        augment=here.jitter if augmented else None,
        rate=rate,
        seed=seed,
    )
    return {
        "dev": round(here.right(model, here.held_out.images, here.held_out.labels), 4),
        "test": round(here.right(model), 4),
        "losses": first_losses(here.histories[-1]),
    }


if __name__ == "__main__":
    keep(__file__, ARMS, run)
