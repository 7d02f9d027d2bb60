"""Masks: True = may attend, and every mask broadcasts to (batch, heads, q_len, k_len)."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from oracles import FEW

from transformer_lib.layers.masks import (
    causal_mask,
    check_mask,
    padding_mask,
    padding_mask_from_ids,
    sliding_window_mask,
)

CPU = torch.device("cpu")


def drawn(mask):
    """A mask as one string a row: x = may attend."""
    return ["".join(".x"[cell] for cell in row) for row in mask.int().tolist()]


# --- causal ---------------------------------------------------------------------------------


def test_causal_mask_shows_each_query_itself_and_the_past():
    assert drawn(causal_mask(3)) == ["x..", "xx.", "xxx"]


def test_causal_mask_takes_the_queries_for_the_last_of_the_keys():
    assert drawn(causal_mask(2, 4)) == ["xxx.", "xxxx"]


@FEW
@given(q_len=st.integers(0, 8), cached=st.integers(0, 8))
def test_causal_mask_is_the_lower_triangle_aligned_bottom_right(q_len, cached):
    k_len = q_len + cached
    triangle = torch.ones(q_len, k_len).tril(diagonal=k_len - q_len).bool()
    assert torch.equal(causal_mask(q_len, k_len), triangle)


# --- sliding window -------------------------------------------------------------------------


def test_window_reaches_fewer_than_window_steps_to_both_sides():
    assert drawn(sliding_window_mask(4, window=2)) == ["xx..", "xxx.", ".xxx", "..xx"]


def test_window_and_causal_leave_the_last_window_positions():
    mask = causal_mask(5) & sliding_window_mask(5, window=3)
    assert drawn(mask) == ["x....", "xx...", "xxx..", ".xxx.", "..xxx"]


@FEW
@given(q_len=st.integers(1, 6), cached=st.integers(0, 6), window=st.integers(1, 14))
def test_window_of_the_last_queries_is_the_end_of_the_square_one(q_len, cached, window):
    k_len = q_len + cached
    square = sliding_window_mask(k_len, window=window)
    assert torch.equal(sliding_window_mask(q_len, k_len, window=window), square[cached:])


# --- padding --------------------------------------------------------------------------------


def test_padding_mask_shows_the_real_tokens():
    mask = padding_mask(torch.tensor([1, 3, 0]))
    assert mask.shape == (3, 1, 1, 3)
    assert drawn(mask.flatten(1)) == ["x..", "xxx", "..."]


def test_padding_mask_can_be_longer_than_the_longest_sequence():
    assert drawn(padding_mask(torch.tensor([1, 2]), max_len=4).flatten(1)) == ["x...", "xx.."]


def test_padding_mask_of_an_empty_batch_is_empty():
    assert padding_mask(torch.tensor([], dtype=torch.long)).shape == (0, 1, 1, 0)


def test_padding_mask_from_ids_hides_the_padding_wherever_it_stands():
    mask = padding_mask_from_ids(torch.tensor([[7, 5, 0], [0, 0, 9]]), pad_id=0)
    assert mask.shape == (2, 1, 1, 3)
    assert drawn(mask.flatten(1)) == ["xx.", "..x"]


@FEW
@given(lengths=st.lists(st.integers(0, 6), min_size=1, max_size=4))
def test_both_padding_masks_agree(lengths):
    ids = torch.tensor([[5] * n + [1] * (6 - n) for n in lengths])
    from_lengths = padding_mask(torch.tensor(lengths), max_len=6)
    assert torch.equal(padding_mask_from_ids(ids, pad_id=1), from_lengths)


# --- what they share ------------------------------------------------------------------------


def test_masks_compose():
    mask = causal_mask(3) & padding_mask(torch.tensor([2, 3]))
    assert mask.shape == (2, 1, 3, 3)
    assert drawn(mask[0, 0]) == ["x..", "xx.", "xx."]
    assert drawn(mask[1, 0]) == ["x..", "xx.", "xxx"]


@pytest.mark.parametrize(
    "mask",
    [
        causal_mask(2, device="meta"),
        sliding_window_mask(2, window=1, device="meta"),
        padding_mask_from_ids(torch.ones(1, 2, dtype=torch.long, device="meta"), 0),
    ],
    ids=["causal", "window", "padding from ids"],
)
def test_a_mask_is_boolean_and_made_where_it_is_wanted(mask):
    assert mask.dtype == torch.bool
    assert mask.device.type == "meta"


def test_a_padding_mask_is_made_where_the_lengths_are(monkeypatch):
    arange, devices = torch.arange, []

    def spy(*args, device=None):
        devices.append(device)
        return arange(*args, device=device)

    monkeypatch.setattr(torch, "arange", spy)
    padding_mask(torch.tensor([2, 1]))
    assert devices == [CPU]


@pytest.mark.parametrize("shape", [(2, 4, 3, 5), (2, 1, 1, 5), (3, 5), (5,), ()])
def test_check_mask_accepts_what_broadcasts_to_the_scores(shape):
    check_mask(torch.ones(shape, dtype=torch.bool), (2, 4, 3, 5), CPU)


# --- bad input ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: causal_mask(3, 2), r"0 <= q_len <= k_len .* got q_len = 3, k_len = 2"),
        (lambda: causal_mask(-1), r"got q_len = -1, k_len = -1"),
        (lambda: sliding_window_mask(3, 2, window=1), r"got q_len = 3, k_len = 2"),
        (lambda: sliding_window_mask(3, window=0), r"window must be at least 1, got 0"),
        (lambda: padding_mask(torch.tensor([[1]])), r"lengths must be a \(batch,\) .* \(1, 1\)"),
        (lambda: padding_mask(torch.tensor([1.0])), r"integers, got .* torch.float32"),
        (lambda: padding_mask(torch.tensor([True])), r"integers, got .* torch.bool"),
        (lambda: padding_mask(torch.tensor([1, 4]), max_len=3), r"max_len = 3, got \[1, 4\]"),
        (lambda: padding_mask(torch.tensor([1, -4])), r"0 … max_len = 1, got \[1, -4\]"),
        (
            lambda: padding_mask_from_ids(torch.tensor([1, 0]), 0),
            r"ids must be \(batch, length\) .* got \(2,\)",
        ),
        (lambda: padding_mask_from_ids(torch.ones(1, 2), 0), r"ids must be .* torch.float32"),
        (lambda: check_mask([[True]], (1, 1), CPU), "mask must be a boolean tensor, got list"),
        (
            lambda: check_mask(torch.ones(3, 5).bool().to("meta"), (3, 5), CPU),
            "mask must be on cpu, as the scores are, got meta",
        ),
        (lambda: padding_mask_from_ids(torch.ones(1, 2).bool(), 0), r"ids must be .* torch.bool"),
        (
            lambda: padding_mask_from_ids(torch.tensor([[1, 0]]), 0.5),
            "pad_id must be a whole number, got 0.5",
        ),
        (
            lambda: check_mask(torch.zeros(3, 5), (3, 5), CPU),
            r"True = may attend, got torch.float32",
        ),
        (
            lambda: check_mask(torch.ones(2, 5).bool(), (2, 4, 3, 5), CPU),
            r"scores \(2, 4, 3, 5\), got",
        ),
        (lambda: check_mask(torch.ones(2, 3, 5).bool(), (3, 5), CPU), r"\(3, 5\), got \(2, 3, 5\)"),
    ],
)
def test_bad_input_is_refused_in_words(make, message):
    with pytest.raises(ValueError, match=message):
        make()
