"""Pairs of sequences, a source and what shall be made of it, in padded batches.

source      h i . .        target_in    BOS HH AY         what the decoder reads
e g g s        target_out   HH AY EOS         what it shall say next
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from transformer_lib.data.order import Endless, Shuffled
from transformer_lib.data.subwords import Subwords
from transformer_lib.data.vocabulary import Vocabulary

Pair = tuple[Sequence[str], Sequence[str]]


@dataclass(frozen=True)
class Batch:
    """Padded ids of a few pairs.

    `target_in` starts with BOS, `target_out` ends with EOS, and at every position the second is
    what the model shall say after having read the first: teacher forcing.
    """

    source: Tensor  # (batch, source_len)
    target_in: Tensor  # (batch, target_len)
    target_out: Tensor  # (batch, target_len)


class PairBatches(Endless):
    """Training batches without end: `batches[step]` is a function of the step and the seed.

    Every pair comes once in an epoch. Sources of similar length share a batch, so that little of
    it is padding: the pairs are shuffled, cut into pools of 50 batches, and each pool is sorted by
    length and cut into batches, which are shuffled in turn.

    Args:
        pairs: sources and targets, each what its vocabulary encodes: symbols (a string is one of
            characters), or for `Subwords` a text.
        source: vocabulary of the sources, with special ids.
        target: vocabulary of the targets, with special ids.
        batch_size: number of pairs in a batch; the pairs left over at the end of an epoch, fewer
            than a batch, are not seen in it.
        seed: decides the order.

    Raises:
        ValueError: if `batch_size` is not in 1 … the number of pairs, a symbol is not in its
            vocabulary, or a vocabulary has no special ids.
    """

    def __init__(
        self,
        pairs: Iterable[Pair],
        source: Vocabulary | Subwords,
        target: Vocabulary | Subwords,
        *,
        batch_size: int,
        seed: int = 0,
    ):
        _check_special(source=source, target=target)
        bos, eos = torch.tensor([[target.bos_id], [target.eos_id]])
        pairs = list(pairs) if isinstance(pairs, Iterable) else [pairs]
        if not pairs or not all(isinstance(pair, tuple) and len(pair) == 2 for pair in pairs):
            raise ValueError(f"pairs must be (source, target), one or more, got {pairs[:3]}")
        self.pairs = [
            (source.encode(one), torch.cat([bos, target.encode(other), eos]))
            for one, other in pairs
        ]
        self.source, self.target = source, target
        self.order = Shuffled(
            len(self.pairs), batch_size=batch_size, seed=seed, arrange=self._by_length
        )
        self.steps_per_epoch = self.order.steps_per_epoch

    def __getitem__(self, n: int) -> Batch:
        """Batch n, counted from 0."""
        source, target = zip(*(self.pairs[i] for i in self.order[n].tolist()), strict=True)
        source = pad_sequence(source, batch_first=True, padding_value=self.source.pad_id)
        target = pad_sequence(target, batch_first=True, padding_value=self.target.pad_id)
        return Batch(source, target_in=target[:, :-1], target_out=target[:, 1:])

    def _by_length(self, order: Tensor, generator: torch.Generator) -> Tensor:
        """Pairs of similar length side by side, and the batches in a new order."""
        batch_size = self.order.batch_size
        batches = []
        for pool in order.split(50 * batch_size):
            lengths = [(len(self.pairs[i][0]), len(self.pairs[i][1]), i) for i in pool.tolist()]
            in_order = [i for *_, i in sorted(lengths, key=lambda found: found[:2])]
            batches += torch.tensor(in_order).split(batch_size)
        return torch.cat([batches[i] for i in torch.randperm(len(batches), generator=generator)])


def encode_words(words: Sequence[Sequence[str]], vocabulary: Vocabulary | Subwords) -> Tensor:
    """Padded ids of sequences of symbols, (batch, length): sources of one batch.

    Raises:
        ValueError: if there is none, one is empty or has a symbol that the vocabulary lacks, or
            `words` is a single string.
    """
    _check_special(vocabulary=vocabulary)
    if isinstance(words, str) or not isinstance(words, Sequence) or not words or not all(words):
        raise ValueError(f"words must be one or more of at least a symbol, got {words!r}")
    ids = [vocabulary.encode(word) for word in words]
    return pad_sequence(ids, batch_first=True, padding_value=vocabulary.pad_id)


def _check_special(**vocabularies: Vocabulary | Subwords) -> None:
    for name, value in vocabularies.items():
        if not isinstance(value, Vocabulary | Subwords) or not value.special:
            raise ValueError(f"{name} must be a Vocabulary with special=True, got {value!r}")
