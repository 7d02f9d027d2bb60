"""Chapter 5: bag of words and encoder, each at three rates and with three seeds."""

from study import KEPT, chapter, keep

RATES = {"bag of words": (0.01, 0.03, 0.1), "encoder": (0.002, 0.004, 0.008)}
ARMS = [
    {"model": model, "lr": lr, "steps": 700, "seed": seed}
    for model, rates in RATES.items()
    for lr in rates
    for seed in range(3)
]


def run(model, lr, steps, seed, *, stop=None) -> dict:
    """Train one classifier of verses as the page does."""
    here = chapter("05_encoder", stop)
    here.torch.manual_seed(seed)
    made = here.Bag() if model == "bag of words" else here.Shelf()
    trained = here.train(made, lr, steps=steps, seed=seed)
    figures = {"losses": [round(loss, 4) for loss in trained.losses[:KEPT]]}
    right = {part: [round(x, 4) for x in found] for part, found in trained.right.items()}
    return figures | {"right": right}


if __name__ == "__main__":
    keep(__file__, ARMS, run)
