"""Which way attention is computed: the one file that knows processors and types."""

from functools import cache as memoize

import torch
import torch.nn.functional as F
from torch import Tensor

from transformer_lib.layers.masks import causal_mask


def fused(q, k, v, mask, bias, causal: bool, dropout: float) -> Tensor:
    """The formula by torch's fused kernel, which never stores the (q_len, k_len) matrix.

    (On CPUs, with dropout, torch 2.13 has no such kernel: it falls back to the formula.)
    """
    # Torch's kernel for CPUs takes masks of 2 or 4 dimensions; for others it would fall back.
    mask, bias = (x if x is None else x[(None,) * (q.dim() - x.dim())] for x in (mask, bias))
    square = q.size(-2) == k.size(-2)
    if causal and square and mask is None and bias is None:
        return F.scaled_dot_product_attention(q, k, v, dropout_p=dropout, is_causal=True)
    if causal:  # `is_causal` aligns its triangle top-left: wrong once keys come from a cache
        mask = with_causal(mask, q, k)
    if bias is not None:
        mask = bias if mask is None else torch.where(mask, bias, -torch.inf)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=dropout)


def with_causal(mask: Tensor | None, q: Tensor, k: Tensor) -> Tensor:
    """Hide from each query the keys that come after it, besides what `mask` hides."""
    causal = causal_mask(q.size(-2), k.size(-2), device=q.device)
    return causal if mask is None else mask & causal


@memoize
def has_bf16_products(device: str) -> bool:
    """Whether a kind of device multiplies bfloat16 itself, and does not emulate it."""
    return device != "cpu" or bool(torch.cpu.get_capabilities().get("avx512_bf16"))


def plain_is_faster(dtype: torch.dtype, device: str, k_len: int) -> bool:
    """Whether two plain products beat the fused kernel: bfloat16 on CPUs made for it, short keys.

    Measured with torch 2.13: see tests/benchmarks.
    """
    short_bf16 = dtype == torch.bfloat16 and device == "cpu" and k_len <= 512
    return short_bf16 and has_bf16_products(device)
