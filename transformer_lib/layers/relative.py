"""Relative attention: scores that depend on how far a key lies behind, never on where it stands.

With a memory in front of a segment, "position 3" would mean two tokens at once. So
Transformer-XL drops positions from the embeddings and asks, for each pair, for their distance.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from transformer_lib.layers.attention import attention
from transformer_lib.layers.cache import KVCache
from transformer_lib.layers.masks import causal_mask, check_mask, sliding_window_mask
from transformer_lib.layers.multi_head import MultiHeadAttention
from transformer_lib.layers.positions import RelativePositions


class RelativeAttention(MultiHeadAttention):
    """Causal self-attention with a memory in front, whose scores know distances.

        score_ij = (q_i + u) · k_j + (q_i + v) · r_{i-j},  over √head_dim,  r_t = W_kR R[t]

    Multiplied out it has four terms: content with content (q·k), content with position (q·r), a
    liking for certain contents (u·k) and one for certain distances (v·r). No query attends to a
    later position; no projection has a bias. (u is one, of the queries that meet the keys, and so
    is v, of those that meet the positions.)

    Args:
        d_model: width of input and output, even.
        num_heads: number of heads.
        dropout: probability of dropping an attention weight, in training only.
        position_dropout: probability of dropping a feature of R, in training only.
        content_bias: u, (d_model,), head after head: an `nn.Parameter` that several layers share;
            by default the layer has its own.
        position_bias: v, in the same way.
        positions: makes R; layers may share one, which only saves room.

    Raises:
        ValueError: if `num_heads` does not divide `d_model`, a dropout is not in [0, 1), or a part
            that is handed in has another width.

    Source: Dai et al. 2019, §3.3 and Appendix B.
    """

    def __init__(
        self,
        d_model: int,
        num_heads: int,
        *,
        dropout: float = 0.0,
        position_dropout: float = 0.0,
        content_bias: nn.Parameter | None = None,
        position_bias: nn.Parameter | None = None,
        positions: RelativePositions | None = None,
    ):
        super().__init__(d_model, num_heads, dropout=dropout, bias=False, causal=True)
        if not 0.0 <= position_dropout < 1.0:
            raise ValueError(f"position_dropout must be in [0, 1), got {position_dropout}")
        self.positions = RelativePositions(d_model) if positions is None else positions
        if self.positions.width != d_model:
            raise ValueError(f"positions must have d_model = {d_model}, got {self.positions.width}")
        self.position_dropout = nn.Dropout(position_dropout)
        self.r_proj = nn.Linear(d_model, d_model, bias=False)
        nn.init.xavier_uniform_(self.r_proj.weight)
        self.content_bias = _bias("content_bias", content_bias, d_model)
        self.position_bias = _bias("position_bias", position_bias, d_model)
        self._kept: tuple[Any, Tensor] | None = None

    def forward(
        self,
        x: Tensor,
        memory: Tensor | None = None,
        *,
        mask: Tensor | None = None,
        window: int | None = None,
        clamp_len: int | None = None,
        cache: KVCache | None = None,
        return_weights: bool = False,
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Attend from `x` to the memory and to `x` itself, up to each query's own position.

        Args:
            x: the segment (batch, q_len, d_model).
            memory: what stands before it (batch, mem_len, d_model). It makes keys and values, but
                no queries. A gradient flows into it unless it is detached.
            mask: boolean, True = may attend, broadcastable to (batch, num_heads, q_len, k_len),
                where k_len counts the memory too. Composes with causality.
            window: a query attends to this many positions at most, its own included:
                0 <= i - j < window ("same_length" in the released code). None: no limit.
            clamp_len: distances beyond count as this one. None: no limit.
            cache: keys and values of earlier tokens, in place of `memory`; those of `x` are added.
            return_weights: also return the weights, before dropout.

        Returns:
            Output (batch, q_len, d_model); with `return_weights` a pair of it and the weights
            (batch, num_heads, q_len, k_len).

        Raises:
            ValueError: if an input has the wrong shape or device, `mask` does not follow the
                convention, `window` or `clamp_len` is less than 1, or there are both a memory and
                a cache.
        """
        self._check(x, None)
        _check_memory(x, memory, cache)
        if clamp_len is not None and clamp_len < 1:
            raise ValueError(f"clamp_len must be None or at least 1, got {clamp_len}")
        k, v = self._split(self.k_proj(x)), self._split(self.v_proj(x))  # (batch, heads, q_len, …)
        if memory is not None:
            # Projected by itself: what needs no gradient does not pay for one.
            k = torch.cat([self._split(self.k_proj(memory)), k], dim=2)
            v = torch.cat([self._split(self.v_proj(memory)), v], dim=2)
        if cache is not None:
            k, v = cache.append(self, k, v)  # (batch, heads, k_len, head_dim)
        q_len, k_len = x.size(1), k.size(2)
        seen = causal_mask(q_len, k_len, device=x.device)
        if window is not None:
            seen &= sliding_window_mask(q_len, k_len, window=window, device=x.device)
        if mask is not None:
            check_mask(mask, (*k.shape[:2], q_len, k_len))
            seen = seen & mask
        q = self.q_proj(x)
        bias = self._position_scores(q + self.position_bias, k_len, clamp_len)
        q = self._split(q + self.content_bias)  # (batch, heads, q_len, head_dim)
        dropout = self.dropout if self.training else 0.0
        if return_weights:
            out, weights = attention(q, k, v, seen, bias=bias, dropout=dropout, return_weights=True)
        else:
            # The kernel is fused where the bias wants no gradient, in evaluation; in training it
            # is the formula in few passes. Adding -inf is faster than filling it in, and without a
            # gradient it can be done in place, in the largest tensor of the layer.
            hidden = torch.zeros_like(seen, dtype=bias.dtype).masked_fill(~seen, -torch.inf)
            bias = bias + hidden if bias.requires_grad else bias.add_(hidden)
            out = scaled_dot_product_attention(q, k, v, attn_mask=bias, dropout_p=dropout)
        out = self.out_proj(out.transpose(1, 2).flatten(2))  # (batch, q_len, d_model)
        return (out, weights) if return_weights else out

    def train(self, mode: bool = True) -> "RelativeAttention":
        """Switch between training and evaluation; what was kept for evaluation is let go."""
        self._kept = None
        return super().train(mode)

    def _position_scores(self, q: Tensor, k_len: int, clamp_len: int | None) -> Tensor:
        """The terms with r, over √head_dim: q + v (batch, q_len, d_model) → (batch, heads, q, k).

        Above the diagonal stands garbage, for the causal mask to hide.
        """
        batch, q_len, _ = q.shape
        # R is the same for the whole batch, so that one product a head will do.
        q = q.unflatten(-1, (self.num_heads, self.head_dim)).permute(2, 0, 1, 3).flatten(1, 2)
        scores = q @ self._projected(q, k_len + 1, clamp_len)  # (heads, batch · q_len, k_len + 1)
        return relative_shift(scores.unflatten(1, (batch, q_len))).transpose(0, 1)

    def _projected(self, x: Tensor, length: int, clamp_len: int | None) -> Tensor:
        """W_kR R over √head_dim, far to near: (heads, head_dim, length).

        In evaluation it is kept, until the weight or what is asked for changes: a model that
        reads token by token would make it anew for every token.
        """
        if self.training or torch.is_grad_enabled():
            self._kept = None  # a step may follow, and fused optimizers leave no trace of theirs
            return self._project(x, length, clamp_len)
        weight = self.r_proj.weight
        version = 0 if weight.is_inference() else weight._version  # counts changes in place
        cast = torch.is_autocast_enabled(x.device.type)
        state = clamp_len, weight.data_ptr(), version, x.dtype, x.device, cast
        if self._kept is None or self._kept[0] != state or self._kept[1].size(-1) < length:
            room = 1 << (length - 1).bit_length()  # a power of two: seldom made
            self._kept = state, self._project(x, room, clamp_len)
        kept = self._kept[1]
        return kept[..., kept.size(-1) - length :]

    def _project(self, x: Tensor, length: int, clamp_len: int | None) -> Tensor:
        rows = self.position_dropout(self.positions(x, length, clamp_len))  # (length, d_model)
        rows = self.r_proj(rows) / math.sqrt(self.head_dim)
        return rows.unflatten(-1, (self.num_heads, self.head_dim)).permute(1, 2, 0)


