"""Which class is a text? TF-IDF with logistic regression against an encoder.

For few English texts a published encoder stands between them (see `frozen`).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from transformer_lib.data.order import Endless, Shuffled, random_numbers
from transformer_lib.learning.data import Data
from transformer_lib.learning.fitting import Training
from transformer_lib.learning.frozen import Frozen
from transformer_lib.learning.kind import Labels, padded
from transformer_lib.learning.split import Split
from transformer_lib.learning.tables import Logistic
from transformer_lib.learning.tokens import PAD, UNKNOWN, Tokens, unit_of
from transformer_lib.models.bert import Bert, BertConfig, Classifier

LONGEST = 64  # pieces of a text that are read, by both candidates


class TextClassifier(Labels):
    """Says which class a text is: TF-IDF with logistic regression against an encoder."""

    @staticmethod
    def facts_of(data: Data, split: Split) -> dict:
        """Words that come twice, or characters where few do."""
        texts = split.train.sources
        unit = unit_of(texts, "words", once=0.4)
        tokens = Tokens.of(texts, unit, least=2)
        classes = tuple(sorted(set(split.train.targets)))
        facts = {"unit": unit, "symbols": tokens.symbols, "classes": classes}
        return facts | {"frozen": Frozen.suits(texts)}

    def __init__(self, facts: dict):
        super().__init__(facts)
        self.tokens = Tokens(facts["unit"], tuple(facts["symbols"]))
        size, classes = len(self.tokens), len(facts["classes"])
        encoder = BertConfig(
            size,
            max_len=None,
            d_model=64,
            num_heads=4,
            num_layers=1,
            d_ff=128,
            positions="rotary",
            num_segments=0,
            norm_first=True,
            dropout=0.2,
            pad_id=PAD,
        )
        model = Classifier(Bert(encoder), classes, pool="mean", dropout=0.2)
        longest = 2 if facts["unit"] == "words" else 3
        baseline = Logistic(size, longest, classes)
        published = {"minilm": Frozen(classes)} if facts["frozen"] else {}
        self.candidates = nn.ModuleDict({"tf-idf": baseline, **published, "model": model})

    def fit_baseline(self, split: Split) -> None:
        """Find the weights of the n-grams, and of the published features."""
        texts, labels = split.train.sources, self.numbers(split.train)
        self.baseline.fit(list(map(self._ids, texts)), labels)
        if "minilm" in self.candidates:
            self.candidates["minilm"].fit(texts, labels)

    def make_training(self, split: Split) -> Training:
        """Rows of 32 texts, some of their words hidden; at most 30 passes."""
        ids = [self._ids(text) for text in split.train.sources]
        rows = min(32, len(ids))
        return Training(
            self.model,
            lambda model, batch: F.cross_entropy(model(batch[0]), batch[1], label_smoothing=0.1),
            _Texts(ids, self.numbers(split.train), batch_size=rows),
            lambda model: torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.05),
            most=max(100, 30 * len(ids) // rows),
        )

    def one(self, text: str) -> str:
        """A source as it was learnt from."""
        if not isinstance(text, str) or not text.strip():
            raise ValueError(f"text must be a text, got {text!r}")
        return text

    def _ids(self, text: str) -> Tensor:
        ids = self.tokens.encode(text)[:LONGEST]
        return ids if len(ids) else torch.tensor([UNKNOWN])

    def _probabilities(self, name: str, texts: list[str]) -> Tensor:
        if name == "minilm":
            return self.candidates[name].probabilities(texts)
        ids = [self._ids(text) for text in texts]
        if name == "tf-idf":
            return self.baseline.probabilities(ids)
        parts = [ids[i : i + 100] for i in range(0, len(ids), 100)]
        return torch.cat([self.model(padded(part)).softmax(dim=-1) for part in parts])


class _Texts(Endless):
    """Batches of texts and classes; in each text about one word in seven is unknown."""

    def __init__(self, ids: list[Tensor], labels: Tensor, *, batch_size: int):
        self.ids, self.labels = ids, labels
        self.order = Shuffled(len(ids), batch_size=batch_size, seed=0)

    def __getitem__(self, n: int) -> tuple[Tensor, Tensor]:
        rows = self.order[n]
        ids = padded([self.ids[i] for i in rows.tolist()])
        hidden = torch.rand(ids.shape, generator=random_numbers(1, n)) < 0.15
        return torch.where(hidden & (ids != PAD), UNKNOWN, ids), self.labels[rows]
