"""Chapter 22: what recurrence is worth when all models are read alike, in three seeds."""

from study import chapter, first_losses, keep

SEEDS = range(3)
ROWS = [
    ("relative", 32, "full"),
    ("Shaw", 32, "full"),
    ("relative", 32, "half"),
    ("relative", 0, "full"),
    ("relative", 0, "half"),
    ("Shaw", 0, "full"),
    ("absolute", 0, "half"),
    ("absolute", 0, "full"),
    ("absolute", 32, "full"),
]


def arm(encoding, mem_len, loss="full", seg_len=16, steps=400, rate=0.02, seed=0) -> dict:
    """The settings of one training."""
    return locals()


MAIN = [("relative", 32, "full", 16), ("relative", 0, "full", 16), ("relative", 0, "full", 48)]
ARMS = [arm(*row, seed=seed) for row in ROWS for seed in SEEDS]
ARMS += [arm(*MAIN[2], seed=seed) for seed in SEEDS]
ARMS += [arm("relative", 32, "half", steps=800, seed=seed) for seed in SEEDS]
ARMS += [arm(*row, rate=rate) for row in MAIN for rate in (0.01, 0.04)]
ARMS += [arm(*MAIN[2], rate=0.01, seed=seed) for seed in (1, 2)]
ARMS += [arm(*MAIN[2], rate=0.005)]


def run(encoding, mem_len, loss, seg_len, *, stop=None, **options) -> dict:
    """Train one model as the page does, and read it in several ways."""
    here = chapter("22_transformer_xl", stop)
    model, history = here.ablation(encoding, mem_len, loss, seg_len=seg_len, **options)
    figures = {"losses": first_losses(history)}
    if stop:
        return figures
    bits = {"as trained": here.read_in(model, seg_len, mem_len)}
    if encoding != "absolute":
        bits["48+0"] = here.read_in(model, 48, 0)
    if encoding != "absolute" or mem_len == 0:
        bits |= {f"8+{n - 8}": here.at_length(model, n) for n in (16, 32, 64)}
    return figures | {"bits": {way: round(b, 4) for way, b in bits.items()}}


if __name__ == "__main__":
    keep(__file__, ARMS, run)
