"""Attention: softmax(QKᵀ / √head_dim) V, by itself and with several heads.

`attention` is the formula in plain tensor operations. `MultiHeadAttention` is the layer built on
it; when nobody asks to see the weights it calls torch's fused kernel, which computes the same
output without ever storing the (q_len, k_len) matrix.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache as memoize

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from transformer_lib.cache import KVCache
from transformer_lib.masks import causal_mask, check_mask
from transformer_lib.positions import ALiBi, Rotary


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


class MultiHeadAttention(nn.Module):
    """Several attentions side by side, each in its own slice of the features.

        MultiHead(X, C) = Concat(head_1, …, head_h) W_out
        head_i = Attention(X W_q,i, C W_k,i, C W_v,i)

    Args:
        d_model: width of input and output.
        num_heads: number of heads; each works in head_dim = d_model / num_heads features.
        dropout: probability of dropping an attention weight, in training only.
        bias: whether the four projections have biases.
        causal: no query attends to a later position, in training and evaluation alike.
        rotary: turns queries and keys by their positions (self-attention only).
        alibi: adds a penalty on distance to the scores (self-attention only).

    Raises:
        ValueError: if `num_heads` does not divide `d_model`, or `dropout` is not in [0, 1).

    Source: Vaswani et al. 2017, §3.2.2.
    """

    def __init__(
        self,
        d_model: int,
        num_heads: int,
        *,
        dropout: float = 0.0,
        bias: bool = True,
        causal: bool = False,
        rotary: Rotary | None = None,
        alibi: ALiBi | None = None,
    ):
        super().__init__()
        if num_heads < 1 or d_model < 1 or d_model % num_heads:
            raise ValueError(
                f"d_model must be a positive multiple of num_heads, "
                f"got d_model = {d_model}, num_heads = {num_heads}"
            )
        if not 0.0 <= dropout < 1.0:
            raise ValueError(f"dropout must be in [0, 1), got {dropout}")
        self.d_model, self.num_heads, self.head_dim = d_model, num_heads, d_model // num_heads
        if rotary is not None and rotary.width != self.head_dim:
            raise ValueError(f"rotary must have head_dim = {self.head_dim}, got {rotary.width}")
        if alibi is not None and len(alibi.slopes) != num_heads:
            raise ValueError(f"alibi must have num_heads = {num_heads}, got {len(alibi.slopes)}")
        self.dropout, self.causal = dropout, causal
        self.rotary, self.alibi = rotary, alibi
        self.q_proj = nn.Linear(d_model, d_model, bias=bias)
        self.k_proj = nn.Linear(d_model, d_model, bias=bias)
        self.v_proj = nn.Linear(d_model, d_model, bias=bias)
        self.out_proj = nn.Linear(d_model, d_model, bias=bias)
        for proj in (self.q_proj, self.k_proj, self.v_proj, self.out_proj):
            nn.init.xavier_uniform_(proj.weight)
            if bias:
                nn.init.zeros_(proj.bias)

    def forward(
        self,
        x: Tensor,
        context: Tensor | None = None,
        *,
        mask: Tensor | None = None,
        cache: KVCache | None = None,
        return_weights: bool = False,
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Attend from `x` to `context`, or to `x` itself where no context is given.

        Args:
            x: (batch, q_len, d_model).
            context: (batch, k_len, d_model); by default `x`.
            mask: boolean, True = may attend, broadcastable to (batch, num_heads, q_len, k_len),
                where k_len counts the cached positions too. Composes with `causal`.
            cache: in self-attention the keys and values of `x` are appended to it and all of them
                attended to; in cross-attention those of `context` are computed only once.
            return_weights: also return the weights, before dropout.

        Returns:
            Output (batch, q_len, d_model); with `return_weights` a pair of it and the weights
            (batch, num_heads, q_len, k_len).

        Raises:
            ValueError: if an input has the wrong shape or width, `mask` does not follow the
                convention, or context is given to a causal, rotary or ALiBi layer.
        """
        self._check(x, context)
        offset = cache.length_of(self) if cache is not None and context is None else 0
        q = self._split(self.q_proj(x))  # (batch, heads, q_len, head_dim)
        if cache is not None and context is not None and cache.length_of(self):
            k, v = cache.get(self)
        else:
            source = x if context is None else context
            k = self._split(self.k_proj(source))  # (batch, heads, k_len, head_dim)
            v = self._split(self.v_proj(source))
            if self.rotary is not None:
                q, k = self.rotary(q, offset), self.rotary(k, offset)
            if cache is not None:
                k, v = cache.append(self, k, v)
        if mask is not None:
            check_mask(mask, (*q.shape[:-1], k.size(-2)))
        bias = None if self.alibi is None else self.alibi(q.size(-2), offset).to(q.dtype)
        # A single query stands at the end of its keys: there is no future to hide from it.
        causal = self.causal and q.size(-2) > 1
        dropout = self.dropout if self.training else 0.0
        if return_weights or _plain_is_faster(q.dtype, q.device.type, k.size(-2)):
            mask = _with_causal(mask, q, k) if causal else mask
            out, weights = attention(q, k, v, mask, bias=bias, dropout=dropout, return_weights=True)
        else:
            out, weights = _fused(q, k, v, mask, bias, causal, dropout), None
        out = self.out_proj(out.transpose(1, 2).flatten(2))  # (batch, q_len, d_model)
        return (out, weights) if return_weights else out

    def _split(self, x: Tensor) -> Tensor:
        """Cut the features into heads: (batch, len, d_model) → (batch, heads, len, head_dim)."""
        return x.unflatten(-1, (self.num_heads, self.head_dim)).transpose(1, 2)

    def _check(self, x: Tensor, context: Tensor | None) -> None:
        for name, value in (("x", x), ("context", context)):
            if value is not None and (value.dim() != 3 or value.size(-1) != self.d_model):
                raise ValueError(
                    f"{name} must be (batch, len, d_model = {self.d_model}), "
                    f"got {tuple(value.shape)}"
                )
        if context is None:
            return
        if context.size(0) != x.size(0):
            raise ValueError(
                f"context must have the batch size of x, {x.size(0)}, got {context.size(0)}"
            )
        if self.causal or self.rotary is not None or self.alibi is not None:
            raise ValueError(
                "context must be None where causal, rotary or alibi is set: they compare the "
                "positions of queries and keys, and those of x and context have nothing in common"
            )


