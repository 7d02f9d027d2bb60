"""Chapter 13: from 1611 to today, in three seeds, beside copying and the word table."""

from study import chapter, first_losses, keep

SEEDS = range(3)


def arm(seed=0) -> dict:
    """The settings of one training."""
    return locals()


ARMS = [arm(seed) for seed in SEEDS]


def run(seed, *, stop=None) -> dict:
    """Train as the page does, and measure on the whole test part."""
    here = chapter("13_translation", stop)
    data = here.load_verses("king_james", "world_english", longest=15, vocab_size=1000)
    model, history = here.fit(data, seed=seed)
    figures = {"losses": first_losses(history)}
    if stop:
        return figures
    sources, references = ([pair[side] for pair in data.test] for side in (0, 1))
    table = here.WordTable(data.pairs.train)
    written = {
        "copying": sources,
        "word table": [table.replace(text) for text in sources],
        "greedy": here.translate(model, sources, data.symbols, num_beams=1),
        "beam of 4": here.translate(model, sources, data.symbols, num_beams=4),
    }
    for name, texts in written.items():
        found = here.translation_score(texts, references)
        figures[name] = {"bleu": round(found.bleu, 2), "chrf": round(found.chrf, 2)}
    return figures


if __name__ == "__main__":
    keep(__file__, ARMS, run)
