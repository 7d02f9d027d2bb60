"""Chapter 4: who learns to compare two houses, with more steps and another rate."""

from study import KEPT, chapter, keep

READERS = ("look", "look, think", "without the bend", "look three times")
ARMS = [
    {"reader": name, "lr": lr, "steps": steps, "seed": seed}
    for name in READERS
    for lr, steps in ((0.01, 250), (0.003, 1000))
    for seed in range(3)
]
ARMS += [
    {"reader": "look three times", "lr": 0.01, "steps": 1000, "seed": seed} for seed in range(3)
]


def run(reader, lr, steps, seed, *, stop=None) -> dict:
    """Train one reader as the page does.

    An arm is short, and what it reads depends on its length: `stop` changes nothing.
    """
    here = chapter("04_blocks")
    here.torch.manual_seed(seed)
    model = here.Reader(*here.readers[reader]())
    losses = here.train(model, steps=steps, lr=lr)
    who, whom, own = (round(mark, 4) for mark in here.marks(model))
    figures = {"losses": [round(loss, 4) for loss in losses[:KEPT]]}
    return figures | {"right": {"who": who, "whom": whom, "same house?": own}}


if __name__ == "__main__":
    keep(__file__, ARMS, run)
