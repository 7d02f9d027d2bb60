"""Attention without the softmax: what was read is one matrix a head, however long the text.

Without the softmax the sum over keys and values can be made before the query is known. A token
costs the same at every length, and a cache holds head_dim · head_dim numbers a head.
"""

import torch
from torch import Tensor, nn

from transformer_lib import checks
from transformer_lib.layers.cache import KVCache, check_cache
from transformer_lib.layers.decay import decayed
from transformer_lib.layers.positions import Rotary


class LinearAttention(nn.Module):
    """Causal attention whose weights are products of positive features.

        y_i = Σ_{j ≤ i} (φ(q_i) · φ(k_j)) v_j / Σ_{j ≤ i} φ(q_i) · φ(k_j),  φ(x) = elu(x) + 1

    The weights are positive and sum to 1, as those of a softmax; but they are n numbers out of
    head_dim, so that no query can pick one key out of many as sharply.

    Args:
        d_model: width of input and output.
        num_heads: number of heads; each works in head_dim = d_model / num_heads features.
        bias: whether the projections have biases.

    Raises:
        ValueError: if `num_heads` does not divide `d_model` or `bias` is not True or False.

    Source: Katharopoulos et al. 2020, "Transformers are RNNs", §3.2-3.3.
    """

    def __init__(self, d_model: int, num_heads: int, *, bias: bool = False):
        super().__init__()
        self.d_model, self.num_heads = d_model, num_heads
        self.head_dim = checks.heads(d_model, num_heads)
        checks.flag(bias=bias)
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            self.add_module(name, _projection(d_model, bias))

    def forward(self, x: Tensor, *, mask: None = None, cache: KVCache | None = None) -> Tensor:
        """Sum up `x`, for every token up to its own position.

        Args:
            x: (batch, len, d_model).
            mask: None. Padding behind the end needs none: no token looks that far.
            cache: the state after the tokens before `x`, to which those of `x` are added. A call
                that is refused leaves it as it was.

        Returns:
            (batch, len, d_model).

        Raises:
            ValueError: if `x` has the wrong shape, width, type, device or batch, there is a mask,
                or the cache is none that can keep a state.
        """
        state = self._state(x, mask, cache)
        q, k, v = self._projected(x)
        ones = torch.ones_like(v[..., :1])  # their sums are the denominators
        still = v.new_zeros(v.shape[:-1])  # (batch, heads, len): nothing fades
        sums, state = decayed(phi(q), phi(k), torch.cat([v, ones], dim=-1), still, state)
        self._keep(cache, state, x)
        return self.out_proj(join_heads(sums[..., :-1] / sums[..., -1:]))

    def _state(self, x: Tensor, mask: None, cache: KVCache | None) -> Tensor | None:
        """The state before `x`, (batch, heads, head_dim, v_dim), once all is checked."""
        known = state_before(self, x, mask, cache, like=self.q_proj.weight)
        return None if known is None else known[0]

    def _projected(self, x: Tensor) -> tuple[Tensor, ...]:
        """Queries, keys and values, (batch, heads, len, head_dim) each."""
        projections = self.q_proj, self.k_proj, self.v_proj
        return tuple(split_heads(proj(x), self.num_heads) for proj in projections)

    def _keep(self, cache: KVCache | None, state: Tensor, x: Tensor) -> None:
        if cache is not None:
            cache.keep_state(self, (state,), x.size(1))


