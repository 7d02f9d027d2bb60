"""Adaptive embedding and softmax: the rarer the word, the fewer numbers it gets."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from transformer_lib import checks

IGNORED = -100  # a target that does not count, as in torch


class AdaptiveEmbedding(nn.Module):
    """Embeddings that are narrower for rarer words, each group widened to d_model by its own map.

    Args:
        vocab_size: number of words, sorted from frequent to rare.
        d_model: width of the output, and of the first group's embeddings.
        cutoffs: where the next group begins.
        div_value: group n has width ⌊d_model / div_value^n⌋.

    Raises:
        ValueError: if no vocabulary can be cut so, see `check_groups`.

    Source: Baevski and Auli 2018, §3.1.
    """

    def __init__(self, vocab_size: int, d_model: int, cutoffs: Sequence[int], div_value: float):
        super().__init__()
        check_groups(vocab_size, d_model, cutoffs, div_value)
        self.d_model, self.edges = d_model, [0, *cutoffs, vocab_size]
        widths = [int(d_model // div_value**n) for n in range(len(self.edges) - 1)]
        sizes = [end - start for start, end in pairwise(self.edges)]
        self.tables = nn.ModuleList(map(embedding, sizes, widths))
        self.maps = nn.ModuleList(nn.Linear(width, d_model, bias=False) for width in widths[1:])
        for linear in self.maps:
            nn.init.xavier_uniform_(linear.weight)

    def forward(self, ids: Tensor) -> Tensor:
        """Look up ids (batch, seq_len) → (batch, seq_len, d_model).

        Raises:
            ValueError: if they are no ids of the vocabulary.
        """
        checks.ids("ids", ids, self.edges[-1], like=self.tables[0].weight)
        x = self.tables[0](ids.clamp(max=self.edges[1] - 1))  # right for the first group
        for n, (table, linear) in enumerate(zip(self.tables[1:], self.maps, strict=True), start=1):
            start, end = self.edges[n : n + 2]
            rare = linear(table(ids.clamp(start, end - 1) - start)).to(x.dtype)
            x = torch.where((ids >= start)[..., None], rare, x)
        return x


class AdaptiveOutput(nn.AdaptiveLogSoftmaxWithLoss):
    """A softmax in groups: rare words share one output each, and are told apart if it is asked for.

    Args:
        vocab_size, d_model, cutoffs, div_value: as in `AdaptiveEmbedding`.
        tables: embeddings of the groups, which serve as the last maps of the rare ones: most of
            all weights, needed once.

    Source: Grave et al. 2016, "Efficient softmax approximation for GPUs".
    """

    def __init__(
        self,
        vocab_size: int,
        d_model: int,
        cutoffs: Sequence[int],
        div_value: float,
        *,
        tables: Iterable[nn.Embedding],
    ):
        check_groups(vocab_size, d_model, cutoffs, div_value)
        checks.several(tables=tables)
        tables = [*tables]
        for n, table in enumerate(tables):
            checks.a(nn.Embedding, **{f"tables[{n}]": table})
        super().__init__(d_model, vocab_size, cutoffs, div_value=div_value)
        for table, tail in zip(tables[1:], self.tail, strict=True):
            tail[1].weight = table.weight

    def forward(self, x: Tensor, targets: Tensor | None = None) -> Tensor:
        """Score words, in the type of the weights, under autocast too.

        Args:
            x: features (batch, seq_len, d_model).
            targets: the right words (batch, seq_len), -100 where one does not count.

        Returns:
            log p of every word, (batch, seq_len, vocab_size); with `targets` -log p of each of
            them, (batch, seq_len), 0 where one does not count, and log p of no other word.

        Raises:
            ValueError: if `x` or `targets` are not such.
        """
        checks.features("x", x, self.in_features, like=self.head.weight)
        if targets is not None:
            _check_targets(targets, x, self.n_classes)
        with torch.autocast(x.device.type, enabled=False):  # torch's class mixes types under it
            x = x.to(self.head.weight.dtype)
            if targets is None:
                return self.log_prob(x.flatten(0, 1)).unflatten(0, x.shape[:2])
            counts = targets != IGNORED
            losses = -super().forward(x[counts], targets[counts]).output
            return x.new_zeros(targets.shape).masked_scatter(counts, losses)


def _check_targets(targets: Tensor, x: Tensor, vocab_size: int) -> None:
    checks.tensor(targets=targets)
    if targets.shape != x.shape[:2]:
        raise ValueError(f"targets must be {tuple(x.shape[:2])}, got {tuple(targets.shape)}")
    counted = targets.masked_fill(targets == IGNORED, 0)
    checks.ids("targets", counted, vocab_size, like=x)


def embedding(vocab_size: int, width: int) -> nn.Embedding:
    """Embeddings from N(0, 1 / width): of unit variance once they are scaled by √width.

    Raises:
        ValueError: if a size is less than 1.
    """
    checks.at_least(1, vocab_size=vocab_size, width=width)
    embedding = nn.Embedding(vocab_size, width)
    nn.init.normal_(embedding.weight, std=width**-0.5)
    return embedding


def check_groups(vocab_size: int, d_model: int, cutoffs: Sequence[int], div_value: float) -> None:
    """Refuse groups of words that no vocabulary can be cut into.

    Raises:
        ValueError: naming the argument.
    """
    checks.at_least(1, vocab_size=vocab_size, d_model=d_model)
    checks.positive(div_value=div_value)
    checks.several(cutoffs=cutoffs)
    checks.whole(**{f"cutoffs[{n}]": cutoff for n, cutoff in enumerate(cutoffs)})
    if any(a >= b for a, b in pairwise([0, *cutoffs, vocab_size])):
        raise ValueError(
            f"cutoffs must rise, between 1 and vocab_size - 1 = {vocab_size - 1}, got {cutoffs}"
        )
    if div_value < 1 or d_model // div_value ** len(cutoffs) < 1:
        raise ValueError(
            f"div_value must be at least 1 and leave the last group's embeddings a feature, "
            f"got {div_value} with {len(cutoffs)} cutoffs"
        )
