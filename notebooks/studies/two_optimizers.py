"""Chapter 10: Muon and AdamW on the page's model; three rates each, three seeds, equal time too."""

from study import chapter, first_losses, keep

RATES = {"AdamW": (3.5e-3, 7e-3, 1.4e-2), "Muon": (0.015, 0.03, 0.06)}
BEST = {"AdamW": 7e-3, "Muon": 0.03}  # with seed 0
MORE = 360  # steps of AdamW in the time of 300 with Muon: 1.2 times as many


def arm(optimizer, rate, steps=300, seed=0) -> dict:
    """The settings of one training."""
    return locals()


ARMS = [arm(name, rate) for name, rates in RATES.items() for rate in rates]
ARMS += [arm(name, rate, seed=seed) for seed in (1, 2) for name, rate in BEST.items()]
ARMS += [arm("AdamW", BEST["AdamW"], MORE, seed) for seed in range(3)]


def run(optimizer, rate, steps, seed, *, stop=None) -> dict:
    """Train as the page does; the bits are those of the page's 4,096 held-out characters."""
    here = chapter("10_gpt", stop)
    ids, held_out = (here.characters.encode(s) for s in (here.text.train, here.text.held_out))
    here.torch.manual_seed(seed)
    model = here.GPT(here.config)
    if optimizer == "Muon":  # as on the page AdamW, for the rest, has a third of its rate
        optimizers = here.muon_and_adamw(model, lr=rate, adamw_lr=rate / 3)
    else:
        optimizers = here.torch.optim.AdamW(model.parameters(), lr=rate, betas=(0.9, 0.98))
    options = {"schedule": here.trapezoid_schedule(steps, warmup=steps // 10, decay=steps // 2)}
    windows = here.Windows(ids, batch_size=16, seq_len=64, seed=seed)
    history = here.train(model, here.loss, windows, optimizer=optimizers, steps=steps, **options)
    figures = {"losses": first_losses(history)}
    if stop:
        return figures
    bits = here.bits_in_chunks(model.eval(), held_out[:4097], window=64).mean().item()
    return figures | {"bits": round(bits, 4)}


if __name__ == "__main__":
    keep(__file__, ARMS, run)
