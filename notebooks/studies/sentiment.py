"""Chapter 12 in three seeds: accuracies, few labels, and which words' absence changes answers."""

from functools import partial

from study import chapter, first_losses, keep

ARMS = [{"model": name, "seed": seed} for name in ("small", "minilm", "few") for seed in range(3)]
vectors = {}  # MiniLM's, read once


def percent(right) -> float:
    """The share of right answers."""
    return round(100 * sum(right.tolist()) / len(right), 1)


def read(here, model, rows_of, layers: int, fast: bool) -> dict:
    """Right answers one by one, those with uniform attention in the last layers, and SAID."""
    ask = partial(here.right, rows_of=rows_of, fast=fast)
    right = {name: ask(model, getattr(here, name)) for name in ("test", "products")}
    found = {name: "".join(str(int(r)) for r in answers) for name, answers in right.items()}
    flat = {n: here.uniform(model, range(layers - n, layers)) for n in (1, layers // 2, layers)}
    found["uniform"] = {str(n): percent(ask(other, here.test)) for n, other in flat.items()}
    said = here.chances(model, rows_of(here.SAID))[:, 1].tolist()
    return found | {"said": [round(p, 2) for p in said]}


def few_labels(here, draw: int) -> dict:
    """Percent right of a table of word pairs and of MiniLM's frozen vectors."""
    found = {"table": {"test": [], "products": []}, "frozen": {"test": [], "products": []}}
    parts = {"given": here.given, "test": here.test, "products": here.products}
    for name in parts.keys() - vectors.keys():
        vectors[name] = here.vectors_of(here.load_bert(here.folder), parts[name])
    texts = {name: [s.text for s in part] for name, part in parts.items()}
    for kind, make, x in (("table", here.by_table, texts), ("frozen", here.by_features, vectors)):
        for count in (20, 50, 100, 500, 2000, None):  # None: all
            fitted = here.learnt(make(), x["given"], count, draw)
            for name, shares in found[kind].items():
                shares.append(percent(fitted.predict(x[name]) == here.labels(parts[name]).numpy()))
    return found


def run(model: str, seed: int, *, stop: int | None = None) -> dict:
    """Train one model as the page does, and ask it everything."""
    here = chapter("12_sentiment", stop)
    if model == "few":
        return few_labels(here, seed)
    fitted = here.fit_minilm(seed) if model == "minilm" else here.fit_small(seed)
    if stop:
        return {"losses": first_losses(fitted[1])}
    how = (here.pieces_of, 6, True) if model == "minilm" else (here.rows_of, 2, False)
    found = {"losses": first_losses(fitted[1])} | read(here, fitted[0], *how)
    if model == "small" or (model, seed) == ("minilm", 0):
        some, options = here.some(how[0], 200), here.READ[model]
        found["flips"] = here.deletion(fitted[0], some, **options)
        if model == "small":
            found["signs"] = here.with_and_without(fitted[0], some, **options)
    return found


if __name__ == "__main__":
    keep(__file__, ARMS, run)
