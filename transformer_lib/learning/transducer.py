"""One row made into another: the nearest source against an encoder-decoder."""

from functools import partial

import torch
from torch import Tensor, nn

from transformer_lib.data.order import Endless, Shuffled
from transformer_lib.generation import generate
from transformer_lib.learning.data import Data
from transformer_lib.learning.fitting import Training
from transformer_lib.learning.kind import Kind, padded
from transformer_lib.learning.split import Part, Split
from transformer_lib.learning.tables import Nearest
from transformer_lib.learning.tokens import BOS, EOS, PAD, Tokens, unit_of
from transformer_lib.measure.errors import error_rates
from transformer_lib.models.transformer import Transformer, TransformerConfig
from transformer_lib.training.losses import token_loss
from transformer_lib.training.optimizers import muon_and_adamw

LONGEST = 64  # pieces of a row that are read, or written


class Transducer(Kind):
    """Makes one row into another: the nearest source against an encoder-decoder."""

    measure = "edits a symbol"
    ASKED = 200  # rows of a part that are scored: each is written out

    @staticmethod
    def facts_of(data: Data, split: Split) -> dict:
        """What each side is read in."""
        facts = {}
        for side, texts in (("source", split.train.sources), ("target", split.train.targets)):
            unit = unit_of(texts, "blanks", once=0.05)
            facts[side] = {"unit": unit, "symbols": Tokens.of(texts, unit).symbols}
        longest = max(
            len(t.split()) if facts["target"]["unit"] == "blanks" else len(t)
            for t in split.train.targets
        )
        return facts | {"longest": min(longest, LONGEST)}

    def __init__(self, facts: dict):
        super().__init__(facts)
        self.source, self.target = (
            Tokens(facts[side]["unit"], tuple(facts[side]["symbols"]))
            for side in ("source", "target")
        )
        model = TransformerConfig(
            len(self.source),
            len(self.target),
            d_model=64,
            num_heads=4,
            num_encoder_layers=2,
            num_decoder_layers=1,
            d_ff=256,
            activation="relu2",
            positions="rotary",
            bos_id=BOS,
            eos_id=EOS,
        )
        nearest = Nearest(len(self.source))
        self.candidates = nn.ModuleDict({"nearest": nearest, "model": Transformer(model)})

    def fit_baseline(self, split: Split) -> None:
        """Keep the rows."""
        sources = [self._ids(text) for text in split.train.sources]
        self.baseline.fit(sources, [self.target.encode(text) for text in split.train.targets])

    def make_training(self, split: Split) -> Training:
        """64 pairs at a time; at most 60 passes."""
        pairs = _Pairs(
            [self._ids(text) for text in split.train.sources],
            [self.target.encode(text)[:LONGEST] for text in split.train.targets],
            batch_size=min(64, len(split.train)),
        )

        def loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
            source, target = batch
            logits = model(source, target[:, :-1])
            return token_loss(logits, target[:, 1:], pad_id=PAD, label_smoothing=0.1)

        return Training(
            self.model,
            loss,
            pairs,
            partial(muon_and_adamw, lr=0.02, adamw_lr=3e-3, weight_decay=0.05),
            most=max(100, 60 * pairs.order.steps_per_epoch),
        )

    def score(self, name: str, part: Part, *, most: int = ASKED) -> float:
        """Edits for each symbol of the target, on the first rows of a part."""
        said = [self._cut(a) for a in self.answers(name, part.sources[:most])]
        return error_rates(said, [[self._cut(t)] for t in part.targets[:most]]).per

    def look(self, part: Part) -> float:
        """The score on a few rows."""
        return self.score("model", part, most=100)

    def answer(self, name: str, text: str) -> str:
        """What is made of a text."""
        if not isinstance(text, str) or not text.strip():
            raise ValueError(f"text must be a text, got {text!r}")
        return self.answers(name, [text.strip()])[0]

    def answers(self, name: str, texts: list[str]) -> list[str]:
        """What is made of each text."""
        ids = [self._ids(text) for text in texts]
        if name == "nearest":
            written = self.baseline.answers(ids)
        else:
            rows = generate(self.model, padded(ids), max_new_tokens=self.facts["longest"] + 1)
            written = rows.tolist()
        return [self.target.decode(row) for row in written]

    def _ids(self, text: str) -> Tensor:
        return self.source.encode(text)[:LONGEST]

    def _cut(self, text: str) -> list[str]:
        return text.split() if self.target.unit == "blanks" else list(text)


class _Pairs(Endless):
    """Batches of sources and of targets between start and end."""

    def __init__(self, sources: list[Tensor], targets: list[Tensor], *, batch_size: int):
        bos, eos = torch.tensor([BOS]), torch.tensor([EOS])
        self.sources = sources
        self.targets = [torch.cat([bos, target, eos]) for target in targets]
        self.order = Shuffled(len(sources), batch_size=batch_size, seed=0)

    def __getitem__(self, n: int) -> tuple[Tensor, Tensor]:
        rows = self.order[n].tolist()
        return tuple(padded([side[i] for i in rows]) for side in (self.sources, self.targets))
