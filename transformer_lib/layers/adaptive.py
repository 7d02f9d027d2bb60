"""Adaptive embeddings: the rarer the word, the fewer numbers it gets."""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn


class AdaptiveEmbedding(nn.Module):
    """Embeddings that are narrower for rarer words, each group widened to d_model by its own map.

    Args:
        vocab_size: number of words, sorted from frequent to rare.
        d_model: width of the output, and of the first group's embeddings.
        cutoffs: where the next group begins.
        div_value: group n has width ⌊d_model / div_value^n⌋.

    Source: Baevski and Auli 2018, §3.1.
    """

    def __init__(self, vocab_size: int, d_model: int, cutoffs: Sequence[int], div_value: float):
        super().__init__()
        self.d_model, self.edges = d_model, [0, *cutoffs, vocab_size]
        widths = [int(d_model // div_value**n) for n in range(len(self.edges) - 1)]
        sizes = [end - start for start, end in pairwise(self.edges)]
        self.tables = nn.ModuleList(map(embedding, sizes, widths))
        self.maps = nn.ModuleList(nn.Linear(width, d_model, bias=False) for width in widths[1:])
        for linear in self.maps:
            nn.init.xavier_uniform_(linear.weight)

    def forward(self, ids: Tensor) -> Tensor:
        """Look up ids (batch, seq_len) → (batch, seq_len, d_model)."""
        x = self.tables[0](ids.clamp(max=self.edges[1] - 1))  # right for the first group
        for n, (table, linear) in enumerate(zip(self.tables[1:], self.maps, strict=True), start=1):
            inside = (ids >= self.edges[n]) & (ids < self.edges[n + 1])
            rare = linear(table(ids[inside] - self.edges[n]))
            x = x.masked_scatter(inside[..., None], rare.to(x.dtype))
        return x


def embedding(vocab_size: int, width: int) -> nn.Embedding:
    """Embeddings from N(0, 1 / width): of unit variance once they are scaled by √width."""
    embedding = nn.Embedding(vocab_size, width)
    nn.init.normal_(embedding.weight, std=width**-0.5)
    return embedding
