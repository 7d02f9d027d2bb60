"""Places: they steer what is looked at and never what is handed on."""

import math

import pytest
import torch
from oracles import EXACT, loop_attention, randn, redraw
from torch.testing import assert_close

from transformer_lib.layers.feed_forward import FeedForward
from transformer_lib.layers.multi_head import MultiHeadAttention
from transformer_lib.layers.places import (
    PlacedAttention,
    PlacedDecoderLayer,
    PlacedEncoderLayer,
    sine_places,
)
from transformer_lib.measure.maps import collect_attention


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def layer_of(kind, count, **options):
    parts = [PlacedAttention(8, 2) for _ in range(count)]
    return redraw(kind(*parts, FeedForward(8, 12), **options)).eval()


def test_it_is_the_formula_with_places_in_queries_and_keys():
    layer = redraw(PlacedAttention(8, 2))
    x, context, places, context_places = randn(1, 3, 8), randn(1, 5, 8), randn(3, 8), randn(5, 8)
    q, k = layer.q_proj(x + places)[0], layer.k_proj(context + context_places)[0]
    v = layer.v_proj(context)[0]
    heads = [
        loop_attention(*(y[:, cut].detach() for y in (q, k, v))) for cut in (slice(4), slice(4, 8))
    ]
    expected = layer.out_proj(torch.cat(heads, dim=-1))[None]
    got = layer(x, context, places=places, context_places=context_places)
    assert_close(got, expected, **EXACT)


def test_without_places_it_is_plain_attention():
    layer, plain = redraw(PlacedAttention(8, 2)), redraw(MultiHeadAttention(8, 2))
    plain.load_state_dict(layer.state_dict())
    x, context, zero = randn(2, 3, 8), randn(2, 5, 8), torch.zeros(1, 8).double()
    assert_close(layer(x, places=zero), plain(x), **EXACT)
    both = {"places": zero, "context_places": zero}
    assert_close(layer(x, context, **both), plain(x, context), **EXACT)


def test_places_do_not_reach_the_values():
    layer, value = redraw(PlacedAttention(8, 2)), randn(1, 1, 8)
    context = value.expand(2, 5, 8)  # all the same: wherever it looks, it sees this
    expected = layer.out_proj(layer.v_proj(value)).expand(2, 3, 8)
    got = layer(randn(2, 3, 8), context, places=randn(3, 8), context_places=randn(5, 8))
    assert_close(got, expected, **EXACT)
    moved = layer(randn(2, 3, 8), context + randn(5, 8), places=randn(3, 8),
                  context_places=randn(5, 8))  # fmt: skip
    assert (moved - expected).abs().max() > 1e-3


def test_places_say_where_to_look_and_the_order_of_the_context_nothing():
    layer = redraw(PlacedAttention(8, 2))
    x, context, places, there = randn(2, 3, 8), randn(2, 5, 8), randn(3, 8), randn(5, 8)
    before = layer(x, context, places=places, context_places=there)
    order = torch.tensor([3, 0, 4, 2, 1])
    after = layer(x, context[:, order], places=places, context_places=there[order])
    assert_close(after, before, **EXACT)
    swapped = layer(x, context, places=places, context_places=there[order])
    assert (swapped - before).abs().max() > 1e-3


@pytest.mark.parametrize("norm_first", [True, False])
def test_layers_are_put_together_from_their_parts(norm_first):
    x, context, places, there = randn(2, 3, 8), randn(2, 5, 8), randn(3, 8), randn(5, 8)

    def around(x, norm, sublayer):
        return x + sublayer(norm(x)) if norm_first else norm(x + sublayer(x))

    layer = layer_of(PlacedEncoderLayer, 1, norm_first=norm_first)
    expected = around(x, layer.norm1, lambda y: layer.self_attention(y, places=places))
    expected = around(expected, layer.norm2, layer.feed_forward)
    assert_close(layer(x, places), expected, **EXACT)

    layer = layer_of(PlacedDecoderLayer, 2, norm_first=norm_first)
    both = {"places": places, "context_places": there}
    expected = around(x, layer.norm1, lambda y: layer.self_attention(y, places=places))
    expected = around(expected, layer.norm2, lambda y: layer.cross_attention(y, context, **both))
    expected = around(expected, layer.norm3, layer.feed_forward)
    assert_close(layer(x, context, places, there), expected, **EXACT)


def test_its_weights_can_be_watched():
    layer, x = layer_of(PlacedEncoderLayer, 1), randn(2, 3, 8)
    places = randn(3, 8)
    with collect_attention(layer) as maps:
        assert_close(layer(x, places), layer(x, places), **EXACT)
    (weights,) = maps.values()
    assert weights.shape == (2, 2, 3, 3)
    assert_close(weights.sum(-1), torch.ones(2, 2, 3).double(), **EXACT)


def test_waves_are_the_formula_number_by_number():
    points, d_model = torch.rand(3, 2, dtype=torch.float64), 12
    places = sine_places(points, d_model, base=20.0)
    for n, (x, y) in enumerate(points.tolist()):
        for i in range(d_model // 4):
            wave = 2 * math.pi / 20.0 ** (4 * i / d_model)
            expected = [math.sin(wave * y), math.cos(wave * y), math.sin(wave * x),
                        math.cos(wave * x)]  # fmt: skip
            at = [2 * i, 2 * i + 1, 6 + 2 * i, 6 + 2 * i + 1]
            assert places[n, at].tolist() == pytest.approx(expected, abs=1e-12)


def test_two_points_compare_by_their_distance_alone():
    a, b, shift = torch.rand(3, 4, 2, dtype=torch.float64)
    before = (sine_places(a, 16) * sine_places(b, 16)).sum(-1)
    after = (sine_places(a + shift, 16) * sine_places(b + shift, 16)).sum(-1)
    assert_close(after, before, **EXACT)


X, P = torch.zeros(2, 3, 8), torch.zeros(3, 8)


@pytest.mark.parametrize(
    ("inputs", "places", "message"),
    [
        ((X,), {"places": torch.zeros(4, 8)}, r"places must broadcast to \(2, 3, 8\), got \(4, 8"),
        ((X,), {"places": P.expand(2, 2, 3, 8)}, "places must broadcast to"),
        (
            (X,),
            {"places": P.long()},
            "places must be of floating point, with some axes, got .* of torch.int64",
        ),
        ((X,), {"places": None}, "places must be a tensor, got NoneType"),
        ((X, X), {"places": P}, "must be given together, got context alone"),
        ((X,), {"places": P, "context_places": P}, "got context_places alone"),
        ((X[..., :4],), {"places": P}, r"x must be \(batch, len, d_model = 8\), got \(2, 3, 4\)"),
        ((X, X[:1]), {"places": P, "context_places": P}, "context must have the batch size of x"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(inputs, places, message):
    with pytest.raises(ValueError, match=message):
        PlacedAttention(8, 2)(*inputs, **places)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sine_places(torch.rand(3, 3), 8), r"points must be \(…, 2\), got \(3, 3\)"),
        (lambda: sine_places(torch.ones(3, 2).long(), 8), "points must be of floating point"),
        (lambda: sine_places(torch.rand(3, 2), 6), "d_model must be a positive multiple of 4, got"),
        (lambda: sine_places(torch.rand(3, 2), 8, base=0.0), "base must be positive"),
    ],
)
def test_points_that_have_no_place_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
