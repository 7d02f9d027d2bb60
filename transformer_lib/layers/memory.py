"""A layer with a memory: its attention also sees what it has read in earlier segments."""

from torch import Tensor

from transformer_lib.layers.blocks import EncoderLayer


class MemoryLayer(EncoderLayer):
    """An `EncoderLayer` whose attention also sees what it has read in earlier segments.

    In the paper's post-norm layer that is the layer's input. In a pre-norm layer it is the normed
    input: normed once, when it was new. (The released code norms the memory again in each segment,
    and pays for a gradient that reaches no farther than the gains of that norm.)

    Args: as `EncoderLayer`; `self_attention` is a `RelativeAttention`.

    Source: Dai et al. 2019, §3.2.
    """

    def forward(self, x: Tensor, memory: Tensor | None = None, **options) -> tuple[Tensor, Tensor]:
        """Transform `x` in the light of the memory.

        Args:
            x: (batch, seq_len, d_model).
            memory: what the attention has read at earlier positions, (batch, mem_len, d_model).
            options: further arguments of `RelativeAttention.forward`.

        Returns:
            The output, and what the attention has read now, (batch, seq_len, d_model) each.
        """
        read = []

        def attend(x: Tensor) -> Tensor:
            read.append(x)
            return self.self_attention(x, memory, **options)

        x = self._add(x, self.norm1, attend)
        return self._add(x, self.norm2, self.feed_forward), read[0]
