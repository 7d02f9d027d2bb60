"""Chapter 16: heads, eyes and a U-Net at equal processor time, each at the better of two rates."""

import time

from study import chapter, first_losses, keep

SEEDS = range(3)
# What is compared: steps that take about the same time, the rate, and one that was worse.
KINDS = {
    "linear, pixels": (150, 0.03, 0.06),
    "U-Net": (95, 0.005, 0.01),
    "class tokens, pixels": (83, 0.03, 0.06),
    "linear, interpolated": (165, 0.03, None),
    "linear, pixels, untrained eyes": (150, 0.03, None),
    "logistic regression on windows": (150, 0.005, None),
}


def arm(kind, steps, rate, seed=0) -> dict:
    """The settings of one training."""
    return locals()


ARMS = [arm(kind, steps, rate, seed) for seed in SEEDS for kind, (steps, rate, _) in KINDS.items()]
ARMS += [arm(kind, steps, other) for kind, (steps, _, other) in KINDS.items() if other]


def run(kind, steps, rate, seed, *, stop=None) -> dict:
    """Train one model as the page does; dev are new scenes of the digits that it learned from."""
    here = chapter("16_segmentation", stop)
    here.torch.set_num_threads(1)
    made = {
        "linear, pixels": lambda: here.new(seed),
        "linear, interpolated": lambda: here.new(seed, detail="bilinear"),
        "linear, pixels, untrained eyes": lambda: here.new(seed, eyes=here.untrained(seed)),
        "class tokens, pixels": lambda: here.new(seed, class_layers=2),
        "U-Net": lambda: here.UNet(seed),
        "logistic regression on windows": lambda: here.windows(seed),
    }
    model, start = made[kind](), time.process_time()
    here.fit(model, steps, rate, seed)
    figures = {"seconds": round(time.process_time() - start), "losses": None}
    figures["losses"] = first_losses(here.histories[-1])
    for name in ("dev", "medium", "hard"):
        said = here.answer(model, here.scenes[name].images)
        figures[name] = round(here.digit_iou(said, here.scenes[name].classes), 4)
    return figures


if __name__ == "__main__":
    keep(__file__, ARMS, run)
