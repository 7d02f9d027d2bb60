"""The key/value cache: every layer gets back all of its keys and values, in order."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from oracles import FEW, randn
from torch import nn
from torch.testing import assert_close

from transformer_lib.layers.cache import KVCache, MemoryCache


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def fill(cache, layer, *sizes, batch=2):
    """Append blocks of these sizes; return all keys and values, as they were handed in."""
    blocks = [(randn(batch, 3, size, 4), randn(batch, 3, size, 4)) for size in sizes]
    for k, v in blocks:
        cache.append(layer, k, v)
    return tuple(torch.cat(parts, dim=2) for parts in zip(*blocks, strict=True))


@FEW
@given(sizes=st.lists(st.integers(1, 5), min_size=1, max_size=8))
def test_the_cache_gives_back_what_was_appended_in_order(sizes):
    cache, layer = KVCache(), nn.Identity()
    k, v = fill(cache, layer, *sizes)
    kept_k, kept_v = cache.get(layer)
    assert torch.equal(kept_k, k)
    assert torch.equal(kept_v, v)
    assert cache.length_of(layer) == sum(sizes)


def test_append_returns_all_keys_and_values_so_far():
    cache, layer = KVCache(), nn.Identity()
    k, v = fill(cache, layer, 3)
    new_k, new_v = randn(2, 3, 2, 4), randn(2, 3, 2, 4)
    all_k, all_v = cache.append(layer, new_k, new_v)
    assert torch.equal(all_k, torch.cat([k, new_k], dim=2))
    assert torch.equal(all_v, torch.cat([v, new_v], dim=2))


def test_layers_do_not_share_their_keys():
    cache, first, second = KVCache(), nn.Identity(), nn.Identity()
    k1, _ = fill(cache, first, 3)
    k2, _ = fill(cache, second, 2)
    assert torch.equal(cache.get(first)[0], k1)
    assert torch.equal(cache.get(second)[0], k2)
    assert [cache.length_of(layer) for layer in (first, second)] == [3, 2]


def test_a_new_cache_is_empty():
    cache = KVCache()
    assert cache.length == 0
    assert cache.length_of(nn.Identity()) == 0


def test_length_counts_the_positions_of_the_first_layer():
    cache, self_attention, cross_attention = KVCache(), nn.Identity(), nn.Identity()
    fill(cache, self_attention, 2)
    fill(cache, cross_attention, 7)
    fill(cache, self_attention, 1)
    assert cache.length == 3


def test_the_callers_tensors_are_left_alone():
    cache, layer = KVCache(), nn.Identity()
    k, v = randn(2, 3, 2, 4), randn(2, 3, 2, 4)
    before = k.clone(), v.clone()
    cache.append(layer, k, v)
    fill(cache, layer, 1, 1, 1)
    assert torch.equal(k, before[0])
    assert torch.equal(v, before[1])


def test_what_is_appended_once_has_no_room_to_spare():
    cache, layer = KVCache(), nn.Identity()
    for kept in cache.append(layer, randn(2, 3, 5, 4), randn(2, 3, 5, 4)):
        assert kept.untyped_storage().nbytes() == kept.nbytes


def test_token_by_token_the_room_is_moved_only_a_few_times():
    cache, layer = KVCache(), nn.Identity()
    places = set()
    for _ in range(100):
        fill(cache, layer, 1)
        places.add(cache.get(layer)[0].data_ptr())
    assert len(places) <= 8


def test_reorder_keeps_the_chosen_rows_of_every_layer():
    cache, first, second = KVCache(), nn.Identity(), nn.Identity()
    k1, v1 = fill(cache, first, 3, 1, batch=3)
    k2, v2 = fill(cache, second, 5, batch=3)
    rows = torch.tensor([2, 0, 0, 2])
    cache.reorder(rows)
    for layer, k, v in ((first, k1, v1), (second, k2, v2)):
        kept_k, kept_v = cache.get(layer)
        assert torch.equal(kept_k, k[rows])
        assert torch.equal(kept_v, v[rows])


def test_copies_of_one_row_go_their_own_ways_after_reorder():
    cache, layer = KVCache(), nn.Identity()
    fill(cache, layer, 2)
    cache.reorder(torch.tensor([1, 1]))
    k, v = randn(2, 3, 1, 4), randn(2, 3, 1, 4)
    all_k, all_v = cache.append(layer, k, v)
    assert torch.equal(all_k[:, :, -1:], k)
    assert torch.equal(all_v[:, :, -1:], v)


def test_what_was_appended_is_a_copy():
    cache, layer = KVCache(), nn.Identity()
    k, v = randn(2, 3, 2, 4), randn(2, 3, 2, 4)
    kept, _ = cache.append(layer, k, v)
    before = k.clone()
    k.zero_()
    assert torch.equal(kept, before)


def test_what_is_kept_is_made_anew_only_where_more_is_wanted():
    cache, made = KVCache(), []

    def make(length):
        made.append(length)
        return torch.arange(length - 1, -1, -1)

    for length in (1, 2, 3, 2, 4, 5, 1):
        assert cache.keep("distances", length, make).tolist() == [*range(length - 1, -1, -1)]
    assert made == [1, 2, 4, 8]
    assert cache.keep("others", 1, make).tolist() == [0]
    assert made[-1] == 1


@pytest.mark.parametrize("kind", [KVCache, lambda: MemoryCache(2)], ids=["KV", "memory"])
@pytest.mark.parametrize(
    ("k", "v"),
    [
        (randn(2, 3, 1, 4), randn(2, 3, 2, 4)),
        (randn(3, 1, 4), randn(3, 1, 4)),
        (randn(2, 3, 1, 4), torch.randn(2, 3, 1, 4)),
        (randn(2, 3, 1, 4), randn(2, 3, 1, 4).to("meta")),
        (randn(1, 3, 1, 4), randn(1, 3, 1, 4)),
        (randn(2, 3, 1, 4).to("meta"), randn(2, 3, 1, 4).to("meta")),
    ],
    ids=["lengths", "three axes", "types", "devices", "batch", "another device"],
)
def test_after_a_refusal_the_cache_is_as_it_was(kind, k, v):
    cache, layer = kind(), nn.Identity()
    fill(cache, layer, 2)
    before = [x.clone() for x in cache.get(layer)]
    with pytest.raises(ValueError, match=r"k and v must (be|fit the cache)"):
        cache.append(layer, k, v)
    assert cache.length == 2
    assert_close([*cache.get(layer)], before, rtol=0, atol=0)


@pytest.mark.parametrize("shape", [(1, 3, 1, 4), (2, 2, 1, 4), (2, 3, 1, 5)])
def test_keys_that_do_not_fit_are_refused(shape):
    cache, layer = KVCache(), nn.Identity()
    fill(cache, layer, 2)
    with pytest.raises(ValueError, match=r"k and v must fit the cache.* \(2, 3, 4.*got"):
        cache.append(layer, randn(*shape), randn(*shape))


def test_another_dtype_is_refused_instead_of_rounded():
    cache, layer = KVCache(), nn.Identity()
    fill(cache, layer, 2)
    k = torch.zeros(2, 3, 1, 4)
    with pytest.raises(ValueError, match=r"torch.float64.* got .*torch.float32"):
        cache.append(layer, k, k)


def test_values_may_have_another_width_than_keys_but_keep_it():
    cache, layer = KVCache(), nn.Identity()
    cache.append(layer, randn(2, 1, 3, 6), randn(2, 1, 3, 0))
    k, v = cache.append(layer, randn(2, 1, 1, 6), randn(2, 1, 1, 0))
    assert (k.shape, v.shape) == ((2, 1, 4, 6), (2, 1, 4, 0))
    with pytest.raises(
        ValueError, match=r"k and v must fit the cache.* \(2, 1, 6, 0,.*got \(2, 1, 6, 6"
    ):
        cache.append(layer, randn(2, 1, 1, 6), randn(2, 1, 1, 6))


def test_a_state_takes_the_place_of_the_one_before_and_follows_the_beams():
    cache, layer = KVCache(), nn.Identity()
    assert cache.state_of(layer, 3) is None
    cache.keep_state(layer, (randn(3, 4), randn(3, 2)), 5)
    state = randn(3, 4), randn(3, 2)
    cache.keep_state(layer, state, 2)
    assert cache.length == 7
    cache.reorder(torch.tensor([2, 2, 0, 1]))
    for kept, before in zip(cache.state_of(layer, 4), state, strict=True):
        assert torch.equal(kept, before[[2, 2, 0, 1]])


def test_a_state_that_saw_fewer_than_no_positions_is_refused():
    with pytest.raises(ValueError, match="new_len must be at least 0, got -1"):
        KVCache().keep_state(nn.Identity(), (randn(3, 4),), -1)


def test_what_is_no_state_is_refused():
    with pytest.raises(ValueError, match="state must be a tuple of tensors, got Tensor"):
        KVCache().keep_state(nn.Identity(), randn(3, 4), 1)


def test_beams_that_are_not_there_are_refused():
    cache, layer = KVCache(), nn.Identity()
    fill(cache, layer, 2)
    with pytest.raises(ValueError, match="rows must be in 0 … 1, got 2"):
        cache.reorder(torch.tensor([0, 2]))


def test_a_state_of_another_batch_is_refused():
    cache, layer = KVCache(), nn.Identity()
    cache.keep_state(layer, (randn(3, 4),), 1)
    with pytest.raises(ValueError, match="x must have the batch size of the cache, 3, got 2"):
        cache.state_of(layer, 2)


def test_a_cache_that_forgets_keeps_no_state():
    with pytest.raises(ValueError, match="cache must be a plain KVCache for Identity, which keeps"):
        MemoryCache(4).state_of(nn.Identity(), 2)
