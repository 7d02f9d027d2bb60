"""Dropout that costs nothing where it drops nothing.

Torch's layer calls its kernel in evaluation too. Next to a training step that is nothing; but a
model that writes a token at a time has three of them in every layer, and they were 4 % of its time.
"""

from torch import Tensor, nn

from transformer_lib import checks


class Dropout(nn.Dropout):
    """Set each feature to zero with probability `p`, in training only, and scale up the others.

    Args:
        p: in [0, 1).

    Raises:
        ValueError: if it is not.

    Source: Srivastava et al. 2014, "Dropout: A Simple Way to Prevent Neural Networks from
    Overfitting", §4.
    """

    def __init__(self, p: float):
        checks.probability(p=p)
        super().__init__(p)

    def forward(self, x: Tensor) -> Tensor:
        """Drop features of `x`, of any shape and type.

        Raises:
            ValueError: if `x` is no tensor.
        """
        checks.tensor(x=x)
        return super().forward(x) if self.training else x
