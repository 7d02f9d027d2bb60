"""Chapter 3: five kinds of position, trained at 32 letters and read at 128, by three seeds."""

from study import KEPT, chapter, keep

KINDS = ("mask alone", "sinusoidal", "learned", "rotary", "ALiBi")
WINDOWED = ("sinusoidal", "rotary", "ALiBi")
ARMS = [{"kind": kind, "seed": seed} for kind in KINDS for seed in range(3)]
SPANS = {"1x": (1, 32), "to 1.5x": (32, 48), "to 2x": (48, 64), "to 4x": (64, 128)}
BIN = 4  # positions that make one point of the curve


def run(kind, seed, *, stop=None) -> dict:
    """Train one reader of letters as the page does, for 200 steps.

    Its rates depend on its length, which is short: `stop` changes nothing.
    """
    here = chapter("03_positions")
    here.torch.manual_seed(seed)
    model = here.train_on_letters(lambda: here.reader(kind), seed)
    length = here.LENGTH if kind == "learned" else 4 * here.LENGTH
    row = here.hits(model, length)
    curve = [_mean(row[max(1, at) : at + BIN]) for at in range(0, length, BIN)]
    figures = {"losses": [round(loss, 4) for loss in model.losses[:KEPT]], "curve": curve}
    figures["right"] = _by_span(row)
    if kind in WINDOWED:
        window = here.sliding_window_mask(length, window=here.LENGTH)
        figures["windowed"] = _by_span(here.hits(model, length, mask=window))
    return figures


def _by_span(row) -> dict[str, float]:
    """The share of right answers in each span that the reader can reach."""
    return {span: _mean(row[a:b]) for span, (a, b) in SPANS.items() if b <= len(row)}


def _mean(row) -> float:
    return round(row.mean().item(), 4)


if __name__ == "__main__":
    keep(__file__, ARMS, run)
