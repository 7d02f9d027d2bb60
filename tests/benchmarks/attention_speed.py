"""Our layer against torch's, forward and backward."""

import torch
from measure import LIMIT, cells, passes, side_by_side
from torch import nn

from transformer_lib.layers.multi_head import MultiHeadAttention

TITLE = "Speed of `MultiHeadAttention` against `torch.nn.MultiheadAttention`"
NOTE = (
    "Self-attention, batch 8, 4 heads, d_model 256, no mask, dropout 0. Torch's layer with "
    "`need_weights=False, batch_first=True`; forward in evaluation under `no_grad` (its fast "
    "path). Above 1.00 ours is faster. Ratio of neighbouring calls: median (quartiles). Left out "
    f"where one call takes longer than {LIMIT:.0f} s."
)
HEAD = ("length", "dtype", "pass", "ours, ms", "torch, ms", "torch / ours")


def rows(quick: bool):
    """Time each length, dtype and pass."""
    d_model, num_heads = 256, 4
    for seq_len in (16, 32) if quick else (128, 512, 2048):
        for dtype in (torch.float32, torch.bfloat16):
            x = torch.randn(8, seq_len, d_model, dtype=dtype)
            ours = MultiHeadAttention(d_model, num_heads).to(dtype)
            theirs = nn.MultiheadAttention(d_model, num_heads, batch_first=True).to(dtype)
            mine = passes(ours, x, lambda layer, x: layer(x))
            other = passes(theirs, x, lambda layer, x: layer(x, x, x, need_weights=False)[0])
            for name in mine:
                times = side_by_side(mine[name], other[name], seconds=0.1 if quick else 5.0)
                yield seq_len, str(dtype).removeprefix("torch."), name, *cells(times)
