"""Several attentions side by side: the layer that every model of this package is built on."""

from torch import Tensor, nn

from transformer_lib import checks
from transformer_lib.layers.cache import KVCache, MemoryCache, check_cache
from transformer_lib.layers.kernels import attend
from transformer_lib.layers.masks import check_mask
from transformer_lib.layers.positions import ALiBi, Rotary


class MultiHeadAttention(nn.Module):
    """Several attentions side by side, each in its own slice of the features.

        MultiHead(X, C) = Concat(head_1, …, head_h) W_out
        head_i = Attention(X W_q,i, C W_k,i, C W_v,i)

    With fewer heads of keys and values than of queries, neighbouring heads look up the same ones:
    a cache then holds so much less.

    Args:
        d_model: width of input and output.
        num_heads: number of heads; each works in head_dim = d_model / num_heads features.
        num_kv_heads: number of heads of keys and values, a divisor of `num_heads`; None for one to
            each head ("grouped-query attention", or with 1 "multi-query attention").
        dropout: probability of dropping an attention weight, in training only.
        bias: whether the four projections have biases.
        causal: no query attends to a later position, in training and evaluation alike.
        rotary: turns queries and keys by their positions (self-attention only).
        alibi: adds a penalty on distance to the scores (self-attention only).

    Raises:
        ValueError: if `num_heads` does not divide `d_model`, `num_kv_heads` does not divide
            `num_heads`, `dropout` is not in [0, 1), or positions are of another kind or size.

    Source: Vaswani et al. 2017, §3.2.2; for `num_kv_heads` Ainslie et al. 2023, §2.2.
    """

    def __init__(
        self,
        d_model: int,
        num_heads: int,
        *,
        num_kv_heads: int | None = None,
        dropout: float = 0.0,
        bias: bool = True,
        causal: bool = False,
        rotary: Rotary | None = None,
        alibi: ALiBi | None = None,
    ):
        super().__init__()
        self.d_model, self.num_heads = d_model, num_heads
        self.head_dim = checks.heads(d_model, num_heads)
        self.num_kv_heads = checks.key_heads(num_heads, num_kv_heads)
        checks.probability(dropout=dropout)
        checks.flag(bias=bias, causal=causal)
        _check_positions(rotary, alibi, num_heads, self.head_dim)
        self.dropout, self.causal = dropout, causal
        self.rotary, self.alibi = rotary, alibi
        kv_width = self.num_kv_heads * self.head_dim
        self.q_proj = nn.Linear(d_model, d_model, bias=bias)
        self.k_proj = nn.Linear(d_model, kv_width, bias=bias)
        self.v_proj = nn.Linear(d_model, kv_width, bias=bias)
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
                where k_len counts the cached positions too. Composes with `causal`. What it hides
                must be finite all the same: its weight is 0, and 0 · NaN is NaN.
            cache: in causal self-attention the keys and values of `x` are appended to it and all
                of them attended to; in cross-attention those of `context` are computed only once.
                A call that is refused leaves it as it was.
            return_weights: also return the weights, before dropout.

        Returns:
            Output (batch, q_len, d_model); with `return_weights` a pair of it and the weights
            (batch, num_heads, q_len, k_len).

        Raises:
            ValueError: if an input has the wrong shape, width, type or device, `mask` does not
                follow the convention, context is given to a causal, rotary or ALiBi layer, a cache
                without context to one that is not causal, or one that forgets to a layer with
                rotary or ALiBi positions.
        """
        self._check(x, context, mask, cache, return_weights)
        q = self._split(self.q_proj(x))  # (batch, heads, q_len, head_dim)
        k, v = self._keys_values(x, context, cache)  # (batch, num_kv_heads, k_len, head_dim)
        q, score_bias = self._place(q, k.size(-2))
        dropout = self.dropout if self.training else 0.0
        how = {"causal": self.causal, "dropout": dropout, "return_weights": return_weights}
        out, weights = attend(q, k, v, mask, score_bias=score_bias, **how)
        out = self.out_proj(out.transpose(1, 2).flatten(2))  # (batch, q_len, d_model)
        return (out, weights) if return_weights else out

    def _keys_values(
        self, x: Tensor, context: Tensor | None, cache: KVCache | None
    ) -> tuple[Tensor, Tensor]:
        """Keys and values, behind those in the cache; those of a context are made once."""
        if cache is not None and context is not None and cache.length_of(self):
            return cache.get(self)
        source = x if context is None else context
        k, v = self._split(self.k_proj(source)), self._split(self.v_proj(source))
        if self.rotary is not None:
            k = self.rotary(k, 0 if cache is None else cache.length_of(self))
        return (k, v) if cache is None else cache.append(self, k, v)

    def _place(self, q: Tensor, k_len: int) -> tuple[Tensor, Tensor | None]:
        """Positions: the queries turned, and what is added to the scores."""
        offset = k_len - q.size(-2)  # queries are the last of the keys
        score_bias = None if self.alibi is None else self.alibi(q.size(-2), offset).to(q.dtype)
        return q if self.rotary is None else self.rotary(q, offset), score_bias

    def _split(self, x: Tensor) -> Tensor:
        """Cut the features into heads: (batch, len, width) → (batch, heads, len, head_dim)."""
        return x.unflatten(-1, (-1, self.head_dim)).transpose(1, 2)

    def _check(
        self,
        x: Tensor,
        context: Tensor | None,
        mask: Tensor | None,
        cache: KVCache | None,
        return_weights: bool,
    ) -> None:
        checks.features("x", x, self.d_model, like=self.q_proj.weight)
        check_cache(cache)
        checks.flag(return_weights=return_weights)
        known = 0 if cache is None else cache.length_of(self)
        k_len = known + x.size(1)
        if context is not None:
            self._check_context(x, context)
            k_len = context.size(1)
            if known not in (0, k_len):
                raise ValueError(f"context must be that in the cache, {known} long, got {k_len}")
        elif cache is not None and not self.causal:
            raise ValueError(
                "cache must be None in self-attention that is not causal: what came before would "
                "change with every new token"
            )
        if isinstance(cache, MemoryCache) and (self.rotary is not None or self.alibi is not None):
            raise ValueError(
                "cache must be a KVCache where rotary or alibi is set: one that forgets does not "
                "know how many positions have passed"
            )
        if mask is not None:
            check_mask(mask, (x.size(0), self.num_heads, x.size(1), k_len), x.device)

    def _check_context(self, x: Tensor, context: Tensor) -> None:
        checks.features("context", context, self.d_model, like=self.q_proj.weight)
        if context.size(0) != x.size(0):
            raise ValueError(
                f"context must have the batch size of x, {x.size(0)}, got {context.size(0)}"
            )
        if self.causal or self.rotary is not None or self.alibi is not None:
            raise ValueError(
                "context must be None where causal, rotary or alibi is set: they compare the "
                "positions of queries and keys, and those of x and context have nothing in common"
            )


def _check_positions(
    rotary: Rotary | None, alibi: ALiBi | None, num_heads: int, head_dim: int
) -> None:
    if not isinstance(rotary, Rotary | None):
        raise ValueError(f"rotary must be a Rotary, got {type(rotary).__name__}")
    if rotary is not None and rotary.width != head_dim:
        raise ValueError(f"rotary must have head_dim = {head_dim}, got {rotary.width}")
    if not isinstance(alibi, ALiBi | None):
        raise ValueError(f"alibi must be an ALiBi, got {type(alibi).__name__}")
    if alibi is not None and len(alibi.slopes) != num_heads:
        raise ValueError(f"alibi must have num_heads = {num_heads}, got {len(alibi.slopes)}")
