"""Chapter 11: names from few labelled verses, three encoders, each side at its best strength."""

from study import chapter, first_losses, keep

COUNTS, DRAWS = (20, 100, 500), range(3)
STRENGTHS = {"window": (1, 10, 100), "encoder": (0.01, 0.1, 1)}
ARMS = [{"seed": seed} for seed in range(3)]


def run(seed, *, stop=None) -> dict:
    """Pre-train one encoder as the page does, and ask it for names; choices are made on dev."""
    here = chapter("11_bert", stop)
    model = here.fit(here.new(seed), here.data.train, seed=seed)
    figures = {"losses": first_losses(here.histories[-1])}
    if stop:
        return figures
    figures["found"] = round(here.found(here.best_guesses(model, here.asked)), 2)
    ways = {"window": here.by_window, "encoder": lambda *a: here.by_encoder(model.bert, *a)}
    dev, test = here.data.dev[::4], here.data.test[::7]
    for count in COUNTS:
        given = [here.draw(count, draw) for draw in DRAWS]
        for name, guess in ways.items():
            on_dev = {
                s: sum(here.scores(guess(verses, dev, s), verses, dev)[0] for verses in given)
                for s in STRENGTHS[name]
            }
            best = max(on_dev, key=on_dev.get)
            scores = [here.scores(guess(verses, test, best), verses, test) for verses in given]
            figures[f"{name} {count}"] = [[round(x, 1) for x in pair] for pair in scores]
            figures[f"{name} {count}, strength"] = best
    return figures


if __name__ == "__main__":
    keep(__file__, ARMS, run)
