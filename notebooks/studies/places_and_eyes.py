"""Chapter 15: the published detector, four changes together, and each of them taken away again."""

from study import chapter, first_losses, keep

ALL_FOUR = {"places": True, "eyes": True, "base": 20.0, "focal": True}
CHANGES = [
    {},
    {"places": False, "eyes": False, "base": 10000.0, "focal": False},  # as published
    {"focal": False},
    {"places": False},
    {"eyes": False},
    {"base": 10000.0},
]
KINDS = [("clean", change) for change in CHANGES] + [("hard", change) for change in CHANGES[:2]]
ARMS = [
    ALL_FOUR | change | {"scenes": scenes, "rate": 0.02, "seed": seed}
    for scenes, change in KINDS
    for seed in range(3)
]
# The rates are ours: would others suit the published form?
ARMS += [
    ALL_FOUR | CHANGES[1] | {"scenes": "clean", "rate": rate, "seed": 0}
    for rate in (0.00125, 0.005, 0.08)
]


def run(scenes: str, rate: float, seed: int, *, stop: int | None = None, **kind) -> dict:
    """Train one arm, and say how well it finds and where it looks."""
    page = chapter("15_detection", stop)
    options = {"steps": 600, "batch_size": 32, "rate": rate}
    model = page.fit(page.new(**kind, seed=seed), scenes, seed, **options)
    ap = page.score(model, page.tests[scenes])
    figures = {"AP50": ap.ap50, "AP75": ap.ap75, "AP": ap.ap}
    figures |= page.looking(model, page.tests[scenes])
    losses = first_losses(page.histories[0])
    return {name: round(value, 4) for name, value in figures.items()} | {"losses": losses}


if __name__ == "__main__":
    keep(__file__, ARMS, run)