@contextmanager
def collect_attention(model: nn.Module) -> Iterator[dict[str, Tensor]]:
    """Collect the attention maps of a whole model from its real forward pass.

        with collect_attention(model) as maps:
            model(x)

    The weights come from the very computation that makes the output, masks included, never from
    a second pass. The model's outputs do not change.

    Args:
        model: any module that holds attention layers.

    Yields:
        A dictionary from the name of each attention layer in `model` to its weights
        (batch, heads, q_len, k_len), detached, of its latest call.

    Raises:
        ValueError: if `model` holds no attention layer.
    """
    layers = {name: m for name, m in model.named_modules() if isinstance(m, MultiHeadAttention)}
    if not layers:
        raise ValueError(f"model must hold an attention layer, got {type(model).__name__}")
    maps: dict[str, Tensor] = {}
    asked: list[bool] = []  # did the caller want the weights too? (a stack: one entry a call)

    def ask(layer, args, kwargs):
        asked.append(kwargs.get("return_weights", False))
        return args, {**kwargs, "return_weights": True}

    def keep(name):
        def hook(layer, args, result):
            maps[name] = result[1].detach()
            return result if asked.pop() else result[0]

        return hook

    handles = []
    try:
        for name, layer in layers.items():
            handles.append(layer.register_forward_pre_hook(ask, with_kwargs=True))
            handles.append(layer.register_forward_hook(keep(name), prepend=True))
        yield maps
    finally:
        for handle in handles:
            handle.remove()


def _fused(q, k, v, mask, bias, causal: bool, dropout: float) -> Tensor:
    """The formula by torch's fused kernel, which never stores the (q_len, k_len) matrix.

    (On CPUs, with dropout, torch 2.13 has no such kernel: it falls back to the formula.)
    """
    # Torch's kernel for CPUs takes masks of 2 or 4 dimensions; for others it would fall back.
    mask, bias = (x if x is None else x[(None,) * (q.dim() - x.dim())] for x in (mask, bias))
    square = q.size(-2) == k.size(-2)
    if causal and square and mask is None and bias is None:
        return F.scaled_dot_product_attention(q, k, v, dropout_p=dropout, is_causal=True)
    if causal:  # `is_causal` aligns its triangle top-left: wrong once keys come from a cache
        mask = _with_causal(mask, q, k)
    if bias is not None:
        mask = bias if mask is None else torch.where(mask, bias, -torch.inf)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=dropout)


def _with_causal(mask: Tensor | None, q: Tensor, k: Tensor) -> Tensor:
    causal = causal_mask(q.size(-2), k.size(-2), device=q.device)
    return causal if mask is None else mask & causal


@memoize
def _has_bf16_products() -> bool:
    return bool(torch.cpu.get_capabilities().get("avx512_bf16"))


def _plain_is_faster(dtype: torch.dtype, device: str, k_len: int) -> bool:
    """Whether two plain products beat the fused kernel: bfloat16 on CPUs made for it, short keys.

    Measured with torch 2.13: see tests/benchmarks.
    """
    short_bf16 = dtype == torch.bfloat16 and device == "cpu" and k_len <= 512
    return short_bf16 and _has_bf16_products()


def _check_shapes(q: Tensor, k: Tensor, v: Tensor) -> None:
    if q.size(-1) != k.size(-1):
        raise ValueError(
            f"q and k must have the same width, got q {tuple(q.shape)} and k {tuple(k.shape)}"
        )
    if k.size(-2) != v.size(-2):
        raise ValueError(
            f"k and v must have the same length, got k {tuple(k.shape)} and v {tuple(v.shape)}"
        )
