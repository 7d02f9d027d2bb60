"""Relative attention: scores that depend on how far a key lies behind, never on where it stands.

With a memory in front of a segment, "position 3" would mean two tokens at once. So
Transformer-XL drops positions from the embeddings and asks, for each pair, for their distance.
"""

import math

import torch
from torch import Tensor, nn

from transformer_lib import checks
from transformer_lib.layers.cache import KVCache
from transformer_lib.layers.dropout import Dropout
from transformer_lib.layers.kernels import attend
from transformer_lib.layers.masks import check_mask
from transformer_lib.layers.multi_head import MultiHeadAttention
from transformer_lib.layers.positions import RelativePositions

Memory = Tensor | KVCache | None


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
        checks.probability(position_dropout=position_dropout)
        self.positions = RelativePositions(d_model) if positions is None else positions
        checks.module(positions=self.positions)
        if self.positions.width != d_model:
            raise ValueError(f"positions must have d_model = {d_model}, got {self.positions.width}")
        self.position_dropout = Dropout(position_dropout)
        self.r_proj = nn.Linear(d_model, d_model, bias=False)
        nn.init.xavier_uniform_(self.r_proj.weight)
        self.content_bias = _bias("content_bias", content_bias, d_model)
        self.position_bias = _bias("position_bias", position_bias, d_model)

    def forward(
        self,
        x: Tensor,
        memory: Memory = None,
        *,
        mask: Tensor | None = None,
        window: int | None = None,
        clamp_len: int | None = None,
        return_weights: bool = False,
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Attend from `x` to the memory and to `x` itself, up to each query's own position.

        Args:
            x: the segment (batch, q_len, d_model).
            memory: what stands before it: features (batch, mem_len, d_model), which make keys and
                values but no queries, and into which a gradient flows unless they are detached;
                or a cache, which has the keys and values already and gets those of `x`. A call
                that is refused leaves it as it was.
            mask: boolean, True = may attend, broadcastable to (batch, num_heads, q_len, k_len),
                where k_len counts the memory too. Composes with causality. What it hides must be
                finite all the same: its weight is 0, and 0 · NaN is NaN.
            window: a query attends to this many positions at most, its own included:
                0 <= i - j < window ("same_length" in the released code). None: no limit.
            clamp_len: distances beyond count as this one. None: no limit.
            return_weights: also return the weights, before dropout.

        Returns:
            Output (batch, q_len, d_model); with `return_weights` a pair of it and the weights
            (batch, num_heads, q_len, k_len).

        Raises:
            ValueError: if an input has the wrong shape, type or device, `mask` does not follow the
                convention, or `window` or `clamp_len` is less than 1.
        """
        checks.flag(return_weights=return_weights)
        self._check(x, memory, mask, window, clamp_len)
        q = self.q_proj(x)  # (batch, q_len, d_model)
        k, v = self._keys_values(x, memory)  # (batch, heads, k_len, head_dim)
        rows = self.rows(x, k.size(2) + 1, clamp_len, memory)  # (heads, head_dim, k_len + 1)
        score_bias = self.position_scores(q + self.position_bias, rows)  # (batch, heads, q, k)
        q = self._split(q + self.content_bias)  # (batch, heads, q_len, head_dim)
        dropout = self.dropout if self.training else 0.0
        how = {"window": window, "dropout": dropout, "return_weights": return_weights}
        out, weights = attend(q, k, v, mask, score_bias=score_bias, causal=True, **how)
        out = self.out_proj(out.transpose(1, 2).flatten(2))  # (batch, q_len, d_model)
        return (out, weights) if return_weights else out

    def rows(
        self, x: Tensor, length: int, clamp_len: int | None = None, memory: Memory = None
    ) -> Tensor:
        """W_kR R over √head_dim for the distances length - 1, …, 1, 0: far to near.

        A cache keeps them: a model that reads token by token would make them anew for every token.

        Args:
            x: any tensor of the type and on the device of the layer's input.
            length: number of distances.
            clamp_len: distances beyond count as this one. None: no limit.
            memory: as in `forward`.

        Returns:
            (heads, head_dim, length).

        Raises:
            ValueError: if `x` or `memory` is none, or a number less than 1.
        """
        checks.like("the layer", self.r_proj.weight, x=x)
        if not isinstance(memory, Tensor | KVCache | None):
            raise ValueError(f"memory must be a tensor or a cache, got {type(memory).__name__}")

        def make(length: int) -> Tensor:
            rows = self.position_dropout(self.positions(x, length, clamp_len))  # (length, d_model)
            rows = self.r_proj(rows) / math.sqrt(self.head_dim)
            return rows.unflatten(-1, (self.num_heads, self.head_dim)).permute(1, 2, 0)

        learns = self.training or torch.is_grad_enabled()
        if learns or not isinstance(memory, KVCache):
            return make(length)
        return memory.keep((self, clamp_len), length, make)

    def position_scores(self, q: Tensor, rows: Tensor) -> Tensor:
        """The two terms with r, over √head_dim; above the diagonal stands garbage, to be hidden.

        Args:
            q: queries + v, (batch, q_len, d_model).
            rows: of every distance, (heads, head_dim, k_len + 1).

        Returns:
            (batch, heads, q_len, k_len).
        """
        batch, q_len, _ = q.shape
        # R is the same for the whole batch, so that one product a head will do.
        q = q.unflatten(-1, (self.num_heads, self.head_dim)).permute(2, 0, 1, 3).flatten(1, 2)
        scores = (q @ rows).unflatten(1, (batch, q_len))  # (heads, batch, q_len, k_len + 1)
        return relative_shift(scores).transpose(0, 1)

    def _keys_values(self, x: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """Keys and values of `x` behind those of the memory."""
        k, v = self._split(self.k_proj(x)), self._split(self.v_proj(x))
        if isinstance(memory, KVCache):
            return memory.append(self, k, v)
        if memory is None:
            return k, v
        # Projected by itself: what needs no gradient does not pay for one.
        old = self._split(self.k_proj(memory)), self._split(self.v_proj(memory))
        return torch.cat([old[0], k], dim=2), torch.cat([old[1], v], dim=2)

    def _check(
        self,
        x: Tensor,
        memory: Memory,
        mask: Tensor | None,
        window: int | None,
        clamp_len: int | None,
    ) -> None:
        checks.at_least_or_none(1, window=window, clamp_len=clamp_len)
        checks.features("x", x, self.d_model, like=self.q_proj.weight)
        mem_len = 0
        if isinstance(memory, KVCache):
            mem_len = memory.length_of(self)
        elif memory is not None:
            _check_memory(x, memory)
            mem_len = memory.size(1)
        if mask is not None:
            shape = x.size(0), self.num_heads, x.size(1), mem_len + x.size(1)
            check_mask(mask, shape, x.device)


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
    if not isinstance(given, nn.Parameter):  # it would be neither trained nor saved
        raise ValueError(f"{name} must be an nn.Parameter, got {type(given).__name__}")
    if given.shape != (d_model,):
        raise ValueError(f"{name} must be (d_model = {d_model},), got {tuple(given.shape)}")
    return given


def _check_memory(x: Tensor, memory: Tensor) -> None:
    if not isinstance(memory, Tensor):
        raise ValueError(f"memory must be a tensor or a cache, got {type(memory).__name__}")
    if memory.dim() != 3 or memory.size(0) != x.size(0) or memory.size(2) != x.size(2):
        raise ValueError(
            f"memory must be (batch = {x.size(0)}, mem_len, d_model = {x.size(2)}), "
            f"got {tuple(memory.shape)}"
        )
    if memory.device != x.device:
        raise ValueError(f"memory must be on {x.device}, as x is, got {memory.device}")
