"""Latent attention: the keys and values of all heads, made from a few numbers a token."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from transformer_lib import checks
from transformer_lib.layers.cache import KVCache, MemoryCache, check_cache
from transformer_lib.layers.kernels import attend
from transformer_lib.layers.linear import join_heads, split_heads
from transformer_lib.layers.masks import check_mask
from transformer_lib.layers.positions import Rotary

Attended = tuple[Tensor, Tensor | None]


class LatentAttention(nn.Module):
    """Causal self-attention with a cache of `rank + rope_dim` numbers a token, for all heads.

        c_j = W_down x_j,  r_j = R(j) W_r x_j                  what a cache keeps
        k_j = [W_k c_j ‖ r_j],  v_j = W_v c_j                  W_k and W_v for each head
        q_i = [W_q x_i ‖ R(i) W_qr x_i]                        W_q and W_qr for each head
        head = softmax(q_i · k_j / √(head_dim + rope_dim)) v_j

    Positions stand apart, in a key r that all heads share: R(j) between W_k and c_j would not
    let the two products be swapped. For without it

        (W_q x_i) · (W_k c_j) = (W_kᵀ W_q x_i) · c_j

    and a single new token asks the latents themselves; keys and values are never made. No
    projection has a bias. (The paper also makes the queries from a latent, which saves memory in
    training, and norms the latents; here they are made from x, without a norm.)

    Args:
        d_model: width of input and output.
        num_heads: number of heads; each works in head_dim = d_model / num_heads features.
        rank: width of the latents c; the paper's is 4 · head_dim.
        rope_dim: width of the shared key r, even; the paper's is head_dim / 2.
        dropout: probability of dropping an attention weight, in training only.

    Raises:
        ValueError: if `num_heads` does not divide `d_model`, `rank < 1`, `rope_dim` is not a
            positive even number, or `dropout` is not in [0, 1).

    Source: DeepSeek-AI 2024, "DeepSeek-V2", §2.1.
    """

    def __init__(
        self, d_model: int, num_heads: int, *, rank: int, rope_dim: int, dropout: float = 0.0
    ):
        super().__init__()
        self.d_model, self.num_heads = d_model, num_heads
        self.head_dim = checks.heads(d_model, num_heads)
        checks.at_least(1, rank=rank)
        checks.even(rope_dim=rope_dim)
        checks.probability(dropout=dropout)
        self.rank, self.rope_dim, self.dropout = rank, rope_dim, dropout
        self.rotary = Rotary(rope_dim)
        self.q_proj = _projection(d_model, num_heads * (self.head_dim + rope_dim))
        self.down_proj = _projection(d_model, rank + rope_dim)
        self.k_proj, self.v_proj = _projection(rank, d_model), _projection(rank, d_model)
        self.out_proj = _projection(d_model, d_model)

    def forward(
        self,
        x: Tensor,
        *,
        mask: Tensor | None = None,
        cache: KVCache | None = None,
        return_weights: bool = False,
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Attend from `x` to `x` and what the cache holds, up to each query's own position.

        Args:
            x: (batch, q_len, d_model).
            mask: boolean, True = may attend, broadcastable to (batch, num_heads, q_len, k_len),
                where k_len counts the cached positions too. Composes with causality. What it hides
                must be finite all the same: its weight is 0, and 0 · NaN is NaN.
            cache: latents and shared keys of the tokens before `x`, to which those of `x` are
                added. A call that is refused leaves it as it was.
            return_weights: also return the weights, before dropout.

        Returns:
            Output (batch, q_len, d_model); with `return_weights` a pair of it and the weights
            (batch, num_heads, q_len, k_len).

        Raises:
            ValueError: if `x` has the wrong shape, width, type or device, `mask` does not follow
                the convention, or the cache is one that forgets.
        """
        checks.flag(return_weights=return_weights)
        start = self._check(x, mask, cache)
        q, latents = self._queries(x, start), self._latents(x, start)
        if cache is not None:
            latents, _ = cache.append(self, latents, latents[..., :0])
        attends = self._to_latents if cache is not None and x.size(1) == 1 else self._to_keys
        out, weights = attends(q, latents, mask, return_weights)  # (batch, heads, q_len, head_dim)
        out = self.out_proj(join_heads(out))  # (batch, q_len, d_model)
        return (out, weights) if return_weights else out

    def _queries(self, x: Tensor, start: int) -> Tensor:
        """[W_q x ‖ R W_qr x], (batch, heads, q_len, head_dim + rope_dim)."""
        q = split_heads(self.q_proj(x), self.num_heads)
        q, place = q.split([self.head_dim, self.rope_dim], dim=-1)
        return torch.cat([q, self.rotary(place, start)], dim=-1)

    def _latents(self, x: Tensor, start: int) -> Tensor:
        """[c ‖ r], as one head: (batch, 1, len, rank + rope_dim)."""
        latents, place = self.down_proj(x)[:, None].split([self.rank, self.rope_dim], dim=-1)
        return torch.cat([latents, self.rotary(place, start)], dim=-1)

    def _to_keys(
        self, q: Tensor, latents: Tensor, mask: Tensor | None, return_weights: bool
    ) -> Attended:
        """Make the keys and values of every head, and attend to them."""
        latents, place = latents.split([self.rank, self.rope_dim], dim=-1)
        projections = self.k_proj, self.v_proj
        k, v = (split_heads(proj(latents[:, 0]), self.num_heads) for proj in projections)
        k = torch.cat([k, place.expand(-1, self.num_heads, -1, -1)], dim=-1)
        v = F.pad(v, (0, self.rope_dim))  # as wide as k, or torch's fused kernel will not do
        how = {"causal": True, "dropout": self._dropout, "return_weights": return_weights}
        out, weights = attend(q, k, v, mask, **how)
        return out[..., : self.head_dim], weights

    def _to_latents(
        self, q: Tensor, latents: Tensor, mask: Tensor | None, return_weights: bool
    ) -> Attended:
        """The same for one token: its heads are as many queries to the latents themselves."""
        projections = self.k_proj, self.v_proj
        w_k, w_v = (proj.weight.unflatten(0, (self.num_heads, -1)) for proj in projections)
        q, place = q.split([self.head_dim, self.rope_dim], dim=-1)  # (batch, heads, 1, …)
        q = torch.cat([q @ w_k, place], dim=-1).transpose(1, 2)  # (batch, 1, heads, rank + rope)
        q = q * math.sqrt(q.size(-1) / (self.head_dim + self.rope_dim))  # the scale of a real key
        if mask is not None:
            mask = mask.expand(len(q), self.num_heads, 1, latents.size(2)).transpose(1, 2)
        how = {"dropout": self._dropout, "return_weights": return_weights}
        out, weights = attend(q, latents, latents, mask, **how)
        out = out[..., : self.rank].transpose(1, 2) @ w_v.mT  # (batch, heads, 1, head_dim)
        return out, weights if weights is None else weights.transpose(1, 2)

    @property
    def _dropout(self) -> float:
        return self.dropout if self.training else 0.0

    def _check(self, x: Tensor, mask: Tensor | None, cache: KVCache | None) -> int:
        """Refuse what cannot be attended to; the position of the first token."""
        checks.features("x", x, self.d_model, like=self.q_proj.weight)
        check_cache(cache)
        if isinstance(cache, MemoryCache):
            raise ValueError(
                "cache must be a plain KVCache: keys are turned by their positions, which a "
                "MemoryCache does not count"
            )
        start = 0 if cache is None else cache.length_of(self)
        if mask is not None:
            check_mask(mask, (x.size(0), self.num_heads, x.size(1), start + x.size(1)), x.device)
        return start


def _projection(in_width: int, out_width: int) -> nn.Linear:
    proj = nn.Linear(in_width, out_width, bias=False)
    nn.init.xavier_uniform_(proj.weight)
    return proj
