"""Attention: softmax(QKᵀ / √head_dim) V, the formula in plain tensor operations."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from transformer_lib.layers.masks import check_mask


def attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Tensor | None = None,
    *,
    bias: Tensor | None = None,
    dropout: float = 0.0,
    return_weights: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """Look up, for each query, a weighted average of the values.

        Attention(Q, K, V) = softmax(QKᵀ / √head_dim + bias) V

    Args:
        q: queries (..., q_len, head_dim).
        k: keys (..., k_len, head_dim).
        v: values (..., k_len, v_dim).
        mask: boolean, True = may attend, broadcastable to (..., q_len, k_len). A query that may
            attend to nothing gets zeros.
        bias: added to the scaled scores, broadcastable to (..., q_len, k_len).
        dropout: probability of dropping a weight; pass 0.0 outside training.
        return_weights: also return the weights, as they are before dropout.

    Returns:
        Output (..., q_len, v_dim); with `return_weights` a pair of it and the weights
        (..., q_len, k_len).

    Raises:
        ValueError: if q and k differ in width, k and v in length, or `mask` does not follow the
            convention above.

    Source: Vaswani et al. 2017, §3.2.1.
    """
    _check_shapes(q, k, v)
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))  # (..., q_len, k_len)
    if bias is not None:
        scores = scores + bias
    if mask is None:
        weights = scores.softmax(dim=-1)
    else:
        check_mask(mask, scores.shape)
        # The lowest finite number, not -inf: a wholly masked row stays free of NaN, forward and
        # backward, until the second line sets it to zero.
        weights = scores.masked_fill(~mask, torch.finfo(scores.dtype).min).softmax(dim=-1)
        weights = weights.masked_fill(~mask, 0.0)
    output = (F.dropout(weights, dropout) if dropout else weights) @ v  # (..., q_len, v_dim)
    return (output, weights) if return_weights else output


def _check_shapes(q: Tensor, k: Tensor, v: Tensor) -> None:
    if q.size(-1) != k.size(-1):
        raise ValueError(
            f"q and k must have the same width, got q {tuple(q.shape)} and k {tuple(k.shape)}"
        )
    if k.size(-2) != v.size(-2):
        raise ValueError(
            f"k and v must have the same length, got k {tuple(k.shape)} and v {tuple(v.shape)}"
        )
