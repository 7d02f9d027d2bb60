"""Chapter 2: what a single head does with two questions, at two rates and with more time."""

from study import KEPT, chapter, keep

ARMS = [
    {"hidden": hidden, "lr": lr, "steps": steps, "seed": seed}
    for hidden, lr, steps in (
        (0, 0.01, 150),
        (0, 0.01, 1000),
        (0, 0.003, 1000),
        (64, 0.01, 1000),
        (64, 0.003, 1000),
    )
    for seed in range(3)
]


def run(hidden, lr, steps, seed, *, stop=None) -> dict:
    """Train the reader of one head, with or without a hidden layer behind it.

    An arm is short, and what it reads depends on its length: `stop` changes nothing.
    """
    here = chapter("02_multi_head")
    torch, F = here.torch, here.F
    options = {"steps": steps, "lr": lr}
    model = here.clever(seed, **options) if hidden else here.reader(1, seed, **options)
    figures = {"losses": [round(loss, 4) for loss in model.losses[:KEPT]]}
    if stop:
        return figures
    cards, right, places = here.test
    who, whom, _ = (mark.double().mean().item() for mark in here.marks(model))
    with torch.no_grad(), here.collect_attention(model) as maps:
        loss = F.cross_entropy(model(cards).flatten(0, 2), right.flatten()).item()
    on = maps["layer"][:, 0, 6:, :6].gather(-1, places)
    others = (maps["layer"][:, 0, 6:, :6].sum(dim=-1) - on.sum(dim=-1)).mean().item() / 4
    weights = dict(zip(("who", "whom"), on.mean(dim=(0, 1)).tolist(), strict=True))
    weights["each of the four others"] = others
    figures |= {"right": [round(who, 4), round(whom, 4)], "loss": round(loss, 4)}
    return figures | {"weights": {name: round(w, 4) for name, w in weights.items()}}


if __name__ == "__main__":
    keep(__file__, ARMS, run)
