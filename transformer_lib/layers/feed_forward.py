"""The feed-forward block: what each token computes by itself.

Attention moves information between positions; this block works on every position alone, and in
most Transformers it holds two thirds of the parameters.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from transformer_lib import checks
from transformer_lib.layers.dropout import Dropout


def _swiglu(x: Tensor) -> Tensor:
    """One half of the features gates the other: (…, 2 · d_ff) → (…, d_ff)."""
    gate, value = x.chunk(2, dim=-1)
    return F.silu(gate) * value


ACTIVATIONS = {
    "relu": F.relu,  # Vaswani et al. 2017, §3.3
    "gelu": F.gelu,  # exact, with the error function: Hendrycks & Gimpel 2016; BERT, ViT
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),  # its approximation: GPT-2
    "quick_gelu": lambda x: x * torch.sigmoid(1.702 * x),  # Hendrycks & Gimpel 2016, §2; CLIP
    "relu2": lambda x: F.relu(x).square(),  # So et al. 2021, "Primer", §3
    "swiglu": _swiglu,  # Shazeer 2020, §2
}


class FeedForward(nn.Module):
    """Widen, bend, narrow: two linear maps with a nonlinearity between them.

        FFN(x) = act(x W_1 + b_1) W_2 + b_2

    With "swiglu" one half of the widened features gates the other, so that `linear1` is twice as
    wide (2/3 of the usual `d_ff` then makes an equal number of parameters):

        FFN(x) = (silu(x W_gate) · x W_value) W_2

    Args:
        d_model: width of input and output.
        d_ff: width in the middle; in the paper 4 · d_model.
        activation: one of `ACTIVATIONS`: "relu", "gelu", "gelu_tanh", "quick_gelu", "relu2"
            or "swiglu".
        dropout: probability of dropping a feature in the middle, in training only.
        bias: whether the linear maps have biases.

    Raises:
        ValueError: if a width is not positive, `activation` is none of these, or `dropout` is not
            in [0, 1).

    Source: Vaswani et al. 2017, §3.3; for "swiglu" Shazeer 2020, §2.
    """

    def __init__(
        self,
        d_model: int,
        d_ff: int,
        *,
        activation: str = "relu",
        dropout: float = 0.0,
        bias: bool = True,
    ):
        super().__init__()
        checks.at_least(1, d_model=d_model, d_ff=d_ff)
        checks.one_of(ACTIVATIONS, activation=activation)
        checks.probability(dropout=dropout)
        checks.flag(bias=bias)
        self.d_model, self.d_ff, self.activation = d_model, d_ff, activation
        self.linear1 = nn.Linear(d_model, 2 * d_ff if activation == "swiglu" else d_ff, bias=bias)
        self.linear2 = nn.Linear(d_ff, d_model, bias=bias)
        self.dropout = Dropout(dropout)
        for linear in (self.linear1, self.linear2):
            nn.init.xavier_uniform_(linear.weight)
            if bias:
                nn.init.zeros_(linear.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Work on every position alone.

        Args:
            x: (…, d_model).

        Returns:
            (…, d_model).

        Raises:
            ValueError: if `x` has another width, type or device than the weights.
        """
        checks.features("x", x, self.d_model, like=self.linear1.weight, dims=None)
        x = ACTIVATIONS[self.activation](self.linear1(x))  # (…, d_ff)
        return self.linear2(self.dropout(x))
