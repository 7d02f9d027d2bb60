"""Chapter 25: six small GPTs, a law fitted to them, and what it says of one four times larger.

The rule stands in this file and in what it writes, with the prediction, before the larger one is
trained (scaling_target.py): only the width changes; each size reads 16 characters for each of its
parameters, embeddings not counted, under a schedule of its own; two seeds each; E is looked for.
"""

import torch
from study import first_losses, keep

from transformer_lib.data.text import Windows, load_king_james
from transformer_lib.measure.bits import bits_in_chunks
from transformer_lib.measure.scaling import fit_power_law, prediction_interval
from transformer_lib.models.gpt import GPT, GPTConfig
from transformer_lib.training.losses import token_loss
from transformer_lib.training.optimizers import muon_and_adamw
from transformer_lib.training.schedules import trapezoid_schedule
from transformer_lib.training.train import train

ARMS = [{"d_model": d, "seed": seed} for d in (24, 28, 32, 36, 40, 48) for seed in (0, 1)]
TARGET = 96  # its d_model: four times the parameters of the largest of these
SEQ_LEN, BATCH, RATIO = 128, 8, 16
BAR = 0.05  # bits by which the first attempt may be off


def gpt(d_model: int, vocab_size: int) -> GPT:
    """One rung: two layers of two heads."""
    sizes = {"d_model": d_model, "num_heads": 2, "num_layers": 2, "d_ff": 4 * d_model}
    kind = {"activation": "relu2", "positions": "rotary", "norm": "rms", "bias": False}
    return GPT(GPTConfig(vocab_size, dropout=0.0, **sizes, **kind))


def size(model: GPT) -> int:
    """N: all parameters but the embedding."""
    return sum(p.numel() for p in model.parameters()) - model.embedding.weight.numel()


def run(d_model: int, seed: int, *, stop: int | None = None) -> dict:
    """Train one rung, and read 60,000 characters that it has not seen."""
    text = load_king_james()
    ids = text.characters.encode(text.train)
    torch.manual_seed(seed)
    model = gpt(d_model, len(text.characters))
    steps = round(RATIO * size(model) / (BATCH * SEQ_LEN))
    history = train(
        model,
        lambda model, batch: token_loss(model(batch[0]), batch[1], pad_id=-1),
        Windows(ids, batch_size=BATCH, seq_len=SEQ_LEN, seed=seed),
        optimizer=muon_and_adamw(model, lr=0.02, adamw_lr=6e-3),
        schedule=trapezoid_schedule(steps, warmup=20, decay=steps // 2),
        steps=stop or steps,
    )
    dev = text.characters.encode(text.dev[:60_000])
    bits = 0.0 if stop else bits_in_chunks(model.eval(), dev, window=SEQ_LEN).mean().item()
    figures = {"losses": first_losses(history), "N": size(model), "steps": steps}
    return figures | {"D": steps * BATCH * SEQ_LEN, "bits": round(bits, 4)}


def conclude(runs: list[dict]) -> dict:
    """The prediction: with E free, and, for who doubts that there is one, with E = 0."""
    sizes, bits = [run["N"] for run in runs], [run["bits"] for run in runs]
    target = size(gpt(TARGET, 2))
    law, line = fit_power_law(sizes, bits), fit_power_law(sizes, bits, floor=0.0)
    low, high = prediction_interval(sizes, bits, target)
    return {
        "target": {"d_model": TARGET, "seed": 0, "N": target},
        "law": [round(x, 4) for x in (law.floor, law.scale, law.exponent)],
        "prediction": round(law(target), 3),
        "interval of 90 %": [round(low, 3), round(high, 3)],
        "with E = 0": round(line(target), 3),
        "bar": BAR,
    }


if __name__ == "__main__":
    keep(__file__, ARMS, run, conclude)
