"""Layers: attention and feed-forward, each with a residual connection and a norm around it.

A layer is put together from parts that are already made, so that every model chooses its own:

    EncoderLayer(MultiHeadAttention(512, 8), FeedForward(512, 2048))  # as in the paper
    EncoderLayer(
        MultiHeadAttention(512, 8, bias=False, causal=True, rotary=Rotary(64)),
        FeedForward(512, 2048, activation="relu2", bias=False),
        norm=nn.RMSNorm,
    )  # as in a recent decoder-only language model

The second has no cross-attention and is causal in itself: a layer of a decoder-only model is an
`EncoderLayer` that may not look ahead.
"""

from collections.abc import Callable

from torch import Tensor, nn

from transformer_lib import checks
from transformer_lib.layers.cache import KVCache
from transformer_lib.layers.dropout import Dropout
from transformer_lib.layers.multi_head import MultiHeadAttention


class _Layer(nn.Module):
    """What both layers share: the residual connection, in one place for pre- and post-norm."""

    def __init__(self, dropout: float, norm_first: bool, norm: Callable[[int], nn.Module]):
        super().__init__()
        checks.function(norm=norm)
        checks.probability(dropout=dropout)
        checks.flag(norm_first=norm_first)
        self.dropout = Dropout(dropout)
        self.norm_first = norm_first

    def _add(self, x: Tensor, norm: nn.Module, sublayer: Callable[[Tensor], Tensor]) -> Tensor:
        if self.norm_first:
            return x + self.dropout(sublayer(norm(x)))
        return norm(x + self.dropout(sublayer(x)))


class EncoderLayer(_Layer):
    """Look around, then think: self-attention and feed-forward.

        post-norm, the paper's:  x ← norm(x + sublayer(x))
        pre-norm (`norm_first`): x ← x + sublayer(norm(x))

    Args:
        self_attention: the attention layer; a causal one makes a layer of a decoder-only model.
        feed_forward: the block that follows, of the same d_model.
        dropout: probability of dropping a feature of each sublayer's output, in training only.
        norm_first: pre-norm, which trains well at any depth but needs one more norm at the end of
            the stack; otherwise post-norm.
        norm: makes a norm when called with d_model: `nn.LayerNorm`, `nn.RMSNorm`, or
            `functools.partial(nn.LayerNorm, eps=1e-12)`.

    Raises:
        ValueError: if a part is no module with a d_model, the two differ in it, `dropout` is not
            in [0, 1), or `norm` cannot be called.

    Source: Vaswani et al. 2017, §3.1, §5.4; for pre-norm Xiong et al. 2020, §3.
    """

    def __init__(
        self,
        self_attention: MultiHeadAttention,
        feed_forward: nn.Module,
        *,
        dropout: float = 0.0,
        norm_first: bool = True,
        norm: Callable[[int], nn.Module] = nn.LayerNorm,
    ):
        super().__init__(dropout, norm_first, norm)
        self.d_model = _same_width(self_attention=self_attention, feed_forward=feed_forward)
        self.self_attention, self.norm1 = self_attention, norm(self.d_model)
        self.feed_forward, self.norm2 = feed_forward, norm(self.d_model)

    def forward(self, x: Tensor, **options) -> Tensor:
        """Transform `x`, every token in sight of the others.

        Args:
            x: (batch, seq_len, d_model).
            options: further arguments of the attention: `mask`, `cache`.

        Returns:
            (batch, seq_len, d_model).
        """
        x = self._add(x, self.norm1, lambda x: self.self_attention(x, **options))
        return self._add(x, self.norm2, self.feed_forward)


class DecoderLayer(_Layer):
    """Look back, look at what was read, then think: the encoder's layer with cross-attention.

    Args:
        self_attention: attention among the tokens written so far; make it causal
            (`MultiHeadAttention(…, causal=True)`) for a model that writes from left to right.
        cross_attention: attention from them to the encoder's output.
        feed_forward: the block that follows; all three parts have the same d_model.
        dropout, norm_first, norm: as in `EncoderLayer`.

    Raises:
        ValueError: as `EncoderLayer`.

    Source: Vaswani et al. 2017, §3.1, §5.4.
    """

    def __init__(
        self,
        self_attention: MultiHeadAttention,
        cross_attention: MultiHeadAttention,
        feed_forward: nn.Module,
        *,
        dropout: float = 0.0,
        norm_first: bool = True,
        norm: Callable[[int], nn.Module] = nn.LayerNorm,
    ):
        super().__init__(dropout, norm_first, norm)
        self.d_model = _same_width(
            self_attention=self_attention,
            cross_attention=cross_attention,
            feed_forward=feed_forward,
        )
        self.self_attention, self.norm1 = self_attention, norm(self.d_model)
        self.cross_attention, self.norm2 = cross_attention, norm(self.d_model)
        self.feed_forward, self.norm3 = feed_forward, norm(self.d_model)

    def forward(
        self,
        x: Tensor,
        context: Tensor,
        *,
        mask: Tensor | None = None,
        context_mask: Tensor | None = None,
        cache: KVCache | None = None,
    ) -> Tensor:
        """Transform `x` in the light of `context`.

        Args:
            x: (batch, seq_len, d_model).
            context: the encoder's output (batch, k_len, d_model).
            mask: boolean, True = may attend, broadcastable to (batch, heads, seq_len, k_len).
            context_mask: the same for `context`, broadcastable to (batch, heads, seq_len, k_len).
            cache: keys and values of earlier tokens, to which those of `x` are added, and those
                of `context`, computed once.

        Returns:
            (batch, seq_len, d_model).

        Raises:
            ValueError: if there is no context.
        """
        checks.tensor(context=context)  # for None attention would take `x`, the future included
        x = self._add(x, self.norm1, lambda x: self.self_attention(x, mask=mask, cache=cache))
        x = self._add(
            x,
            self.norm2,
            lambda x: self.cross_attention(x, context, mask=context_mask, cache=cache),
        )
        return self._add(x, self.norm3, self.feed_forward)


def _same_width(**parts: nn.Module) -> int:
    """The d_model that all parts have."""
    checks.module(**parts)
    if without := [name for name, part in parts.items() if not hasattr(part, "d_model")]:
        raise ValueError(f"{without[0]} must have a d_model, got none")
    widths = {name: part.d_model for name, part in parts.items()}
    if len(set(widths.values())) > 1:
        raise ValueError(f"the parts of a layer must have the same d_model, got {widths}")
    return next(iter(widths.values()))
