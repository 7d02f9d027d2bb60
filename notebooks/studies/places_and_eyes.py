"""Chapter 15: the published detector, and what places and eyes bring in as many steps."""

from study import chapter, first_losses, keep

BOTH = [(False, False, "clean"), (True, True, "clean"), (True, True, "hard")]
ALONE = [(True, False, "clean"), (False, True, "clean")]
ARMS = [
    {"places": places, "eyes": eyes, "scenes": scenes, "seed": seed}
    for kinds in (BOTH, ALONE)
    for seed in range(3)
    for places, eyes, scenes in kinds
]


def run(places: bool, eyes: bool, scenes: str, seed: int, stop: int | None = None) -> dict:
    """Train one arm, and say how well it finds and where it looks."""
    page = chapter("15_detection", stop)
    model = page.fit(page.new(places, eyes, seed), scenes, seed)
    ap = page.score(model, page.tests[scenes])
    figures = {"AP50": ap.ap50, "AP75": ap.ap75, "AP": ap.ap}
    figures |= page.looking(model, page.tests[scenes])
    losses = first_losses(page.histories[0])
    return {name: round(value, 4) for name, value in figures.items()} | {"losses": losses}


if __name__ == "__main__":
    keep(__file__, ARMS, run)
