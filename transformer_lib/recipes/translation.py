"""The translator: German verses in, English verses out, as chapter 13 does in small.

It learns from two translations of one book, in 4,000 pieces that both languages share. The same
model on the captions that everybody measures (downloaded at the first call):

    make train-translation DATA=multi30k
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from torch import Tensor, nn

from transformer_lib.data.captions import load_captions
from transformer_lib.data.pairs import Batch, PairBatches, encode_words
from transformer_lib.data.subwords import BytePairs, Subwords
from transformer_lib.data.translations import Pair, Parallel, clean, load_parallel
from transformer_lib.data.vocabulary import SPECIAL
from transformer_lib.generation import beam_search
from transformer_lib.measure.translation import TranslationScore, translation_score
from transformer_lib.models.transformer import Transformer, TransformerConfig
from transformer_lib.recipes.running import AUTOCAST, SEED, Recipe
from transformer_lib.training.losses import token_loss

VOCAB_SIZE = 4000
BATCH_SIZE = 40
LONGEST = 25  # words of a verse
MOST_READ = 96  # pieces; no verse that it learnt from has more
MOST = 64  # pieces of what is written
NUM_BEAMS = 4


@dataclass(frozen=True)
class Verses:
    """Pairs of verses, and the pieces that both languages are cut into."""

    pairs: Parallel
    symbols: Subwords

    @property
    def dev(self) -> list[Pair]:
        """What choices are made on."""
        return self.pairs.dev

    @property
    def test(self) -> list[Pair]:
        """What is measured once."""
        return self.pairs.test


def load_verses(
    source: str = "elberfelder",
    target: str = "world_english",
    *,
    longest: int = LONGEST,
    vocab_size: int = VOCAB_SIZE,
) -> Verses:
    """Pair two translations, and learn pieces from both sides of the training part alone."""
    return with_pieces(load_parallel(source, target, longest=longest), vocab_size)


def with_pieces(pairs: Parallel, vocab_size: int = VOCAB_SIZE) -> Verses:
    """Join pairs with the pieces that their training part teaches."""
    return Verses(pairs, learn_pieces(pairs.train, vocab_size))


def learn_pieces(pairs: Sequence[Pair], vocab_size: int) -> Subwords:
    """Learn one vocabulary for both sides, its special ids counted."""
    text = "\n".join(f" {side}" for pair in pairs for side in pair[:2])
    return Subwords.of(BytePairs.learn(text, vocab_size - SPECIAL - 256))


def make_model(data: Verses, *, dropout: float = 0.1) -> Transformer:
    """Make the translator, untrained: one matrix embeds source and target and scores the words."""
    return Transformer(
        TransformerConfig(
            source_vocab_size=len(data.symbols),
            target_vocab_size=len(data.symbols),
            d_model=128,
            num_heads=4,
            num_encoder_layers=3,
            num_decoder_layers=2,
            d_ff=512,
            activation="relu2",
            dropout=dropout,
            positions="rotary",
            share_embeddings=True,
        )
    )


def make_batches(data: Verses, *, batch_size: int = BATCH_SIZE, seed: int = SEED) -> PairBatches:
    """The training pairs, those of similar length together."""
    pairs = [pair[:2] for pair in data.pairs.train]
    return PairBatches(pairs, data.symbols, data.symbols, batch_size=batch_size, seed=seed)


def pair_loss(model: nn.Module, batch: Batch) -> Tensor:
    """Mean cross-entropy of the pieces in nats, with label smoothing 0.1 over all pieces."""
    logits = model(batch.source, batch.target_in).float()  # (batch, target_len, vocab_size)
    return token_loss(logits, batch.target_out, pad_id=0, label_smoothing=0.1)


def translate(
    model: nn.Module, texts: Sequence[str], symbols: Subwords, *, num_beams: int = NUM_BEAMS
) -> list[str]:
    """Translate sentences: what beam search finds, or with one beam the likeliest next pieces.

    Raises:
        ValueError: if `texts` is a single string, or one is no text, empty, or of more than
            `MOST_READ` pieces.
    """
    if isinstance(texts, str):
        raise ValueError(f"texts must be a list of sentences, got {texts!r}")
    texts = [clean(text) for text in texts]
    for text in texts:
        if (count := len(symbols.encode(text))) > MOST_READ:
            raise ValueError(
                f"texts must have at most {MOST_READ} pieces each, got {count} in {text!r:.60}: "
                f"divide it"
            )
    found: dict[int, str] = {}
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))  # similar lengths together
    for start in range(0, len(order), 64):
        part = order[start : start + 64]
        source = encode_words([texts[i] for i in part], symbols)
        written = beam_search(model, source, max_new_tokens=MOST, num_beams=num_beams)
        found |= {i: symbols.decode(ids) for i, ids in zip(part, written, strict=True)}
    return [found[i] for i in range(len(texts))]


def score(
    model: nn.Module, pairs: Sequence[Pair], symbols: Subwords, *, num_beams: int = NUM_BEAMS
) -> TranslationScore:
    """Compare what `translate` makes of the sources with the targets."""
    written = translate(model, [pair.source for pair in pairs], symbols, num_beams=num_beams)
    return translation_score(written, [pair.target for pair in pairs])


def progress(model: nn.Module, data: Verses) -> dict[str, float]:
    """BLEU and chrF on 100 dev verses, greedily."""
    found = score(model, data.dev[:100], data.symbols, num_beams=1)
    return {"bleu": found.bleu, "chrf": found.chrf}


def card(
    figures: Mapping[str, TranslationScore],
    data: Verses,
    made: str,
    *,
    does: str = "reads a German verse and writes it in English",
    texts: str = "Elberfelder 1905 and World English",
    longest: int = LONGEST,
    limits: str = "",
) -> str:
    """Say of the weights what they are, how they came about and how good they are."""
    rows = [
        f"| {part} | {found.bleu:.1f} | {found.chrf:.1f} | {found.brevity:.3f} |"
        for part, found in figures.items()
    ]
    signature = next(iter(figures.values())).signature
    return f"""\
