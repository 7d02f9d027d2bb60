"""Dropout falls on the weights of every attention layer, on whichever way they are computed."""

import pytest
import torch
from torch.testing import assert_close

from transformer_lib.layers.cache import KVCache
from transformer_lib.layers.latent import LatentAttention
from transformer_lib.layers.multi_head import MultiHeadAttention
from transformer_lib.layers.places import PlacedAttention
from transformer_lib.layers.relative import RelativeAttention
from transformer_lib.layers.summaries import SummaryAttention
from transformer_lib.layers.windowed import WindowedAttention

LAYERS = {
    "all": lambda p: MultiHeadAttention(8, 2, dropout=p, causal=True),
    "few heads of keys": lambda p: MultiHeadAttention(8, 4, num_kv_heads=2, dropout=p, causal=True),
    "window": lambda p: WindowedAttention(8, 2, window=4, dropout=p),
    "summaries": lambda p: SummaryAttention(8, 2, block=3, dropout=p),
    "latent": lambda p: LatentAttention(8, 2, rank=4, rope_dim=2, dropout=p),
    "relative": lambda p: RelativeAttention(8, 2, dropout=p),
    "places": lambda p: PlacedAttention(8, 2, dropout=p),
}
X = torch.randn(2, 7, 8, generator=torch.Generator().manual_seed(0))


def plain(layer):
    return layer(X, places=X[0]) if isinstance(layer, PlacedAttention) else layer(X)


def with_weights(layer):
    options = {"places": X[0]} if isinstance(layer, PlacedAttention) else {}
    return layer(X, return_weights=True, **options)[0]


def token_by_token(layer):
    cache = KVCache()
    last = {"memory": cache} if isinstance(layer, RelativeAttention) else {"cache": cache}
    layer.eval()(X[:, :6], **last)
    return layer.train()(X[:, 6:], **last)


PATHS = [(name, path) for name in LAYERS for path in (plain, with_weights, token_by_token)]
PATHS.remove(("places", token_by_token))  # it has no cache


@pytest.mark.parametrize(("name", "path"), PATHS)
def test_two_passes_differ_in_training(name, path):
    torch.manual_seed(0)
    layer = LAYERS[name](0.5)
    with torch.no_grad():
        assert (path(layer) - path(layer)).abs().max() > 1e-3
        without = LAYERS[name](0.0)
        assert_close(path(without), path(without), rtol=0, atol=0)


@pytest.mark.parametrize("name", LAYERS)
def test_weights_are_those_before_dropout(name):
    torch.manual_seed(0)
    layer = LAYERS[name](0.5)
    options = {"places": X[0]} if name == "places" else {}
    with torch.no_grad():
        weights = layer(X, return_weights=True, **options)[1]
        expected = layer.eval()(X, return_weights=True, **options)[1]
    assert_close(weights, expected)
    assert_close(weights.sum(dim=-1), torch.ones(weights.shape[:-1]))
