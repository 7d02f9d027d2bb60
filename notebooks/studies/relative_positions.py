"""Chapter 21: readers of text, readers of letters and single terms, by three seeds each."""

from study import KEPT, chapter, first_losses, keep

TEXT = ("sinusoids", "learned table", "without u and v")
LETTERS = ("begins again at 0", "keeps counting", "relative", "learned table, letters")
KINDS = (*TEXT, *LETTERS, "terms")
ARMS = [{"kind": kind, "seed": seed} for kind in KINDS for seed in range(3)]


def run(kind, seed, *, stop=None) -> dict:
    """Train what the page trains; `stop` ends a reader of text early.

    The rates of the others depend on their length, which is short.
    """
    here = chapter("21_relative_positions", stop=stop)
    if kind == "terms":
        return _terms(here, seed)
    return _text(here, kind, seed, stop) if kind in TEXT else _letters(here, kind, seed)


def _text(here, kind, seed, stop) -> dict:
    model = here.train_on_text(here.kinds[kind], seed=seed)
    figures = {"losses": first_losses(here.histories[-1])}
    if stop:
        return figures
    for name, options in (("bits", {}), ("clamped", {"clamp_len": 63})):
        figures[name] = {str(m): round(here.bits(model, m, **options), 4) for m in here.MEMORIES}
    return figures


def _letters(here, kind, seed) -> dict:
    here.torch.manual_seed(seed)
    model = {
        "begins again at 0": here.Absolute,
        "keeps counting": lambda: here.Absolute(keeps_counting=True),
        "relative": lambda: here.Relative(here.RelativeAttention(64, 1)),
        "learned table, letters": lambda: here.Relative(here.attention_with_table(1)),
    }[kind]()
    here.train_on_letters(model, steps=200 if kind in LETTERS[:2] else 150)  # as on the page
    figures = {"losses": [round(loss, 4) for loss in model.losses[:KEPT]]}
    figures["segments"] = [round(x, 4) for x in here.hits(model).mean(dim=1).tolist()]
    last = {m: here.hits(model, 18, m)[-1].mean().item() for m in (32, 128, 512)}
    return figures | {"memories": {str(m): round(share, 4) for m, share in last.items()}}


def _terms(here, seed) -> dict:
    found, losses = {task: {} for task in here.tasks}, []
    for name, task in here.tasks.items():
        for terms, choice in here.choices.items():
            head = here.train_head(task, **choice, seed=seed)
            found[name][terms] = round(here.on_the_right_key(head, task), 4)
            losses += head.losses
    return {"losses": [round(loss, 4) for loss in losses[:KEPT]], "found": found}


if __name__ == "__main__":
    keep(__file__, ARMS, run)
