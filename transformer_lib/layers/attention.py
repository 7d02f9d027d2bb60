"""Attention: softmax(QKᵀ / √head_dim) V, the formula in plain tensor operations."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from transformer_lib import checks
from transformer_lib.layers.masks import check_mask


def attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Tensor | None = None,
    *,
    score_bias: Tensor | None = None,
    dropout: float = 0.0,
    return_weights: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """Look up, for each query, a weighted average of the values.

        Attention(Q, K, V) = softmax(QKᵀ / √head_dim + score_bias) V

    Args:
        q: queries (..., q_len, head_dim).
        k: keys (..., k_len, head_dim).
        v: values (..., k_len, v_dim). Those that a mask hides must be finite all the same: their
            weight is 0, and 0 · NaN is NaN.
        mask: boolean, True = may attend, broadcastable to (..., q_len, k_len). A query that may
            attend to nothing gets zeros.
        score_bias: added to the scaled scores, broadcastable to (..., q_len, k_len).
        dropout: probability of dropping a weight; pass 0.0 outside training.
        return_weights: also return the weights, as they are before dropout.

    Returns:
        Output (..., q_len, v_dim); with `return_weights` a pair of it and the weights
        (..., q_len, k_len).

    Raises:
        ValueError: if q, k and v are no tensors of one floating type on one device, q and k differ
            in width, k and v in length, `mask` does not follow the convention above, `score_bias`
            is not floating point or widens the scores, or a setting is none.

    Source: Vaswani et al. 2017, §3.2.1.
    """
    check_attention(q, k, v, mask, score_bias, dropout, return_weights)
    scores = (q / math.sqrt(q.size(-1))) @ k.transpose(-2, -1)  # (..., q_len, k_len)
    if score_bias is not None:
        scores = scores + score_bias
    if mask is not None:  # a row that sees no key hides none here: it stays free of NaN
        scores = scores.masked_fill(~mask & mask.any(dim=-1, keepdim=True), -torch.inf)
    weights = scores.softmax(dim=-1)
    if mask is not None:
        weights = weights.masked_fill(~mask, 0.0)  # and becomes zero
    output = F.dropout(weights, dropout) @ v  # (..., q_len, v_dim)
    return (output, weights) if return_weights else output


def check_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Tensor | None,
    score_bias: Tensor | None,
    dropout: float = 0.0,
    return_weights: bool = False,
) -> None:
    """Refuse what does not fit: queries, keys and values, a mask, what is added to the scores.

    Raises:
        ValueError: as `attention`.
    """
    checks.probability(dropout=dropout)
    checks.flag(return_weights=return_weights)
    for name, x in (("q", q), ("k", k), ("v", v)):
        checks.floating(name, x, meta=True)
        if x.dim() < 2:
            raise ValueError(f"{name} must be (…, len, width), got {tuple(x.shape)}")
    checks.like("q", q, k=k, v=v)
    if q.size(-1) != k.size(-1) or not q.size(-1):
        raise ValueError(
            f"q and k must have the same width, at least 1, "
            f"got q {tuple(q.shape)} and k {tuple(k.shape)}"
        )
    if k.size(-2) != v.size(-2):
        raise ValueError(
            f"k and v must have the same length, got k {tuple(k.shape)} and v {tuple(v.shape)}"
        )
    shape = (*torch.broadcast_shapes(q.shape[:-2], k.shape[:-2]), q.size(-2), k.size(-2))
    if mask is not None:
        check_mask(mask, shape, q.device)
    if score_bias is None:
        return
    if not isinstance(score_bias, Tensor) or not score_bias.is_floating_point():
        got = score_bias.dtype if isinstance(score_bias, Tensor) else type(score_bias).__name__
        raise ValueError(f"score_bias must be a floating-point tensor, got {got}")
    checks.broadcasts("score_bias", score_bias, shape)
