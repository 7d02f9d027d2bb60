"""Chapter 2: which way two layers find the houses, from six starts."""

from study import KEPT, chapter, keep

ARMS = [{"seed": seed} for seed in range(6)]


def run(seed, *, stop=None) -> dict:
    """Train two layers as the page does; say what they answer and where they look.

    An arm is short, and what it reads depends on its length: `stop` changes nothing.
    """
    here = chapter("02_multi_head")
    model = here.trail(seed)
    figures = {"losses": [round(loss, 4) for loss in model.losses[:KEPT]]}
    with here.torch.no_grad(), here.collect_attention(model) as maps:
        model(here.cards)
    return figures | {"right": here.answered(model), "looks": dict(here.looks(maps))}


if __name__ == "__main__":
    keep(__file__, ARMS, run)