class Retention(LinearAttention):
    """Linear attention that forgets, every head at a rate of its own, and knows distances.

        Y_h = (Q Kᵀ ⊙ L) V,  L_ij = γ_h^(i - j),  γ_h = 1 - 2^(-5 - h),  h = 0 … num_heads - 1
        Retention(X) = (swish(X W_g) ⊙ GroupNorm_h(Y)) W_out

    Queries and keys are turned by their positions. There is no denominator: a norm for each head
    stands in its place, to which the scale of the scores hardly matters: it is left out, too.

    Args: as `LinearAttention`; head_dim is even.

    Raises:
        ValueError: as `LinearAttention`, and if head_dim is odd.

    Source: Sun et al. 2023, "Retentive Network", §2.1-2.2.
    """

    def __init__(self, d_model: int, num_heads: int, *, bias: bool = False):
        super().__init__(d_model, num_heads, bias=bias)
        self.rotary = Rotary(self.head_dim)
        self.gate_proj = _projection(d_model, bias)
        self.norm = nn.GroupNorm(num_heads, d_model)

    def forward(self, x: Tensor, *, mask: None = None, cache: KVCache | None = None) -> Tensor:
        """Sum up `x`, for every token up to its own position. All as in `LinearAttention`."""
        state = self._state(x, mask, cache)
        start = 0 if cache is None else cache.length_of(self)
        q, k, v = self._projected(x)
        log_decay = _fixed_rates(q)[:, None].expand(q.shape[:-1])  # (batch, heads, len)
        sums, state = decayed(self.rotary(q, start), self.rotary(k, start), v, log_decay, state)
        self._keep(cache, state, x)
        sums = self.norm(join_heads(sums).flatten(0, 1)).view_as(x)  # each token by itself
        return self.out_proj(nn.functional.silu(self.gate_proj(x)) * sums)


def phi(x: Tensor) -> Tensor:
    """Make features positive: elu(x) + 1, which is x + 1 above 0 and eˣ below.

    (Written so: below -17 elu(x) is rounded to -1 in float32, and a sum over such keys to 0.)

    Args:
        x: any real numbers.

    Returns:
        Of the same shape.

    Raises:
        ValueError: if `x` is no tensor of real numbers.

    Source: Katharopoulos et al. 2020, Eq. 7.
    """
    checks.floating("x", x)
    return torch.where(x > 0, x + 1, x.clamp(max=0).exp())


def _fixed_rates(q: Tensor) -> Tensor:
    """The heads' rates of forgetting, log(1 - 2^(-5 - h)), from quick to slow.

    Half is left after 22 tokens in the first head, after 44 in the second.

    Args:
        q: queries (batch, heads, len, head_dim), of the type that the rates shall have.

    Returns:
        (heads,).

    Source: Sun et al. 2023, Eq. 8.
    """
    heads = torch.arange(q.size(1), dtype=q.dtype, device=q.device)
    return torch.log1p(-(2.0 ** (-5.0 - heads)))


def state_before(
    layer: nn.Module, x: Tensor, mask: None, cache: KVCache | None, *, like: Tensor
) -> tuple[Tensor, ...] | None:
    """The state of a layer that sums up the past, once all that it is given is checked.

    Args:
        layer: such a layer.
        x: what it reads, (batch, len, d_model).
        mask: None, and nothing else.
        cache: what may hold its state.
        like: one of its weights.

    Returns:
        What it kept in the cache when it read before; None where there is nothing.

    Raises:
        ValueError: as `LinearAttention.forward`.
    """
    checks.features("x", x, layer.d_model, like=like)
    if not x.size(1):
        raise ValueError(f"x must have at least one token, got {tuple(x.shape)}")
    check_cache(cache)
    if mask is not None:
        raise ValueError(
            f"mask must be None: {type(layer).__name__} sums up the past before it knows who asks, "
            f"got {type(mask).__name__}"
        )
    return None if cache is None else cache.state_of(layer, x.size(0))


def split_heads(x: Tensor, num_heads: int) -> Tensor:
    """Cut the features into heads: (batch, len, width) → (batch, heads, len, head_dim)."""
    return x.unflatten(-1, (num_heads, -1)).transpose(1, 2)


def join_heads(x: Tensor) -> Tensor:
    """Lay the heads side by side: (batch, heads, len, head_dim) → (batch, len, d_model)."""
    return x.transpose(1, 2).flatten(2)


def _projection(d_model: int, bias: bool) -> nn.Linear:
    proj = nn.Linear(d_model, d_model, bias=bias)
    nn.init.xavier_uniform_(proj.weight)
    if bias:
        nn.init.zeros_(proj.bias)
    return proj
