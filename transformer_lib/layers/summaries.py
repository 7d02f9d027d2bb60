"""Blocks with summaries: a token sees its own block, and one position of every block before."""

import torch
import torch.nn.functional as F
from torch import Tensor

from transformer_lib import checks
from transformer_lib.layers.cache import KVCache, MemoryCache, check_cache
from transformer_lib.layers.kernels import attend
from transformer_lib.layers.masks import causal_mask
from transformer_lib.layers.multi_head import MultiHeadAttention
from transformer_lib.layers.positions import Rotary


def summary_mask(q_len: int, k_len: int, block: int, *, device=None) -> Tensor:
    """Let each query attend to its own block, up to itself, and to the ends of those before.

    Args:
        q_len: number of queries, the last of the `k_len` positions.
        k_len: number of keys, at least `q_len`.
        block: number of positions in a block, at least 1.
        device: where to make the mask.

    Returns:
        Boolean mask (q_len, k_len).

    Raises:
        ValueError: if a length is negative, `k_len < q_len` or `block < 1`.

    Source: Child et al. 2019, "Generating Long Sequences with Sparse Transformers", §4.2, "fixed",
    with one summary a block (c = 1) and both patterns in one head.
    """
    checks.at_least(0, q_len=q_len, k_len=k_len)
    checks.at_least(1, block=block)
    past = causal_mask(q_len, k_len, device=device)
    keys = torch.arange(k_len, device=device)
    own = keys[k_len - q_len :, None] // block == keys // block
    return past & (own | (keys % block == block - 1))


class SummaryAttention(MultiHeadAttention):
    """Causal self-attention to the token's own block, and to the last position of those before.

    That last position has seen its whole block: what it says in the next layer is a summary. So
    two layers reach all of the past, at n · (block + n / block) scores instead of n². (A cache
    keeps all keys, also those that no later token will see: this saves time, not room.)

    Args:
        d_model: width of input and output.
        num_heads: number of heads; each works in head_dim = d_model / num_heads features.
        block: number of positions in a block.
        dropout, bias, rotary: as in `MultiHeadAttention`.

    Raises:
        ValueError: as `MultiHeadAttention`, and if `block < 1`.

    Source: as `summary_mask`.
    """

    def __init__(
        self,
        d_model: int,
        num_heads: int,
        *,
        block: int,
        dropout: float = 0.0,
        bias: bool = True,
        rotary: Rotary | None = None,
    ):
        super().__init__(d_model, num_heads, dropout=dropout, bias=bias, causal=True, rotary=rotary)
        checks.at_least(1, block=block)
        self.block = block

    def forward(
        self,
        x: Tensor,
        *,
        mask: None = None,
        cache: KVCache | None = None,
        return_weights: bool = False,
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Attend from each position of `x` to its block and the ends of the blocks before.

        Args:
            x: (batch, q_len, d_model), at least one token.
            mask: None. Padding behind the end needs none: no token looks that far.
            cache: keys and values of the tokens before `x`, to which those of `x` are added. A
                call that is refused leaves it as it was.
            return_weights: also return the weights, before dropout. They are computed from all
                pairs then, not by blocks.

        Returns:
            Output (batch, q_len, d_model); with `return_weights` a pair of it and the weights
            (batch, num_heads, q_len, k_len).

        Raises:
            ValueError: if `x` has the wrong shape, width, type or device, there is a mask, or the
                cache is one that forgets.
        """
        checks.flag(return_weights=return_weights)
        self._check(x, mask, cache)
        q = self._split(self.q_proj(x))  # (batch, heads, q_len, head_dim)
        k, v = self._keys_values(x, None, cache)  # (batch, heads, k_len, head_dim)
        q, _ = self._place(q, k.size(2))
        dropout, weights = self.dropout if self.training else 0.0, None
        if return_weights:
            seen = summary_mask(x.size(1), k.size(2), self.block, device=x.device)
            out, weights = attend(q, k, v, seen, dropout=dropout, return_weights=True)
        else:
            out = _by_blocks(q, k, v, self.block, dropout)
        out = self.out_proj(out.transpose(1, 2).flatten(2))  # (batch, q_len, d_model)
        return (out, weights) if return_weights else out

    def _check(self, x: Tensor, mask: None, cache: KVCache | None) -> None:
        checks.features("x", x, self.d_model, like=self.q_proj.weight)
        if not x.size(1):
            raise ValueError(f"x must have at least one token, got {tuple(x.shape)}")
        check_cache(cache)
        if mask is not None:
            raise ValueError(
                f"mask must be None: the scores of all pairs, which it would hide, are never made "
                f"by blocks, got {type(mask).__name__}"
            )
        if isinstance(cache, MemoryCache):
            raise ValueError(
                "cache must be a plain KVCache: blocks are counted from the start, which a "
                "MemoryCache forgets"
            )


def _by_blocks(q: Tensor, k: Tensor, v: Tensor, block: int, dropout: float) -> Tensor:
    """Attention under `summary_mask`, of queries that are the last of the keys."""
    q_len, known = q.size(2), k.size(2) - q.size(2)
    begun, behind = known % block, -k.size(2) % block  # what fills up the first and last block
    first = known // block  # of the blocks in which queries stand
    if q_len == 1:  # and nothing to hide from it
        k, v = (torch.cat(_parts(x, first, block), dim=2) for x in (k, v))
        return attend(q, k, v, dropout=dropout)[0]
    q = F.pad(q, (0, 0, begun, behind)).unflatten(
        2, (-1, block)
    )  # (batch, heads, blocks, block, …)
    k, v = (_blocks(x, first, block, behind) for x in (k, v))
    mask = _mask(first, q.size(2), block, q.device)
    out, _ = attend(*(x.flatten(0, 1) for x in (q, k, v)), mask, dropout=dropout)
    return out.unflatten(0, (-1, v.size(1))).flatten(2, 3)[:, :, begun : begun + q_len]


def _parts(x: Tensor, first: int, block: int) -> tuple[Tensor, Tensor]:
    """The ends of the blocks before `first`, and all from there on."""
    start = first * block
    return x[:, :, block - 1 : start : block], x[:, :, start:]


def _blocks(x: Tensor, first: int, block: int, behind: int) -> Tensor:
    """For each block from `first` on: the ends of all but the last block, and its own positions.

    Returns:
        (batch, heads, blocks, ends + block, head_dim).
    """
    own = F.pad(x[:, :, first * block :], (0, 0, 0, behind)).unflatten(2, (-1, block))
    ends = x[:, :, block - 1 :: block][:, :, : first + own.size(2) - 1]
    ends = ends[:, :, None].expand(-1, -1, own.size(2), -1, -1)
    return torch.cat([ends, own], dim=3)


def _mask(first: int, blocks: int, block: int, device: torch.device) -> Tensor:
    """Ends of earlier blocks, and one's own up to oneself: (blocks, block, ends + block)."""
    ends = torch.arange(first + blocks - 1, device=device)
    before = ends < torch.arange(first, first + blocks, device=device)[:, None, None]
    own = causal_mask(block, device=device).expand(blocks, -1, -1)
    return torch.cat([before.expand(-1, block, -1), own], dim=-1)
