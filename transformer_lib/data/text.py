"""Text as a row of characters: the King James verses, or a text that is downloaded.

Each text is cut once: the first 90 % to train on, the last 10 % held out, half of it for choices
(dev) and half for the last figure (test). The vocabulary knows the training part alone.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from transformer_lib import checks
from transformer_lib.data.downloads import fetch
from transformer_lib.data.order import Endless, random_numbers
from transformer_lib.data.verses import load_verses
from transformer_lib.data.vocabulary import Vocabulary


@dataclass(frozen=True)
class Text:
    """A text in three parts, and the vocabulary of the first.

    `train`, `dev` and `test` follow each other without a gap: together they are the whole.
    """

    train: str
    dev: str
    test: str
    characters: Vocabulary

    @property
    def held_out(self) -> str:
        """The last 10 %: dev and test."""
        return self.dev + self.test


def load_king_james() -> Text:
    """The 31,102 verses of the King James text, one in a line; nothing is downloaded.

    The brackets that stand for the italics of the printed book, around words that the translators
    added, are left out.

    Returns:
        The text, cut where a verse ends.
    """
    verses = "".join(f"{verse}\n" for verse in load_verses().values())
    return split_text(verses.translate({ord("["): None, ord("]"): None}))


def load_tiny_shakespeare() -> Text:
    """A million characters of Shakespeare's plays (Karpathy 2015), downloaded at the first call.

    Raises:
        ConnectionError, ValueError: as `data.downloads.fetch`.
    """
    return split_text(fetch("tinyshakespeare")["input.txt"].read_text(encoding="utf-8"))


def split_text(text: str) -> Text:
    """Cut a text after 90 % and after 95 % of it, each time at the end of that line.

    Raises:
        ValueError: if a part would be empty.
    """
    if not isinstance(text, str):
        raise ValueError(f"text must be a string, got {type(text).__name__}")
    ends = [text.find("\n", len(text) * percent // 100) + 1 for percent in (90, 95)]
    train, dev, test = text[: ends[0]], text[ends[0] : ends[1]], text[ends[1] :]
    if not (train and dev and test):
        raise ValueError(
            f"text must have lines enough for three parts, got {len(text)} characters in "
            f"{text.count(chr(10))} lines"
        )
    return Text(train, dev, test, Vocabulary.of(train))


class Windows(Endless):
    """Training batches without end: `windows[n]` is a function of the seed and n alone.

    Each is a pair (inputs, targets) of ids (batch_size, seq_len): windows that start anywhere in
    the text, and the same windows one character later.

    Args:
        ids: the text, (length,).
        batch_size: number of windows in a batch.
        seq_len: number of characters in a window.
        seed: decides where they start.

    Raises:
        ValueError: if `batch_size` or `seq_len` is less than 1, `ids` are not such a row, or the
            text is not longer than a window.
    """

    def __init__(self, ids: Tensor, *, batch_size: int, seq_len: int, seed: int = 0):
        checks.at_least(1, batch_size=batch_size, seq_len=seq_len)
        checks.at_least(0, seed=seed)
        checks.row("ids", ids, least=seq_len + 1)
        self.ids, self.batch_size, self.seq_len, self.seed = ids, batch_size, seq_len, seed

    def __getitem__(self, n: int) -> tuple[Tensor, Tensor]:
        """Batch n, counted from 0."""
        last = len(self.ids) - self.seq_len
        starts = torch.randint(last, (self.batch_size, 1), generator=random_numbers(self.seed, n))
        windows = self.ids[starts + torch.arange(self.seq_len + 1)]  # (batch_size, seq_len + 1)
        return windows[:, :-1], windows[:, 1:]
