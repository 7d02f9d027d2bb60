"""Slow and obvious: what the library's results are compared with, and how to draw their inputs.

Everything is float64. There, correct code lands within 1e-14 of its oracle, so that a tolerance
of 1e-12 leaves no room for a small mistake.
"""

import math
from itertools import product

import torch
from hypothesis import HealthCheck, settings
from torch import Tensor, nn

EXACT = {"rtol": 0.0, "atol": 1e-12}
FEW = settings(
    max_examples=25,
    derandomize=True,  # the same examples everywhere
    deadline=None,  # a busy machine is no fault
    suppress_health_check=[HealthCheck.too_slow],
)


def randn(*shape: int, grad: bool = False) -> Tensor:
    """Standard normal numbers in float64."""
    return torch.randn(*shape, dtype=torch.float64, requires_grad=grad)


def redraw(module: nn.Module) -> nn.Module:
    """Draw every parameter from N(0, 0.2), biases too: a fresh zero hides what it multiplies."""
    module.double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(0.0, 0.2)
    return module


def loop_attention(q: Tensor, k: Tensor, v: Tensor, mask=None, bias=None) -> Tensor:
    """The formula of one head in scalars: (q_len, head_dim) looks up (k_len, head_dim)."""
    out = torch.zeros(len(q), v.size(1), dtype=torch.float64)
    for i in range(len(q)):
        seen = [j for j in range(len(k)) if mask is None or mask[i, j]]
        scores = {}
        for j in seen:
            product_sum = sum(float(a) * float(b) for a, b in zip(q[i], k[j], strict=True))
            scores[j] = product_sum / math.sqrt(q.size(1))
            scores[j] += 0.0 if bias is None else float(bias[i, j])
        total = sum(math.exp(score) for score in scores.values())
        for j in seen:
            out[i] += math.exp(scores[j]) / total * v[j]
    return out


def torch_layer(layer: nn.Module) -> nn.MultiheadAttention:
    """Torch's own layer with the parameters of ours. Its masks say True = hidden."""
    theirs = nn.MultiheadAttention(layer.d_model, layer.num_heads, batch_first=True).double()
    projections = layer.q_proj, layer.k_proj, layer.v_proj
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([p.weight for p in projections]))
        theirs.in_proj_bias.copy_(torch.cat([p.bias for p in projections]))
    theirs.out_proj.load_state_dict(layer.out_proj.state_dict())
    return theirs


def loop_sinusoids(length: int, d_model: int, base: float = 10000.0, offset: int = 0) -> Tensor:
    """The table of Vaswani et al. 2017, §3.5, number by number."""
    table = torch.empty(length, d_model, dtype=torch.float64)
    for t, i in product(range(length), range(d_model // 2)):
        angle = (offset + t) / base ** (2 * i / d_model)
        table[t, 2 * i], table[t, 2 * i + 1] = math.sin(angle), math.cos(angle)
    return table


def complex_rotary(x: Tensor, offset: int = 0, base: float = 10000.0) -> Tensor:
    """RoFormer, §3.2: features 2i and 2i + 1 are one complex number, turned by m · theta_i."""
    seq_len, head_dim = x.shape[-2:]
    theta = base ** (-torch.arange(0, head_dim, 2, dtype=torch.float64) / head_dim)
    angles = torch.arange(offset, offset + seq_len)[:, None] * theta
    turned = torch.view_as_complex(x.unflatten(-1, (-1, 2))) * torch.exp(1j * angles)
    return torch.view_as_real(turned).flatten(-2)


def loop_alibi(num_heads: int, q_len: int, offset: int = 0) -> Tensor:
    """Press et al. 2021, §3: the slopes start at 2^(-8/n) and have that same ratio."""
    bias = torch.empty(num_heads, q_len, offset + q_len, dtype=torch.float64)
    slope = 1.0
    for h in range(num_heads):
        slope *= 2 ** (-8 / num_heads)
        for i, j in product(range(q_len), range(offset + q_len)):
            bias[h, i, j] = -slope * abs(offset + i - j)
    return bias
