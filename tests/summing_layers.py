"""What holds for every layer that sums up the past: one contract, which a layer joins by a line."""

import pytest
import torch
from oracles import EXACT, randn, redraw
from torch.testing import assert_close

from transformer_lib.layers.blocks import EncoderLayer
from transformer_lib.layers.cache import KVCache, MemoryCache
from transformer_lib.layers.feed_forward import FeedForward

BATCH, D_MODEL, HEADS = 2, 24, 3
EVERY_SPLIT = [[1] * 70, [70], [64, 6], [1, 3, 1, 65], [67, 1, 1, 1]]


def make(kind, **options):
    torch.manual_seed(0)
    return redraw(kind(D_MODEL, HEADS, **options))


class SummingLayerContract:
    """Causal; one pass = any cuts with a cache; its state does not grow; refusals in words."""

    kind = None

    @pytest.fixture
    def layer(self):
        return make(self.kind)

    @pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
    def test_no_output_depends_on_the_future(self, layer, training):
        layer, x = layer.train(training), randn(BATCH, 70, D_MODEL)
        before = layer(x)
        assert before.shape == x.shape
        for start in (1, 5, 63, 64, 69):
            changed = torch.cat([x[:, :start], randn(BATCH, 70 - start, D_MODEL)], dim=1)
            after = layer(changed)
            assert_close(after[:, :start], before[:, :start], **EXACT)
            assert (after[:, start] != before[:, start]).all()

    def test_every_token_reaches_the_last(self, layer):
        x = randn(1, 70, D_MODEL, grad=True)
        layer(x)[:, -1].sum().backward()
        assert (x.grad.abs().amax(dim=-1) > 0).all()

    def test_the_gradient_is_that_of_finite_differences(self, layer):
        x, parameters = randn(1, 3, D_MODEL, grad=True), dict(layer.named_parameters())

        def output(x, *values):
            named = dict(zip(parameters, values, strict=True))
            return torch.func.functional_call(layer, named, x)

        assert torch.autograd.gradcheck(output, (x, *parameters.values()), fast_mode=True)
        grads = torch.autograd.grad(layer(x).square().sum(), parameters.values())
        assert all(grad.abs().max() > 0 for grad in grads)

    @pytest.mark.parametrize("sizes", EVERY_SPLIT, ids=str)
    def test_cached_is_uncached(self, layer, sizes):
        x, cache = randn(BATCH, 70, D_MODEL), KVCache()
        with torch.no_grad():
            parts = [layer(part, cache=cache) for part in x.split(sizes, dim=1)]
            assert_close(torch.cat(parts, dim=1), layer(x), **EXACT)
        assert cache.length == 70

    def test_the_state_does_not_grow(self, layer):
        cache, sizes = KVCache(), set()
        with torch.no_grad():
            for length in (1, 1, 80, 1):
                layer(randn(BATCH, length, D_MODEL), cache=cache)
                state = cache.state_of(layer, BATCH)
                sizes.add(sum(x.untyped_storage().nbytes() for x in state))
        assert len(sizes) == 1

    def test_the_cache_follows_the_beams(self, layer):
        first, second, cache = randn(3, 5, D_MODEL), randn(2, 2, D_MODEL), KVCache()
        rows = torch.tensor([2, 0])
        with torch.no_grad():
            layer(first, cache=cache)
            cache.reorder(rows)
            whole = layer(torch.cat([first[rows], second], dim=1))
            assert_close(layer(second, cache=cache), whole[:, 5:], **EXACT)

    def test_two_layers_keep_two_states_in_one_cache(self, layer):
        other, x, cache = make(self.kind), randn(BATCH, 6, D_MODEL), KVCache()
        with torch.no_grad():
            parts = [other(layer(part, cache=cache), cache=cache) for part in x.split(2, dim=1)]
            assert_close(torch.cat(parts, dim=1), other(layer(x)), **EXACT)

    def test_it_stands_where_attention_stands(self, layer):
        block, cache = EncoderLayer(layer, redraw(FeedForward(D_MODEL, 8))).double(), KVCache()
        x = randn(BATCH, 4, D_MODEL)
        with torch.no_grad():
            parts = [block(part, cache=cache) for part in x.split(1, dim=1)]
            assert_close(torch.cat(parts, dim=1), block(x), **EXACT)

    @pytest.mark.parametrize(
        ("call", "message"),
        [
            ({"x": randn(2, 3, 7)}, r"x must be \(batch, len, d_model = 24\), got \(2, 3, 7\)"),
            ({"x": randn(3, 24)}, "x must be"),
            ({"x": randn(2, 0, 24)}, r"x must have at least one token, got \(2, 0, 24\)"),
            ({"x": torch.ones(2, 3, 24)}, "x must be torch.float64, as the weights are"),
            ({"mask": torch.ones(3).bool()}, "mask must be None: .* sums up the past"),
            ({"cache": 5}, "cache must be a KVCache, got int"),
            ({"cache": MemoryCache(4)}, "cache must be a plain KVCache for"),
        ],
    )
    def test_bad_input_is_refused_in_words(self, layer, call, message):
        with pytest.raises(ValueError, match=message):
            layer(**({"x": randn(BATCH, 3, D_MODEL)} | call))

    def test_a_refused_call_leaves_the_cache_as_it_was(self, layer):
        cache, x = KVCache(), randn(BATCH, 3, D_MODEL)
        with torch.no_grad():
            layer(x, cache=cache)
            before = [y.clone() for y in cache.state_of(layer, BATCH)]
            with pytest.raises(ValueError, match="x must have the batch size of the cache, 2, got"):
                layer(randn(1, 1, D_MODEL), cache=cache)
            with pytest.raises(ValueError, match="mask must be None"):
                layer(x, mask=torch.ones(3).bool(), cache=cache)
        assert cache.length == 3
        assert_close([*cache.state_of(layer, BATCH)], before, rtol=0, atol=0)

    @pytest.mark.parametrize(
        ("arguments", "options", "message"),
        [
            ((10, 4), {}, "d_model must be a positive multiple of num_heads"),
            ((8, 0), {}, "num_heads must be at least 1, got 0"),
        ],
    )
    def test_a_layer_that_cannot_be_is_refused(self, arguments, options, message):
        with pytest.raises(ValueError, match=message):
            self.kind(*arguments, **options)
