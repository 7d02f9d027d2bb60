"""Chapter 16: heads, eyes and a U-Net at about equal processor time."""

import time

from study import chapter, first_losses, keep

SEEDS = range(3)
# What is compared: steps that take about the same time, the better rate first, and the seeds.
KINDS = {
    "linear, pixels": (500, (0.015, 0.03), SEEDS),
    "U-Net": (400, (0.005, 0.01), SEEDS),
    "class tokens, pixels": (300, (0.015, 0.03), [0]),
    "linear, pixels, untrained eyes": (500, (0.015,), [0]),
    "linear, pixels, weight left in": (500, (0.015,), [0]),
    "logistic regression on windows": (500, (0.02,), [0]),
}


def arm(kind, steps, rate, seed=0) -> dict:
    """The settings of one training."""
    return locals()


ARMS = [
    arm(kind, steps, rate, seed)
    for kind, (steps, rates, seeds) in KINDS.items()
    for rate, seed in [(rates[0], seed) for seed in seeds] + [(rate, 0) for rate in rates[1:]]
]


def run(kind, steps, rate, seed, *, stop=None) -> dict:
    """Train one model as the page does; dev are new scenes of the digits that it learned from."""
    here = chapter("16_segmentation", stop)
    here.torch.set_num_threads(1)
    made = {
        "linear, pixels, untrained eyes": lambda: here.new(seed, eyes=here.untrained(seed)),
        "class tokens, pixels": lambda: here.new(seed, class_layers=2),
        "U-Net": lambda: here.UNet(seed),
        "logistic regression on windows": lambda: here.windows(seed),
    }
    model, start = made.get(kind, lambda: here.new(seed))(), time.process_time()

    def weight_left_in(model, scenes):
        return here.F.cross_entropy(model(scenes.images), scenes.classes, weight=here.weight)

    loss = weight_left_in if kind.endswith("weight left in") else here.pixel_loss
    here.fit(model, steps, rate, seed, loss)
    figures = {"seconds": round(time.process_time() - start), "losses": None}
    figures["losses"] = first_losses(here.histories[-1])
    for name in ("dev", "medium", "hard"):
        said = here.answer(model, here.scenes[name].images)
        figures[name] = round(here.digit_iou(said, here.scenes[name].classes), 4)
    return figures


if __name__ == "__main__":
    keep(__file__, ARMS, run)
