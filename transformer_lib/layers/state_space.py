"""A state space layer: linear attention that decides at every token how much to forget."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from transformer_lib import checks
from transformer_lib.layers.cache import KVCache
from transformer_lib.layers.decay import decayed
from transformer_lib.layers.linear import join_heads, split_heads, state_before

CONV_WIDTH = 4  # tokens, as released


class StateSpace(nn.Module):
    """A selective state space layer, whose state is kept by heads as those of linear attention are.

        S_t = exp(-A Δ_t) S_{t-1} + b_tᵀ (Δ_t v_t),  y_t = c_t S_t / √head_dim + D v_t
        output = RMSNorm(y ⊙ silu(gate)) W_out

    v, b and c stand for values, keys and queries (the paper's X, B and C). They pass through a
    short causal convolution and a silu, which makes each a mixture of the last four tokens. The
    step Δ_t > 0 is made from the token, a number for each head: a large one writes much and forgets
    much, one near 0 passes the token by. A > 0, D and the size of a fresh Δ belong to the head.

    A fresh layer takes steps of 1 and forgets 0.3 % to 26 % at each: how long it remembers before
    it has learned anything decides what it can learn. Its convolution begins near "this token".

    (From the paper's it differs in two ways: each head has its own b and c, of the width of its
    values; and c is divided by √head_dim, as queries are.)

    Args:
        d_model: width of input and output.
        num_heads: number of heads; each works in head_dim = d_model / num_heads features.

    Raises:
        ValueError: if `num_heads` does not divide `d_model`.

    Source: Gu and Dao 2023, "Mamba", §3; Dao and Gu 2024, "Transformers are SSMs", §7.
    """

    def __init__(self, d_model: int, num_heads: int):
        super().__init__()
        self.d_model, self.num_heads = d_model, num_heads
        self.head_dim = checks.heads(d_model, num_heads)
        self.in_proj = nn.Linear(d_model, 3 * d_model, bias=False)  # v, b and c in one
        self.gate_proj = nn.Linear(d_model, d_model, bias=False)
        self.step_proj = nn.Linear(d_model, num_heads)
        self.conv = nn.Conv1d(3 * d_model, 3 * d_model, CONV_WIDTH, groups=3 * d_model)
        rates = torch.linspace(math.log(0.003), math.log(0.3), num_heads)
        self.log_rate = nn.Parameter(rates)  # log A
        self.skip = nn.Parameter(torch.ones(num_heads))  # D
        self.norm = nn.RMSNorm(d_model, eps=1e-5)
        self.out_proj = nn.Linear(d_model, d_model, bias=False)
        nn.init.constant_(self.step_proj.bias, math.log(math.e - 1))  # softplus makes it 1
        with torch.no_grad():
            self.conv.weight.mul_(0.1)
            self.conv.weight[:, :, -1] += 1.0

    def forward(self, x: Tensor, *, mask: None = None, cache: KVCache | None = None) -> Tensor:
        """Sum up `x`, for every token up to its own position.

        Args:
            x: (batch, len, d_model).
            mask: None. Padding behind the end needs none: no token looks that far.
            cache: the state after the tokens before `x`, and what the convolution read last. A
                call that is refused leaves it as it was.

        Returns:
            (batch, len, d_model).

        Raises:
            ValueError: if `x` has the wrong shape, width, type, device or batch, there is a mask,
                or the cache is none that can keep a state.
        """
        state, recent = state_before(self, x, mask, cache, like=self.in_proj.weight) or (None, None)
        inputs, recent = self._convolved(self.in_proj(x), recent)
        v, b, c = (split_heads(part, self.num_heads) for part in inputs.chunk(3, dim=-1))
        step, log_decay = self.steps(x)  # (batch, heads, len)
        y, state = decayed(c / math.sqrt(self.head_dim), b, step[..., None] * v, log_decay, state)
        y = join_heads(y + self.skip[:, None, None] * v)  # (batch, len, d_model)
        if cache is not None:
            cache.keep_state(self, (state, recent), x.size(1))
        return self.out_proj(self.norm(y * F.silu(self.gate_proj(x))))

    def steps(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """How large a step each head takes at each token, and the log of what it keeps.

        Args:
            x: (batch, len, d_model).

        Returns:
            Δ and -A Δ, (batch, heads, len) each.

        Raises:
            ValueError: if `x` has the wrong shape, width, type or device.
        """
        checks.features("x", x, self.d_model, like=self.in_proj.weight)
        step = F.softplus(self.step_proj(x)).mT
        return step, -self.log_rate.exp()[:, None] * step

    def _convolved(self, x: Tensor, recent: Tensor | None) -> tuple[Tensor, Tensor]:
        """Mix each feature with its last values; also the last of them, for what comes next."""
        if recent is None:
            recent = x.new_zeros(x.size(0), CONV_WIDTH - 1, x.size(2))
        x = torch.cat([recent, x], dim=1)
        return F.silu(self.conv(x.mT).mT), x[:, x.size(1) - CONV_WIDTH + 1 :].clone()
