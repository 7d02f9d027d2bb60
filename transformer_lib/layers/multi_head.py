"""Several attentions side by side: the layer that every model of this package is built on.

When nobody asks to see the weights it calls torch's fused kernel, which computes the same output
without ever storing the (q_len, k_len) matrix.
"""

from torch import Tensor, nn

from transformer_lib.layers.attention import attention
from transformer_lib.layers.cache import KVCache
from transformer_lib.layers.kernels import fused, plain_is_faster, with_causal
from transformer_lib.layers.masks import check_mask
from transformer_lib.layers.positions import ALiBi, Rotary


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
        if return_weights or plain_is_faster(q.dtype, q.device.type, k.size(-2)):
            mask = with_causal(mask, q, k) if causal else mask
            out, weights = attention(q, k, v, mask, bias=bias, dropout=dropout, return_weights=True)
        else:
            out, weights = fused(q, k, v, mask, bias, causal, dropout), None
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
