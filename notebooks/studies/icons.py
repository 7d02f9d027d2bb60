"""Chapter 17: two kinds of text tower, and a scale that is not exponentiated; three seeds each."""

from study import chapter, first_losses, keep

SEEDS = range(3)
KINDS = [("bag of words", None), ("bag of words", "not exponentiated"), ("in order", None)]


def arm(text, bug, seed) -> dict:
    """The settings of one training."""
    return locals()


ARMS = [arm(text, bug, seed) for text, bug in KINDS for seed in SEEDS]


def run(text, bug, seed, *, stop=None) -> dict:
    """Train as the page does, and measure recall at 1 and at 5 on straight and moved pictures."""
    here = chapter("17_clip", stop)
    here.torch.set_num_threads(1)
    model = here.new(seed, text)
    if bug:
        loss = here.contrastive_loss

        def pair_loss(model, batch):
            names, pictures = model.texts(batch.ids), model.images(batch.images)
            return loss(pictures, names, model.log_scale)

        here.fit(model, seed, loss=pair_loss)
    else:
        here.fit(model, seed)
    shares = {kind: [round(x, 3) for x in both] for kind, both in here.found(model.eval()).items()}
    return shares | {"losses": first_losses(here.histories[-1])}


if __name__ == "__main__":
    keep(__file__, ARMS, run)
