"""Small attention layers, and the two forms in which one computes."""

import pytest
import torch.nn.functional as F
from oracles import redraw

from transformer_lib.layers.multi_head import MultiHeadAttention
from transformer_lib.layers.positions import ALiBi, Rotary

BATCH, HEADS, HEAD_DIM, D_MODEL = 2, 4, 6, 24


def make_layer(rotary=False, alibi=False, **options):
    return redraw(
        MultiHeadAttention(
            D_MODEL,
            HEADS,
            rotary=Rotary(HEAD_DIM) if rotary else None,
            alibi=ALiBi(HEADS) if alibi else None,
            **options,
        )
    )


def fused(layer, *args, **kwargs):
    return layer(*args, **kwargs)


def plain(layer, *args, **kwargs):
    return layer(*args, return_weights=True, **kwargs)[0]


both_forms = pytest.mark.parametrize("form", [fused, plain])
every_causal_layer = pytest.mark.parametrize(
    "options",
    [{}, {"rotary": True}, {"alibi": True}, {"rotary": True, "alibi": True}],
    ids=["no positions", "rotary", "alibi", "rotary and alibi"],
)


def spied_kernel(monkeypatch):
    """A list that grows by the arguments of each call of torch's fused kernel."""
    calls, kernel = [], F.scaled_dot_product_attention

    def spy(*args, **kwargs):
        calls.append(kwargs)
        return kernel(*args, **kwargs)

    monkeypatch.setattr(F, "scaled_dot_product_attention", spy)
    return calls
