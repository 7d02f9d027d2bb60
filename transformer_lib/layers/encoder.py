"""The encoder: a stack of layers that reads."""

from collections.abc import Iterable

from torch import Tensor, nn

from transformer_lib import checks


class Stack(nn.Module):
    """What encoder and decoder share: layers one after another, and perhaps a norm at the end.

    Args:
        layers: the layers, made one by one: copies of one layer would all start from the same
            weights.
        final_norm: applied to the last layer's output. A pre-norm stack wants it, since nothing
            else bounds the sum of its residuals; the paper's post-norm stack has none
            (`torch.nn.Transformer` adds one to both).

    Raises:
        ValueError: if there is no layer, they differ in d_model, or `final_norm` is no module.

    Source: Vaswani et al. 2017, §3.1.
    """

    def __init__(self, layers: Iterable[nn.Module], *, final_norm: nn.Module | None = None):
        super().__init__()
        checks.several(layers=layers)
        layers = list(layers)
        widths = [getattr(layer, "d_model", None) for layer in layers]
        if len(set(widths)) != 1 or widths[0] is None:
            raise ValueError(f"layers must be at least one, all of the same d_model, got {widths}")
        if final_norm is not None:
            checks.module(final_norm=final_norm)
        self.layers = nn.ModuleList(layers)
        self.d_model = widths[0]
        self.final_norm = nn.Identity() if final_norm is None else final_norm


class Encoder(Stack):
    """A stack of `EncoderLayer`s. If they are causal, it is that of a decoder-only model.

    Args: as `Stack`.
    """

    def forward(self, x: Tensor, **options) -> Tensor:
        """Read `x`.

        Args:
            x: (batch, seq_len, d_model).
            options: for the attention of every layer: `mask`, under which the output at real
                tokens does not depend on the padding (it must be finite; what comes out there
                means nothing), and `cache`, for a causal stack that reads piece by piece.

        Returns:
            (batch, seq_len, d_model).
        """
        for layer in self.layers:
            x = layer(x, **options)
        return self.final_norm(x)
