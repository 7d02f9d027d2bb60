"""Every layer in one graph of any length, and averaged while it is used.

`torch.compile` and `torch.export` follow a layer once and keep the graph; `AveragedModel` copies it
and averages parameters and buffers. None of them bears a layer that changes itself as it is called.
"""

import pytest
import torch
from oracles import EXACT, randn, redraw
from torch import nn
from torch.export import Dim, export
from torch.optim.swa_utils import AveragedModel
from torch.testing import assert_close

from transformer_lib.layers.adaptive import AdaptiveEmbedding
from transformer_lib.layers.blocks import DecoderLayer, EncoderLayer
from transformer_lib.layers.decoder import Decoder
from transformer_lib.layers.encoder import Encoder
from transformer_lib.layers.feed_forward import FeedForward
from transformer_lib.layers.memory import MemoryLayer
from transformer_lib.layers.multi_head import MultiHeadAttention
from transformer_lib.layers.positions import (
    ALiBi,
    LearnedPositions,
    RelativePositions,
    Rotary,
    SinusoidalPositions,
)
from transformer_lib.layers.relative import RelativeAttention
from transformer_lib.models.gpt import GPT, GPTConfig
from transformer_lib.models.transformer_xl import TransformerXL, TransformerXLConfig


def attention(**options):
    return MultiHeadAttention(8, 2, **options)


def block(**options):
    return EncoderLayer(attention(**options), FeedForward(8, 12, activation="swiglu"))


def writer():
    return DecoderLayer(attention(causal=True), attention(), FeedForward(8, 12))


def gpt(**options):
    return GPT(GPTConfig(13, d_model=8, num_heads=2, num_layers=2, d_ff=12, **options))


def xl():
    return TransformerXL(TransformerXLConfig(13, d_model=8, num_heads=2, num_layers=2, d_ff=12))


def features(*axes):  # of each input: which of its axes has the length
    return lambda length: tuple(randn(2, length, 8) for _ in axes)


one, two = features(1), features(1, 1)
heads = lambda length: (randn(2, 2, length, 8),)  # noqa: E731
ids = lambda length: (torch.randint(13, (2, length)),)  # noqa: E731

# name: what makes the layer, its inputs of a length
LAYERS = {
    "attention": (attention, one),
    "causal": (lambda: attention(causal=True), one),
    "rotary": (lambda: attention(causal=True, rotary=Rotary(4)), one),
    "alibi": (lambda: attention(causal=True, alibi=ALiBi(2)), one),
    "grouped": (lambda: attention(causal=True, num_kv_heads=1), one),
    "cross": (attention, two),
    "relative": (lambda: RelativeAttention(8, 2), one),
    "relative with memory": (lambda: RelativeAttention(8, 2), two),
    "memory": (lambda: MemoryLayer(RelativeAttention(8, 2), FeedForward(8, 12)), two),
    "feed-forward": (lambda: FeedForward(8, 12), one),
    "encoder": (lambda: Encoder([block(), block()]), one),
    "decoder": (lambda: Decoder([writer(), writer()]), two),
    "sinusoidal": (lambda: SinusoidalPositions(8), one),
    "learned": (lambda: LearnedPositions(64, 8), one),
    "turned": (lambda: Rotary(8), heads),
    "adaptive": (lambda: AdaptiveEmbedding(13, 8, (4, 9), 2.0), ids),
    "gpt": (lambda: gpt(max_len=64), ids),
    "llama": (lambda: gpt(positions="rotary", num_kv_heads=1, norm="rms", bias=False), ids),
    "xl": (xl, ids),
}
EVERY = pytest.mark.parametrize(("make", "inputs"), LAYERS.values(), ids=LAYERS)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)
    torch.compiler.reset()


def bare(make):
    return not list(make().parameters())


def scores(out):
    return out if isinstance(out, torch.Tensor) else out[0]


@EVERY
def test_a_layer_is_one_graph_for_every_length(make, inputs):
    layer = redraw(make()).eval()
    compiled = torch.compile(layer, backend="eager", fullgraph=True, dynamic=True)
    for length in (5, 9, 33):  # longer than it was ever before
        given = inputs(length)
        assert_close(scores(compiled(*given)), scores(layer(*given)), **EXACT)


@EVERY
def test_a_layer_can_be_exported_with_a_length_that_is_left_open(make, inputs):
    layer, length = redraw(make()).eval(), Dim("length", min=3, max=60)
    given = inputs(5)
    axis = 2 if given[0].dim() == 4 else 1
    shapes = tuple({axis: length} for _ in given)
    program = export(layer, given, dynamic_shapes=shapes).module()
    for given in (inputs(4), inputs(33)):
        assert_close(scores(program(*given)), scores(layer(*given)), **EXACT)


@EVERY
def test_a_layer_can_be_averaged_after_it_was_used(make, inputs):
    # Torch's class wants a parameter, and waves have none.
    layer = redraw(nn.Sequential(make(), nn.Linear(8, 8)) if bare(make) else make()).eval()
    averaged = AveragedModel(layer)
    before = [p.clone() for p in layer.parameters()]
    layer(*inputs(9))
    averaged.update_parameters(layer)
    redraw(layer)
    averaged.update_parameters(layer)
    layer(*inputs(17))
    with torch.no_grad():
        for mine, first in zip(layer.parameters(), before, strict=True):
            mine.copy_((first + mine) / 2)
    given = inputs(20)
    assert_close(scores(averaged(*given)), scores(layer(*given)), **EXACT)


def test_rows_of_distances_are_one_graph_too():
    class Rows(nn.Module):
        def __init__(self):
            super().__init__()
            self.positions = RelativePositions(8)

        def forward(self, x):
            return self.positions(x, x.size(1), 3)

    rows = Rows()
    compiled = torch.compile(rows, backend="eager", fullgraph=True, dynamic=True)
    for length in (3, 5, 12):
        assert_close(compiled(randn(1, length, 8)), rows(randn(1, length, 8)), **EXACT)
