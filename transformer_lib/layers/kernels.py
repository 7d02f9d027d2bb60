"""Which way attention is computed: the one file that knows processors and types.

- Torch's fused kernel, unless somebody asks for the weights: it never stores the (q_len, k_len)
  matrix. With `is_causal` it skips the future, but it aligns its triangle top-left, which is wrong
  once keys come from a cache. (On CPUs, with dropout, torch 2.13 has no such kernel: it falls back
  to the formula.)
- The formula for short bfloat16 on CPUs made for it (tests/benchmarks, attention_forms).
- For float16 the formula counts in float32, as the kernel does: to look changes nothing, and a
  score above 65,504 is not infinite.
"""

from functools import cache as memoize

import torch
import torch.nn.functional as F
from torch import Tensor

from transformer_lib.layers.attention import attention
from transformer_lib.layers.masks import causal_mask, sliding_window_mask


def attend(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Tensor | None = None,
    *,
    score_bias: Tensor | None = None,
    causal: bool = False,
    window: int | None = None,
    dropout: float = 0.0,
    return_weights: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Compute `attention` in the fastest way at hand.

    Args:
        q: queries (batch, heads, q_len, head_dim), the last of the positions of the keys.
        k: keys (batch, kv_heads, k_len, head_dim); each head of them serves heads / kv_heads
            neighbouring heads of queries.
        v: values (batch, kv_heads, k_len, head_dim).
        mask: as in `attention`, and checked by the caller.
        score_bias: as in `attention`.
        causal: no query attends to a later position. Composes with `mask`, as does `window`.
        window: a query attends to positions fewer than `window` steps away; None for no limit.
        dropout: as in `attention`.
        return_weights: whether the weights are wanted.

    Returns:
        Output (batch, heads, q_len, head_dim), and the weights or None.
    """
    if k.size(1) != q.size(1):
        k, v = (x.repeat_interleave(q.size(1) // k.size(1), dim=1) for x in (k, v))
    q_len, k_len = q.size(-2), k.size(-2)
    plain = return_weights or plain_is_faster(q.dtype, q.device.type, k_len)
    free = mask is None and score_bias is None and window is None
    if causal and free and q_len == k_len and not plain:
        return F.scaled_dot_product_attention(q, k, v, dropout_p=dropout, is_causal=True), None
    if causal and q_len > 1:  # a single query stands at the end: there is no future to hide from it
        mask = _both(mask, causal_mask(q_len, k_len, device=q.device))
    if window is not None:
        mask = _both(mask, sliding_window_mask(q_len, k_len, window=window, device=q.device))
    if plain:
        return _formula(q, k, v, mask, score_bias, dropout)
    hidden = _one(mask, score_bias)
    if hidden is not None:  # torch's kernel for CPUs takes masks of 2 or 4 dimensions
        hidden = hidden[(None,) * (q.dim() - hidden.dim())]
    return F.scaled_dot_product_attention(q, k, v, attn_mask=hidden, dropout_p=dropout), None


def _both(mask: Tensor | None, other: Tensor) -> Tensor:
    return other if mask is None else mask & other


def _one(mask: Tensor | None, score_bias: Tensor | None) -> Tensor | None:
    """Mask and bias in one tensor, which is all that the kernel takes."""
    if mask is None or score_bias is None:
        return mask if score_bias is None else score_bias
    # To add -inf is faster than to fill it in: this is the largest tensor of relative attention.
    hidden = torch.zeros_like(mask, dtype=score_bias.dtype).masked_fill(~mask, -torch.inf)
    return score_bias + hidden


def _formula(q, k, v, mask, score_bias, dropout: float) -> tuple[Tensor, Tensor]:
    if q.dtype != torch.float16:
        return attention(q, k, v, mask, score_bias=score_bias, dropout=dropout, return_weights=True)
    bias = None if score_bias is None else score_bias.float()
    with torch.autocast(q.device.type, enabled=False):
        return tuple(
            x.half()
            for x in attention(
                *(x.float() for x in (q, k, v)),
                mask,
                score_bias=bias,
                dropout=dropout,
                return_weights=True,
            )
        )


@memoize
def _has_bf16_products() -> bool:
    return bool(torch.cpu.get_capabilities().get("avx512_bf16"))


def plain_is_faster(dtype: torch.dtype, device: str, k_len: int) -> bool:
    """Whether two plain products beat the fused kernel: bfloat16 on CPUs made for it, short keys.

    Measured with torch 2.13: see tests/benchmarks.
    """
    short_bf16 = dtype == torch.bfloat16 and device == "cpu" and k_len <= 512
    return short_bf16 and _has_bf16_products()
