"""Chapter 3: what 1,500 steps change for the causal mask alone, and for ALiBi three back."""

from study import KEPT, chapter, keep

ARMS = [
    {"kind": kind, "back": back, "steps": steps, "seed": seed}
    for kind, back, steps in (
        ("mask alone", 1, 200),
        ("mask alone", 1, 1500),
        ("ALiBi", 3, 200),
        ("ALiBi", 3, 1500),
        ("rotary", 3, 200),
    )
    for seed in range(3)
]


def run(kind, back, steps, seed, *, stop=None) -> dict:
    """Train one reader of letters as the page does.

    The first arm is short, and its rates depend on its length: `stop` changes nothing.
    """
    here = chapter("03_positions")
    here.torch.manual_seed(seed)
    model = here.train_on_letters(lambda: here.reader(kind), seed, back, steps)
    row = here.hits(model, 4 * here.LENGTH, back)
    right = {"inside": row[back : here.LENGTH], "beyond": row[2 * here.LENGTH :]}
    figures = {"losses": [round(loss, 4) for loss in model.losses[:KEPT]]}
    return figures | {"right": {span: round(r.mean().item(), 4) for span, r in right.items()}}


if __name__ == "__main__":
    keep(__file__, ARMS, run)
