"""Chapter 20: at which lag do stacks with a memory fall to chance, and an LSTM? Three seeds.

Then five layers with a memory of three segments, asked for thirteen; and a passage said twice.
"""

from study import chapter, first_losses, keep

LAYERS = (1, 2, 3, 4, 6)
ARMS = [{"reader": f"layers: {n}", "seed": seed} for n in LAYERS for seed in range(3)]
TWICE = {"said twice, 2 layers": (2, 12), "said twice, 4 layers": (4, 4)}  # segments of memory
ARMS += [{"reader": r, "seed": seed} for r in ("LSTM", "far", *TWICE) for seed in range(3)]


def run(reader, seed, *, stop=None) -> dict:
    """Train one reader as the page does; the LSTM's gradient runs through four segments."""
    here = chapter("20_recurrence", stop)
    if reader in TWICE:
        num_layers, segments = TWICE[reader]
        right = here.guess_second(num_layers, segments * here.SEG_LEN, 14, seed)
        return {"losses": first_losses(here.histories[-1]), "right": round(right, 4)}
    if reader == "LSTM":
        model = _lstm(here, seed)
    elif reader == "far":
        model = here.train_reader(5, 3 * here.SEG_LEN, steps=600, lags=13, seed=seed)
        found = here.score(model, lags=13)
        right = [[round(x, 4) for x in layer] for layer in found.tolist()]
        return {"losses": first_losses(here.histories[-1]), "right": right}
    else:
        model = here.train_reader(int(reader.split()[-1]), here.SEG_LEN, seed=seed)
    figures = {"losses": first_losses(here.histories[-1])}
    if stop:
        return figures
    return figures | {"right": [round(x, 4) for x in here.score(model)[-1].tolist()]}


def _lstm(here, seed):
    """256 features, its state carried on; 400 updates, each of four segments."""
    torch, nn = here.torch, here.nn

    class Carried(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(4, 64)
            self.lstm = nn.LSTM(64, 256, batch_first=True)
            self.head = nn.Linear(256, 4 * here.LAGS)

        def forward(self, ids, state=None):
            x, state = self.lstm(self.embedding(ids), state)
            return self.head(x).unflatten(-1, (-1, 4))[None], state  # as one layer's answers

    class Loss:
        state = None

        def __call__(self, model, batch):
            ids, before = (torch.cat(parts, dim=1) for parts in zip(*batch, strict=True))
            answers, state = model(ids, self.state)
            self.state = tuple(part.detach() for part in state)
            return here.F.cross_entropy(answers.flatten(0, -2), before.flatten())

    torch.manual_seed(seed)
    segments = here.strands(16, 1600, seed=seed)
    return here.fit(Carried(), [segments[i : i + 4] for i in range(0, 1600, 4)], Loss())


if __name__ == "__main__":
    keep(__file__, ARMS, run)
