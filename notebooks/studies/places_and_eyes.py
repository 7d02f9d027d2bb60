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
ARMS = [ALL_FOUR | change | {"seed": seed} for change in CHANGES for seed in range(3)]


def run(*, stop: int | None = None, **kind) -> dict:
    """Train one arm on clean scenes, and say how well it finds and where it looks."""
    page = chapter("15_detection", stop)
    model = page.fit(page.new(**kind), "clean", kind["seed"])
    ap = page.score(model, page.tests["clean"])
    figures = {"AP50": ap.ap50, "AP75": ap.ap75, "AP": ap.ap}
    figures |= page.looking(model, page.tests["clean"])
    losses = first_losses(page.histories[0])
    return {name: round(value, 4) for name, value in figures.items()} | {"losses": losses}


if __name__ == "__main__":
    keep(__file__, ARMS, run)
