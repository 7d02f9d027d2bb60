"""Chapter 11: masks drawn anew against the same ones, over many passes of few verses."""

from study import chapter, first_losses, keep

VERSES, PASSES, BATCH = 300, 25, 24
STEPS = PASSES * (VERSES // BATCH)
ARMS = [
    {"mask": mask, "seed": seed} for mask in ("drawn anew", "always the same") for seed in range(3)
]


def run(mask, seed, *, stop=None) -> dict:
    """Train as the page does; what is hidden in a verse may hang on its words alone."""
    here = chapter("11_bert", stop)
    torch = here.torch

    def fixed(ids, generator):
        rows = []
        for row in ids:
            own = torch.Generator().manual_seed(int((row * torch.arange(1, len(row) + 1)).sum()))
            draws = here.hide(torch.nn.functional.pad(row, (0, 80 - len(row)))[None], generator=own)
            rows.append([part[0, : len(row)] for part in draws])
        return tuple(torch.stack(part) for part in zip(*rows, strict=True))

    options = {"hide": fixed} if mask == "always the same" else {}
    verses = here.draw(VERSES, seed)
    model = here.fit(here.new(seed), verses, steps=STEPS, seed=seed, **options)
    history = here.histories[-1]
    figures = {"losses": first_losses(history)}
    if stop:
        return figures
    figures["last loss"] = round(sum(history.loss[-20:]) / 20, 3)
    figures["found"] = round(here.found(here.best_guesses(model, here.asked)), 2)
    return figures


if __name__ == "__main__":
    keep(__file__, ARMS, run)
