"""Chapter 5: how many generations three layers reach when eight are asked."""

from study import KEPT, chapter, keep

ARMS = [{"num_layers": 3, "generations": 8, "steps": 1500, "seed": seed} for seed in range(3)]


def run(num_layers, generations, steps, seed, *, stop=None) -> dict:
    """Train the reader of families as the page does."""
    here = chapter("05_encoder")
    options = {"seed": seed, "generations": generations}
    model = here.train_family(num_layers, stop or steps, **options)
    test = here.deal(500, here.torch.Generator().manual_seed(99), generations)
    figures = {"losses": [round(loss, 4) for loss in model.losses[:KEPT]]}
    return figures | {"right": [round(share, 4) for share in here.marks(model, test=test)]}


if __name__ == "__main__":
    keep(__file__, ARMS, run)
