"""The encoder: a stack of layers that reads."""

from collections.abc import Iterable

from torch import Tensor, nn

from transformer_lib.cache import KVCache
from transformer_lib.layers import EncoderLayer


class Encoder(nn.Module):
    """Layers one after another, and perhaps a norm at the end.

    With causal attention in its layers it is the stack of a decoder-only model.

    Args:
        layers: the layers, made one by one: copies of one layer would all start from the same
            weights.
        final_norm: applied to the last layer's output. A pre-norm stack wants it, since nothing
            else bounds the sum of its residuals; the paper's post-norm stack has none
            (`torch.nn.Transformer` adds one to both).

    Raises:
        ValueError: if there is no layer, or the layers differ in d_model.

    Source: Vaswani et al. 2017, §3.1.
    """

    def __init__(self, layers: Iterable[EncoderLayer], *, final_norm: nn.Module | None = None):
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.d_model = stack_width(self.layers)
        self.final_norm = nn.Identity() if final_norm is None else final_norm

    def forward(
        self, x: Tensor, *, mask: Tensor | None = None, cache: KVCache | None = None
    ) -> Tensor:
        """Read `x`.

        Args:
            x: (batch, seq_len, d_model).
            mask: boolean, True = may attend, broadcastable to (batch, heads, seq_len, k_len),
                for every layer. Under a padding mask the output at real tokens does not depend
                on the padding; the output at padding means nothing.
            cache: keys and values of earlier tokens, for a causal stack that reads piece by
                piece.

        Returns:
            (batch, seq_len, d_model).
        """
        for layer in self.layers:
            x = layer(x, mask=mask, cache=cache)
        return self.final_norm(x)


def stack_width(layers: nn.ModuleList) -> int:
    """The d_model that all layers of a stack have.

    Raises:
        ValueError: if there is no layer, or the layers differ in d_model.
    """
    widths = [layer.d_model for layer in layers]
    if len(set(widths)) != 1:
        raise ValueError(f"layers must be at least one, all of the same d_model, got {widths}")
    return widths[0]
