"""The decoder: a stack of layers that writes, with an eye on what the encoder has read."""

from collections.abc import Iterable

from torch import Tensor, nn

from transformer_lib.cache import KVCache
from transformer_lib.encoder import stack_width
from transformer_lib.layers import DecoderLayer


class Decoder(nn.Module):
    """Decoder layers one after another, and perhaps a norm at the end.

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

    def __init__(self, layers: Iterable[DecoderLayer], *, final_norm: nn.Module | None = None):
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.d_model = stack_width(self.layers)
        self.final_norm = nn.Identity() if final_norm is None else final_norm

    def forward(
        self,
        x: Tensor,
        memory: Tensor,
        *,
        mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        cache: KVCache | None = None,
    ) -> Tensor:
        """Transform the tokens written so far.

        Where the layers are causal, padding *behind* a target needs no mask: no real token looks
        that far.

        Args:
            x: (batch, seq_len, d_model).
            memory: the encoder's output (batch, mem_len, d_model).
            mask: boolean, True = may attend, broadcastable to (batch, heads, seq_len, k_len),
                for every layer.
            memory_mask: the same for `memory`, broadcastable to (batch, heads, seq_len, mem_len);
                the source's padding mask.
            cache: keys and values of earlier tokens and of `memory`; the same object at every
                step.

        Returns:
            (batch, seq_len, d_model).
        """
        for layer in self.layers:
            x = layer(x, memory, mask=mask, memory_mask=memory_mask, cache=cache)
        return self.final_norm(x)
