"""Which way attention is computed: the one file that knows processors and types.

- Torch's fused kernel, unless somebody asks for the weights: it never stores the (q_len, k_len)
  matrix. With `is_causal` it skips the future, but it aligns its triangle top-left, which is wrong
  once keys come from a cache. (On CPUs, with dropout, torch 2.13 has no such kernel: it falls back
  to the formula.)
- The formula, a few heads at a time, for bfloat16 on CPUs made for it (tests/benchmarks,
  attention_forms).
- One query to each head, as in writing: heads that share keys are the rows of one product, and no
  key is copied (three heads to 512 keys of width 64: 0.07 ms for 1.3).
- For float16 the formula counts in float32, as the kernel does: to look changes nothing, and a
  score above 65,504 is not infinite.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from transformer_lib.layers.attention import attention
from transformer_lib.layers.masks import causal_mask, sliding_window_mask

CPU_HAS_BF16 = bool(torch.cpu.get_capabilities().get("avx512_bf16"))
CPU_HAS_TILES = bool(torch.cpu.get_capabilities().get("amx_bf16"))  # whole blocks of products
SCORES = 2**21  # that are made at a time: 4 MB of bfloat16, which a CPU's cache holds


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
        k: keys (batch, num_kv_heads, k_len, head_dim); each of their heads serves
            heads / num_kv_heads neighbouring heads of queries.
        v: values (batch, num_kv_heads, k_len, head_dim).
        mask: as in `attention`, and checked by the caller.
        score_bias: as in `attention`. One of the scores' own shape is overwritten where no gradient
            wants it.
        causal: no query attends to a later position. Composes with `mask`, as does `window`.
        window: a query attends to positions fewer than `window` steps away; None for no limit.
        dropout: as in `attention`.
        return_weights: whether the weights are wanted.

    Returns:
        Output (batch, heads, q_len, head_dim), and the weights or None.
    """
    if k.size(1) != q.size(1):
        if q.size(-2) == 1 and all(x is None for x in (mask, score_bias, window)):
            rows = q.unflatten(1, (k.size(1), -1)).flatten(2, 3)  # (batch, num_kv_heads, group, …)
            found = attend(rows, k, v, dropout=dropout, return_weights=return_weights)
            return tuple(x if x is None else x.flatten(1, 2)[:, :, None] for x in found)
        k, v = (x.repeat_interleave(q.size(1) // k.size(1), dim=1) for x in (k, v))
    q_len, k_len = q.size(-2), k.size(-2)
    free = mask is None and score_bias is None and window is None
    skips = causal and free and q_len == k_len  # the kernel need not compute what lies ahead
    plain = return_weights or plain_is_faster(q.dtype, q.device.type, k_len, skips=skips)
    if plain and free and not return_weights:
        return _by_heads(q, k, v, causal=causal, dropout=dropout), None
    if skips and not plain:
        return F.scaled_dot_product_attention(q, k, v, dropout_p=dropout, is_causal=True), None
    if causal and q_len > 1:  # a single query stands at the end: there is no future to hide from it
        mask = _both(mask, causal_mask(q_len, k_len, device=q.device))
    if window is not None:
        mask = _both(mask, sliding_window_mask(q_len, k_len, window=window, device=q.device))
    if plain:
        how = {"score_bias": score_bias, "dropout": dropout, "return_weights": True}
        if q.dtype != torch.float16:
            return attention(q, k, v, mask, **how)
        with torch.autocast(q.device.type, enabled=False):
            return tuple(x.half() for x in attention(q.float(), k.float(), v.float(), mask, **how))
    if score_bias is not None and mask is not None:  # the kernel takes one tensor for both
        # To add -inf is faster than to fill it in, and fastest in place: in relative attention this
        # is the largest tensor of the layer.
        hidden = score_bias.new_zeros(mask.shape).masked_fill(~mask, -torch.inf)
        own = score_bias.shape == (*q.shape[:-1], k_len) and not score_bias.requires_grad
        score_bias = score_bias.add_(hidden) if own else score_bias + hidden
    mask = mask if score_bias is None else score_bias
    if mask is not None:  # torch's kernel for CPUs takes masks of 2 or 4 dimensions
        mask = mask[(None,) * (q.dim() - mask.dim())]
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=dropout), None


def _both(mask: Tensor | None, other: Tensor) -> Tensor:
    return other if mask is None else mask & other


def _by_heads(q: Tensor, k: Tensor, v: Tensor, *, causal: bool, dropout: float) -> Tensor:
    """The formula where nothing but the future is hidden, for a few heads at a time.

    For all at once where a backward pass follows, which wants the weights of all anyway, and in
    compiled code, which would be made anew for each number of parts.
    """
    q_len, k_len = q.size(-2), k.size(-2)
    at_once = torch.is_grad_enabled() or torch.compiler.is_compiling()
    count = q.size(0) * q.size(1) if at_once else SCORES // (q_len * k_len)
    future = q.new_zeros(())  # not looked at where beta is 0
    if causal:
        future = q.new_full((q_len, k_len), -torch.inf).triu(1 + k_len - q_len)
    scaled = {"beta": int(causal), "alpha": 1 / math.sqrt(q.size(-1))}

    def some(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        scores = torch.baddbmm(future, q, k.transpose(1, 2), **scaled)
        return F.dropout(scores.softmax(dim=-1), dropout) @ v

    parts = zip(*(x.flatten(0, 1).split(max(count, 1)) for x in (q, k, v)), strict=True)
    return torch.cat([some(*part) for part in parts]).unflatten(0, q.shape[:2])


def has_bf16_products(device: str) -> bool:
    """Whether a kind of device multiplies bfloat16 itself, and does not emulate it."""
    return device != "cpu" or CPU_HAS_BF16


def plain_is_faster(dtype: torch.dtype, device: str, k_len: int, *, skips: bool) -> bool:
    """Whether two plain products beat the fused kernel: bfloat16 on CPUs made for it.

    Not with many keys, where a backward pass would want all weights, or the kernel `skips` half of
    them; and where a CPU multiplies tiles, only if a backward pass follows. Measured with torch
    2.13: see tests/benchmarks.
    """
    if dtype != torch.bfloat16 or device != "cpu" or not has_bf16_products(device):
        return False
    few, learns = k_len <= 512, torch.is_grad_enabled()
    return few and learns if CPU_HAS_TILES else few or not (skips or learns)
