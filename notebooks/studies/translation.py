"""Chapter 13: from 1611 to today in three seeds, and back in one, beside copying and the table."""

from study import chapter, first_losses, keep

SEEDS = range(3)
WAYS = [("king_james", "world_english"), ("world_english", "king_james")]
SENTENCES = (
    "I will give you bread.",
    "Where are you going with my horse?",
    "I love you, and I will give you bread.",
    "The train to London leaves at seven.",
)


def arm(source, target, seed=0) -> dict:
    """The settings of one training."""
    return locals()


ARMS = [arm(*WAYS[0], seed) for seed in SEEDS] + [arm(*WAYS[1])]


def run(source, target, seed, *, stop=None) -> dict:
    """Train as the page does, and measure on the whole test part."""
    here = chapter("13_translation", stop)
    data = here.load_verses(source, target, longest=15, vocab_size=1000)
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
    said = here.translate(model, SENTENCES, data.symbols)
    return figures | {"said": dict(zip(SENTENCES, said, strict=True))}


if __name__ == "__main__":
    keep(__file__, ARMS, run)
