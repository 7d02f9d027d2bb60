"""A sliding window, computed by blocks: what lies out of reach is not hidden, it is not there.

A mask over all keys saves nothing, since every score is computed before it is hidden. But queries
that stand together reach the same few keys. So the queries are cut into blocks, and each block is
given the keys that it reaches: n · window scores instead of n².
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from transformer_lib import checks
from transformer_lib.layers.attention import check_attention
from transformer_lib.layers.cache import KVCache, MemoryCache, check_cache
from transformer_lib.layers.kernels import attend
from transformer_lib.layers.masks import causal_mask, sliding_window_mask
from transformer_lib.layers.multi_head import MultiHeadAttention
from transformer_lib.layers.positions import Rotary


def windowed(q: Tensor, k: Tensor, v: Tensor, window: int, *, dropout: float = 0.0) -> Tensor:
    """Attend from each query to the last `window` positions, its own included.

    It is `attention` under `causal_mask(…) & sliding_window_mask(…, window=window)`, in blocks of
    `window` queries, each with the 2 · window - 1 keys that they reach.

    Args:
        q: queries (batch, heads, q_len, head_dim), the last of the positions of the keys.
        k: keys (batch, kv_heads, k_len, head_dim), k_len >= q_len >= 1; each head of them serves
            heads / kv_heads neighbouring heads of queries.
        v: values (batch, kv_heads, k_len, v_dim).
        window: number of positions, at least 1.
        dropout: as in `attention`.

    Returns:
        (batch, heads, q_len, v_dim).

    Raises:
        ValueError: if a tensor has another shape or type than said, `window < 1`, or `dropout` is
            not in [0, 1).

    Source: Child et al. 2019, §4; Beltagy et al. 2020, "Longformer", §3.1.
    """
    _check(q, k, v, window, dropout)
    q_len = q.size(2)
    if q_len == 1:  # all that is left stands in its reach: nothing to cut or to hide
        k, v = (x[:, :, -window:] for x in (k, v))
        return attend(q, k, v, dropout=dropout)[0]
    block = min(window, q_len)
    before, behind = window - 1 - (k.size(2) - q_len), -q_len % block
    blocks = F.pad(q, (0, 0, 0, behind)).unflatten(2, (-1, block))
    k, v = (x.repeat_interleave(q.size(1) // x.size(1), dim=1) for x in (k, v))
    k, v = (F.pad(x, (0, 0, before, behind)) for x in (k, v))  # negative, `before` cuts off
    reach = window - 1 + block  # the keys of neighbouring blocks overlap: views, no copies
    mask = _mask(block, reach, window, before, k)
    k, v = (x.unfold(2, reach, block).mT for x in (k, v))  # (batch, heads, blocks, reach, width)
    out, _ = attend(*(x.flatten(0, 1) for x in (blocks, k, v)), mask, dropout=dropout)
    return out.unflatten(0, q.shape[:2]).flatten(2, 3)[:, :, :q_len]


def _mask(block: int, reach: int, window: int, before: int, k: Tensor) -> Tensor:
    """Who sees whom, in each block the same but for the padding at the start.

    Returns:
        (blocks, block, reach).
    """
    near = sliding_window_mask(block, reach, window=window, device=k.device)
    real = torch.arange(k.size(2), device=k.device) >= before
    return causal_mask(block, reach, device=k.device) & near & real.unfold(0, reach, block)[:, None]


def _check(q: Tensor, k: Tensor, v: Tensor, window: int, dropout: float) -> None:
    checks.at_least(1, window=window)
    checks.probability(dropout=dropout)
    for name, x in (("q", q), ("k", k), ("v", v)):
        checks.floating(name, x, dims=4)
        if (x.dtype, x.device, x.size(0)) != (q.dtype, q.device, q.size(0)):
            raise ValueError(
                f"{name} must have the type, device and batch of q, got {tuple(x.shape)} of "
                f"{x.dtype} on {x.device} and q {tuple(q.shape)} of {q.dtype} on {q.device}"
            )
    check_attention(q[:, :1], k[:, :1], v[:, :1], None, None)
    if not 1 <= q.size(2) <= k.size(2):
        raise ValueError(
            f"q must have 1 … k_len = {k.size(2)} positions, the last of the keys, got {q.size(2)}"
        )
    if not k.size(1) or q.size(1) % k.size(1) or v.size(1) != k.size(1):
        raise ValueError(
            f"k and v must have as many heads, a divisor of those of q, {q.size(1)}, "
            f"got {k.size(1)} and {v.size(1)}"
        )


class WindowedAttention(MultiHeadAttention):
    """Causal self-attention to the last `window` positions: n · window scores instead of n².

    A stack of L such layers reaches L · (window - 1) positions back. A `MemoryCache(window - 1)`
    holds all that the next token needs.

    Args:
        d_model: width of input and output.
        num_heads: number of heads; each works in head_dim = d_model / num_heads features.
        window: number of positions that a query attends to, its own included.
        num_kv_heads, dropout, bias, rotary: as in `MultiHeadAttention`.

    Raises:
        ValueError: as `MultiHeadAttention`, and if `window < 1`.

    Source: Beltagy et al. 2020, "Longformer", §3.1; for the cache Jiang et al. 2023, "Mistral 7B".
    """

    def __init__(
        self,
        d_model: int,
        num_heads: int,
        *,
        window: int,
        num_kv_heads: int | None = None,
        dropout: float = 0.0,
        bias: bool = True,
        rotary: Rotary | None = None,
    ):
        options = {"num_kv_heads": num_kv_heads, "dropout": dropout, "bias": bias}
        super().__init__(d_model, num_heads, **options, causal=True, rotary=rotary)
        checks.at_least(1, window=window)
        self.window = window

    def forward(
        self,
        x: Tensor,
        *,
        mask: None = None,
        cache: KVCache | None = None,
        return_weights: bool = False,
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Attend from `x` to the window that ends at each of its positions.

        Args:
            x: (batch, q_len, d_model), at least one token.
            mask: None. Padding behind the end needs none: no token looks that far.
            cache: keys and values of the tokens before `x`, to which those of `x` are added. A
                call that is refused leaves it as it was.
            return_weights: also return the weights, before dropout. They are computed from all
                pairs then, not by blocks.

        Returns:
            Output (batch, q_len, d_model); with `return_weights` a pair of it and the weights
            (batch, num_heads, q_len, k_len), of the keys within reach of any query.

        Raises:
            ValueError: if `x` has the wrong shape, width, type or device, there is a mask, or the
                cache remembers fewer than `window - 1` positions.
        """
        checks.flag(return_weights=return_weights)
        self._check(x, mask, cache)
        q = self._split(self.q_proj(x))  # (batch, heads, q_len, head_dim)
        k, v = self._keys_values(x, cache)  # (batch, kv_heads, k_len, head_dim)
        q, _ = self._place(q, k.size(2))
        dropout, weights = self.dropout if self.training else 0.0, None
        if return_weights:
            how = {"causal": True, "window": self.window, "dropout": dropout}
            out, weights = attend(q, k, v, **how, return_weights=True)
        else:
            out = windowed(q, k, v, self.window, dropout=dropout)
        out = self.out_proj(out.transpose(1, 2).flatten(2))  # (batch, q_len, d_model)
        return (out, weights) if return_weights else out

    def _keys_values(self, x: Tensor, cache: KVCache | None) -> tuple[Tensor, Tensor]:
        """Keys and values that `x` reaches. Turned only here, where a cache forgets as it likes."""
        k, v = self._split(self.k_proj(x)), self._split(self.v_proj(x))
        if cache is not None:
            k, v = cache.append(self, k, v)
        start = max(0, k.size(2) - (self.window - 1 + x.size(1)))
        k, v = k[:, :, start:], v[:, :, start:]
        return k if self.rotary is None else self.rotary(k), v

    def _check(self, x: Tensor, mask: None, cache: KVCache | None) -> None:
        checks.features("x", x, self.d_model, like=self.q_proj.weight)
        if not x.size(1):
            raise ValueError(f"x must have at least one token, got {tuple(x.shape)}")
        check_cache(cache)
        if mask is not None:
            raise ValueError(
                f"mask must be None: the scores of all pairs, which it would hide, are never made "
                f"by a window, got {type(mask).__name__}"
            )
        if isinstance(cache, MemoryCache) and cache.mem_len < self.window - 1:
            raise ValueError(
                f"cache must remember at least window - 1 = {self.window - 1} positions, "
                f"got mem_len = {cache.mem_len}"
            )
