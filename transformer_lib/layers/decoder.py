"""The decoder: a stack of layers that writes, with an eye on what the encoder has read."""

from torch import Tensor

from transformer_lib.layers.cache import KVCache
from transformer_lib.layers.encoder import Stack


class Decoder(Stack):
    """A stack of `DecoderLayer`s, all with an eye on the same context.

    Args: as `Stack`.
    """

    def forward(
        self,
        x: Tensor,
        context: Tensor,
        *,
        mask: Tensor | None = None,
        context_mask: Tensor | None = None,
        cache: KVCache | None = None,
    ) -> Tensor:
        """Transform the tokens written so far.

        Where the layers are causal, padding *behind* a target needs no mask: no real token looks
        that far.

        Args:
            x: (batch, seq_len, d_model).
            context: the encoder's output (batch, k_len, d_model).
            mask: boolean, True = may attend, broadcastable to (batch, heads, seq_len, k_len),
                for every layer.
            context_mask: the same for `context`, broadcastable to (batch, heads, seq_len, k_len);
                the source's padding mask.
            cache: keys and values of earlier tokens and of `context`; the same object at every
                step.

        Returns:
            (batch, seq_len, d_model).
        """
        for layer in self.layers:
            x = layer(x, context, mask=mask, context_mask=context_mask, cache=cache)
        return self.final_norm(x)