An encoder-decoder Transformer that {does}. Load it with
`transformer_lib.load`; `recipes.translation.translate` uses it.

| split, storage | BLEU | chrF | brevity penalty |
|---|---|---|---|
{chr(10).join(rows)}

Beam search with {NUM_BEAMS} beams. `sacrebleu`: {signature}.
Choices were made on dev; test was measured once, with the file as it is here.

- **Data**: {texts}, verse by verse, at most {longest} words each;
  {len(data.pairs.train):,} verses to train on, {len(data.dev)} dev, {len(data.test)} test. Split by
  chapter; left out of training is what holds more than half of a dev or test verse's runs of four
  words, in either language.
{made}
- **Limits**: it knows one book, and turns everything into it. A name that it has not met it spells
  anew, often wrongly; what it cannot read it makes up, in good English.{limits}
- **Licence**: that of this package; both texts are in the public domain in most countries.
"""


RECIPE = Recipe(
    name="translation",
    title="German to English, verse by verse",
    steps=6000,
    every=250,
    data=load_verses,
    model=make_model,
    loss=lambda: pair_loss,
    batches=make_batches,
    settings=f"batches of {BATCH_SIZE} verses",
    rates={"warmup": 100, "lr": 0.02, "adamw_lr": 3e-3, "weight_decay": 0.05},
    symbols=lambda data: data.symbols,
    parts=("dev", "test"),
    evaluate=lambda model, data, part: score(model, getattr(data, part), data.symbols),
    progress=progress,
    card=card,
    autocast=AUTOCAST,
)
TRIALS = {
    "multi30k": replace(
        RECIPE,
        data=lambda: with_pieces(load_captions()),
        model=lambda data: make_model(data, dropout=0.3),
        parts=("test",),
    )
}
RECIPE = replace(RECIPE, trials=TRIALS)
