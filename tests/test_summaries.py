"""Blocks with summaries are the dense mask, in values and gradients, and far fewer scores."""

import pytest
import torch
from oracles import EXACT, randn, redraw
from torch.testing import assert_close

from transformer_lib.layers import summaries
from transformer_lib.layers.cache import KVCache, MemoryCache
from transformer_lib.layers.masks import causal_mask
from transformer_lib.layers.multi_head import MultiHeadAttention
from transformer_lib.layers.positions import Rotary
from transformer_lib.layers.summaries import SummaryAttention, summary_mask

BATCH, HEADS, HEAD_DIM, D_MODEL, LENGTH = 2, 4, 6, 24, 17
every_block = pytest.mark.parametrize("block", [1, 2, 5, 16, 17, 40])


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def make(block=5, **options):
    options = {"rotary": Rotary(HEAD_DIM)} | options
    return redraw(SummaryAttention(D_MODEL, HEADS, block=block, **options))


@pytest.mark.parametrize("q_len", [1, 4, 12])
def test_the_mask_is_what_it_says(q_len):
    mask = summary_mask(q_len, 12, 4)
    for i, row in enumerate(mask, start=12 - q_len):
        own = [*range(i - i % 4, i + 1)]
        ends = [*range(3, i - i % 4, 4)]
        assert row.nonzero().flatten().tolist() == ends + own


@every_block
def test_the_layer_is_a_causal_one_under_its_mask(block):
    layer, x = make(block), randn(BATCH, LENGTH, D_MODEL)
    dense = MultiHeadAttention(D_MODEL, HEADS, causal=True, rotary=Rotary(HEAD_DIM)).double()
    dense.load_state_dict(layer.state_dict())
    mask = summary_mask(LENGTH, LENGTH, block)
    expected, weights = dense(x, mask=mask, return_weights=True)
    assert_close(layer(x), expected, **EXACT)
    for mine, theirs in zip(layer(x, return_weights=True), (expected, weights), strict=True):
        assert_close(mine, theirs, **EXACT)
    grads = [
        torch.autograd.grad(out.square().sum(), one.parameters())
        for one, out in ((layer, layer(x)), (dense, dense(x, mask=mask)))
    ]
    for ours, theirs in zip(*grads, strict=True):
        assert_close(ours, theirs, **EXACT)


@every_block
@pytest.mark.parametrize("sizes", [[1] * 17, [17], [3, 1, 6, 2, 5], [1, 16], [5, 5, 7]], ids=str)
def test_cached_is_uncached(block, sizes):
    layer, x, cache = make(block).eval(), randn(BATCH, LENGTH, D_MODEL), KVCache()
    with torch.no_grad():
        parts = [layer(part, cache=cache) for part in x.split(sizes, dim=1)]
        assert_close(torch.cat(parts, dim=1), layer(x), **EXACT)


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
def test_an_output_depends_on_what_its_mask_shows_and_on_nothing_else(training):
    layer, x = make().train(training), randn(1, LENGTH, D_MODEL, grad=True)
    mask = summary_mask(LENGTH, LENGTH, 5)
    for i in (0, 4, 5, 9, 16):
        (grad,) = torch.autograd.grad(layer(x)[0, i].sum(), x)
        assert torch.equal(grad[0].abs().amax(-1) > 0, mask[i])


def test_two_layers_reach_all_of_the_past():
    mask = summary_mask(40, 40, 6).double()
    assert torch.equal(mask @ mask > 0, causal_mask(40))


@pytest.mark.parametrize(("length", "scores"), [(64, 64 * (8 + 7)), (1, 1)])
def test_it_computes_as_many_scores_as_it_says(monkeypatch, length, scores):
    counted, attend = [], summaries.attend

    def spy(q, k, v, *args, **options):
        counted.append(q.shape[1:3].numel() * k.size(2))
        return attend(q, k, v, *args, **options)

    layer = SummaryAttention(4, 1, block=8)
    monkeypatch.setattr(summaries, "attend", spy)
    layer(torch.randn(1, length, 4))
    assert counted == [scores]


def test_dropout_works_in_training_only():
    layer, x = make(dropout=0.5), randn(BATCH, 6, D_MODEL)
    assert (layer(x) - layer(x)).abs().max() > 1e-3
    assert_close(layer.eval()(x), layer(x, return_weights=True)[0], **EXACT)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f, x: SummaryAttention(8, 2, block=0), "block must be at least 1, got 0"),
        (lambda f, x: summary_mask(3, 3, 0), "block must be at least 1, got 0"),
        (lambda f, x: summary_mask(-1, 2, 1), "q_len must be at least 0, got -1"),
        (lambda f, x: summary_mask(3, 2, 1), "lengths must satisfy 0 <= q_len <= k_len"),
        (lambda f, x: f(x[..., :7]), r"x must be \(batch, len, d_model = 24\), got \(2, 3, 7\)"),
        (lambda f, x: f(x[:, :0]), r"x must have at least one token, got \(2, 0, 24\)"),
        (lambda f, x: f(x.float()), "x must be torch.float64, as the weights are"),
        (lambda f, x: f(x, mask=causal_mask(3)), "mask must be None: .* never made by blocks"),
        (lambda f, x: f(x, cache=5), "cache must be a KVCache, got int"),
        (lambda f, x: f(x, cache=MemoryCache(3)), "cache must be a plain KVCache: blocks are"),
    ],
)
def test_bad_input_is_refused_in_words(call, message):
    with pytest.raises(ValueError, match=message):
        call(make(), randn(2, 3, D_MODEL))
