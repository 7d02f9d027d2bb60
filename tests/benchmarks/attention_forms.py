"""The layer's two forms against each other: what its rule for bfloat16 rests on."""

import torch
from measure import LIMIT, cells, passes, side_by_side

from transformer_lib.layers import kernels
from transformer_lib.layers.multi_head import MultiHeadAttention

TITLE = "Speed of the plain form against the fused kernel"
NOTE = (
    "The same layer, batch 8, 4 heads, d_model 256, no mask, by the formula and by torch's kernel. "
    "Above 1.00 the formula is faster. On CPUs with bfloat16 products the layer uses the formula "
    "for bfloat16 up to 512 keys, and without gradients for more; on those that multiply tiles up "
    "to 512 keys, and with gradients alone. Left out where one call takes longer than "
    f"{LIMIT:.0f} s."
)
HEAD = ("length", "dtype", "pass", "plain, ms", "fused, ms", "fused / plain")


def rows(quick: bool):
    """Time each length, dtype and pass."""
    rule = kernels.plain_is_faster
    try:
        for seq_len in (16, 32) if quick else (64, 256, 512, 1024):
            for dtype in (torch.float32, torch.bfloat16):
                yield from _compare(seq_len, dtype, 0.1 if quick else 4.0)
    finally:
        kernels.plain_is_faster = rule


def _compare(seq_len: int, dtype: torch.dtype, seconds: float):
    layer = MultiHeadAttention(256, 4).to(dtype)
    x = torch.randn(8, seq_len, 256, dtype=dtype)

    def in_form(plain: bool):
        def call(layer, x):
            kernels.plain_is_faster = lambda *_, **__: plain
            return layer(x)

        return passes(layer, x, call)

    plain, fused = in_form(True), in_form(False)
    for name in plain:
        times = side_by_side(plain[name], fused[name], seconds=seconds)
        yield seq_len, str(dtype).removeprefix("torch."), name, *cells(times)