def relative_shift(scores: Tensor) -> Tensor:
    """From scores by distance to scores by key, by another way of counting, without a copy.

    Row i holds the scores of query i for the distances k_len, …, 1, 0. Its key j is
    i + k_len - q_len - j steps away, in column j + q_len - i: each row must move one step less to
    the left than the row above it. In memory the rows follow each other, k_len + 1 numbers each.
    Skip the first q_len numbers, and count in rows of k_len: number i · k_len + j + q_len is
    column j + q_len - i of the old row i. The rows have moved, the numbers have not. (The
    released code pads by a column of zeros for the same end; here it is a distance too many.)

    Keys that lie ahead of the query would be at negative distances. There it runs into the next
    row: garbage, so the causal mask is part of relative attention.

    Args:
        scores: (…, q_len, k_len + 1), contiguous for a view of it (else it is copied first).

    Returns:
        (…, q_len, k_len), queries being the last of the keys.

    Source: Dai et al. 2019, Appendix B.
    """
    q_len, k_len = scores.size(-2), scores.size(-1) - 1
    return scores.flatten(-2)[..., q_len:].unflatten(-1, (q_len, k_len))


def _bias(name: str, given: nn.Parameter | None, d_model: int) -> nn.Parameter:
    if given is None:
        return nn.Parameter(torch.empty(d_model).normal_(std=0.02))
    if given.shape != (d_model,):
        raise ValueError(f"{name} must be (d_model = {d_model},), got {tuple(given.shape)}")
    return given


def _check_memory(x: Tensor, memory: Tensor | None, cache: KVCache | None) -> None:
    if memory is None:
        return
    if cache is not None:
        raise ValueError("memory must be None where there is a cache: the cache is the memory")
    if memory.dim() != 3 or memory.size(0) != x.size(0) or memory.size(2) != x.size(2):
        raise ValueError(
            f"memory must be (batch = {x.size(0)}, mem_len, d_model = {x.size(2)}), "
            f"got {tuple(memory.shape)}"
        )
    if memory.device != x.device:
        raise ValueError(f"memory must be on {x.device}, as x is, got {memory.device}")
