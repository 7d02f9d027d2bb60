"""Places: positions that say where a query or a key looks from, and never reach the values.

Where positions are added to the tokens themselves, what a token hands on is a mixture of what it
shows and where it stands. Here a token is compared by both and hands on what it shows.
"""

import math

import torch
from torch import Tensor

from transformer_lib import checks
from transformer_lib.layers.blocks import DecoderLayer, EncoderLayer
from transformer_lib.layers.kernels import attend
from transformer_lib.layers.multi_head import MultiHeadAttention


class PlacedAttention(MultiHeadAttention):
    """Attention whose queries and keys have places, and whose values have none.

        q = (X + P_x) W_q,  k = (C + P_c) W_k,  v = C W_v

    Args:
        d_model: width of input and output.
        num_heads: number of heads.
        dropout: probability of dropping an attention weight, in training only.

    Raises:
        ValueError: as `MultiHeadAttention`.

    Source: Carion et al. 2020, "End-to-End Object Detection with Transformers", appendix A.3.
    """

    def __init__(self, d_model: int, num_heads: int, *, dropout: float = 0.0):
        super().__init__(d_model, num_heads, dropout=dropout)

    def forward(
        self,
        x: Tensor,
        context: Tensor | None = None,
        *,
        places: Tensor,
        context_places: Tensor | None = None,
        return_weights: bool = False,
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Attend from `x` to `context`, or to `x` itself where no context is given.

        Args:
            x: (batch, q_len, d_model).
            context: (batch, k_len, d_model); by default `x`.
            places: of the queries, broadcastable to `x`.
            context_places: of the keys, broadcastable to `context`; given with it.
            return_weights: also return the weights, before dropout.

        Returns:
            Output (batch, q_len, d_model); with `return_weights` a pair of it and the weights
            (batch, num_heads, q_len, k_len).

        Raises:
            ValueError: if an input has the wrong shape, width, type or device, or context comes
                without places, or places without context.
        """
        self._check(x, context, None, None, return_weights)
        if (context is None) != (context_places is None):
            got = "context alone" if context_places is None else "context_places alone"
            raise ValueError(f"context and context_places must be given together, got {got}")
        keys, key_places = (x, places) if context is None else (context, context_places)
        q = self._split(self.q_proj(_at("places", x, places)))
        k = self._split(self.k_proj(_at("context_places", keys, key_places)))
        v = self._split(self.v_proj(keys))  # (batch, heads, k_len, head_dim)
        dropout = self.dropout if self.training else 0.0
        out, weights = attend(
            q, k, v, None, causal=False, dropout=dropout, return_weights=return_weights
        )
        out = self.out_proj(out.transpose(1, 2).flatten(2))  # (batch, q_len, d_model)
        return (out, weights) if return_weights else out


class PlacedEncoderLayer(EncoderLayer):
    """An `EncoderLayer` around `PlacedAttention`: every layer is told anew where its tokens stand.

    Args: as `EncoderLayer`.
    """

    def forward(self, x: Tensor, places: Tensor) -> Tensor:
        """Transform `x` (batch, seq_len, d_model), whose tokens stand at `places`."""
        x = self._add(x, self.norm1, lambda x: self.self_attention(x, places=places))
        return self._add(x, self.norm2, self.feed_forward)


class PlacedDecoderLayer(DecoderLayer):
    """A `DecoderLayer` around two `PlacedAttention`s: queries look from places to places.

    Args: as `DecoderLayer`.
    """

    def forward(self, x: Tensor, context: Tensor, places: Tensor, context_places: Tensor) -> Tensor:
        """Transform `x` in the light of `context`.

        Args:
            x: what the queries have found so far (batch, queries, d_model).
            context: (batch, k_len, d_model).
            places: of the queries, broadcastable to `x`.
            context_places: of the context, broadcastable to it.

        Returns:
            (batch, queries, d_model).
        """
        where = {"places": places, "context_places": context_places}
        x = self._add(x, self.norm1, lambda x: self.self_attention(x, places=places))
        x = self._add(x, self.norm2, lambda x: self.cross_attention(x, context, **where))
        return self._add(x, self.norm3, self.feed_forward)


def sine_places(points: Tensor, d_model: int, *, base: float = 10000.0) -> Tensor:
    """Describe points of a picture by waves: half of the features for y, half for x.

        feature[2i] = sin(2π t / base^(4i / d_model)),  feature[2i + 1] = cos(the same)

    Args:
        points: x and y as fractions of the picture's width and height (…, 2).
        d_model: width of a place, a multiple of 4.
        base: the wavelengths run from 1 to `base` pictures. (Liu et al. 2022 take 20: no picture
            is longer than one.)

    Returns:
        (…, d_model), in the type of the points.

    Raises:
        ValueError: if `points` are not such points, or `d_model` is not such a multiple.

    Source: Carion et al. 2020, §A.4; Parmar et al. 2018, "Image Transformer", §3.1.
    """
    checks.floating("points", points)
    if points.size(-1) != 2:
        raise ValueError(f"points must be (…, 2), got {tuple(points.shape)}")
    checks.multiple(4, d_model=d_model)
    checks.positive(base=base)
    pairs = torch.arange(0, d_model // 2, 2, dtype=points.dtype, device=points.device)
    waves = 2 * math.pi * base ** (-2 * pairs / d_model)  # (d_model / 4,)
    angles = points.flip(-1)[..., None] * waves  # (…, y and x, d_model / 4)
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-3)


def _at(name: str, x: Tensor, places: Tensor) -> Tensor:
    """Tokens with their places; these widen nothing."""
    checks.floating(name, places, meta=True)
    checks.like("x", x, **{name: places})
    try:
        return x + places.expand(x.shape)
    except RuntimeError:
        raise ValueError(
            f"{name} must broadcast to {tuple(x.shape)}, got {tuple(places.shape)}"
        ) from None
