"""Chapter 3: kinds of position, each at its best rate, trained at 32 letters and read at 128."""

from study import KEPT, chapter, keep

KINDS = ("mask alone", "sinusoidal", "learned", "rotary", "ALiBi")
WINDOWED = ("sinusoidal", "rotary", "ALiBi")
RATES = (0.00125, 0.0025, 0.005, 0.01, 0.02, 0.04)
BEST = {  # by the loss on dev, of seed 0: `conclude` says if it is another
    1: {"mask alone": 0.04, "sinusoidal": 0.02, "learned": 0.04, "rotary": 0.01, "ALiBi": 0.02},
    3: {"rotary": 0.01, "ALiBi": 0.02},
}
TASKS = [(back, kind) for back, kinds in BEST.items() for kind in kinds]
ARMS = [{"back": b, "kind": k, "rate": r, "seed": 0} for b, k in TASKS for r in RATES]
ARMS += [{"back": b, "kind": k, "rate": BEST[b][k], "seed": s} for b, k in TASKS for s in (1, 2)]
SPANS = {"1x": (1, 32), "to 1.5x": (32, 48), "to 2x": (48, 64), "to 4x": (64, 128)}
BIN = 4  # positions that make one point of the curve


def run(back, kind, rate, seed, *, stop=None) -> dict:
    """Train one reader of letters as the page does, for 200 steps.

    Its rates depend on its length, which is short: `stop` changes nothing.
    """
    here = chapter("03_positions")
    here.torch.manual_seed(seed)
    model = here.train_on_letters(lambda: here.reader(kind), seed, back, rate=rate)
    length = here.LENGTH if kind == "learned" else 4 * here.LENGTH
    row = here.hits(model, length, back)
    curve = [_mean(row[max(back, at) : at + BIN]) for at in range(0, length, BIN)]
    figures = {"losses": [round(loss, 4) for loss in model.losses[:KEPT]], "curve": curve}
    figures["dev"] = _dev_loss(here, model, back)
    figures["right"] = _by_span(row, back)
    if kind in WINDOWED:
        window = here.sliding_window_mask(length, window=here.LENGTH)
        figures["windowed"] = _by_span(here.hits(model, length, back, mask=window), back)
    return figures


def _dev_loss(here, model, back) -> float:
    """The loss at trained positions, of letters that no score is read from: it chooses the rate."""
    ids, target = here.letters(400, here.LENGTH, back, seed=2 * 10**6)
    with here.torch.no_grad():
        logits = model(ids)[:, back:].flatten(0, 1)
    return round(here.F.cross_entropy(logits, target[:, back:].flatten()).item(), 6)


def _by_span(row, back) -> dict[str, float]:
    """The share of right answers in each span that the reader can reach."""
    return {span: _mean(row[max(a, back) : b]) for span, (a, b) in SPANS.items() if b <= len(row)}


def _mean(row) -> float:
    return round(row.mean().item(), 4)


def conclude(runs: list[dict]) -> dict:
    """For each task and kind the rate with the least loss on dev, of seed 0."""
    best = {}
    for back, kind in TASKS:
        arm = {"back": back, "kind": kind, "seed": 0}
        loss = {run["rate"]: run["dev"] for run in runs if arm.items() <= run.items()}
        best.setdefault(f"{back} back", {})[kind] = min(loss, key=loss.get)
    return best


if __name__ == "__main__":
    keep(__file__, ARMS, run, conclude)
