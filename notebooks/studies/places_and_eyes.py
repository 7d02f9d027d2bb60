"""Chapter 15: the published detector, and what places, eyes and the waves bring in as many steps."""

from study import chapter, first_losses, keep

KINDS = [
    {"places": places, "eyes": eyes, "base": base, "scenes": scenes}
    for places, eyes, base, scenes in (
        (True, True, 20.0, "clean"),
        (False, False, 10000.0, "clean"),
        (True, True, 20.0, "hard"),
        (True, False, 20.0, "clean"),
        (False, True, 10000.0, "clean"),
        (True, True, 0.1, "clean"),
        (True, True, 10000.0, "clean"),
    )
]
ARMS = [kind | {"seed": seed} for seed in range(3) for kind in KINDS]


def run(places: bool, eyes: bool, base: float, scenes: str, seed: int, *, stop=None) -> dict:
    """Train one arm, and say how well it finds and where it looks."""
    page = chapter("15_detection", stop)
    model = page.fit(page.new(places, eyes, seed, base), scenes, seed)
    ap = page.score(model, page.tests[scenes])
    figures = {"AP50": ap.ap50, "AP75": ap.ap75, "AP": ap.ap}
    figures |= page.looking(model, page.tests[scenes])
    losses = first_losses(page.histories[0])
    return {name: round(value, 4) for name, value in figures.items()} | {"losses": losses}


if __name__ == "__main__":
    keep(__file__, ARMS, run)
