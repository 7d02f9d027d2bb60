"""Streams: nothing lost, nothing counted twice, every segment where the last one ended."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from oracles import FEW

from transformer_lib.data.streams import IGNORED, Streams


def whole_epoch(streams):
    return [streams[n] for n in range(streams.segments_per_epoch)]


def test_the_picture_in_the_docstring():
    streams = Streams(torch.arange(13), batch_size=2, seg_len=3)
    first, second = whole_epoch(streams)
    assert first.inputs.tolist() == [[0, 1, 2], [6, 7, 8]]
    assert first.targets.tolist() == [[1, 2, 3], [7, 8, 9]]
    assert second.inputs.tolist() == [[3, 4, 5], [9, 10, 11]]
    assert second.targets.tolist() == [[4, 5, 6], [10, 11, 12]]


@FEW
@given(
    batch_size=st.integers(1, 5),
    groups=st.integers(1, 3),
    seg_len=st.integers(1, 9),
    more=st.integers(1, 60),
)
def test_every_token_but_the_first_is_a_target_once(batch_size, groups, seg_len, more):
    ids = torch.arange(batch_size * groups + more)
    streams = Streams(ids, batch_size=batch_size, seg_len=seg_len, groups=groups)
    seen = []
    for segment in whole_epoch(streams):
        counts = segment.targets != IGNORED
        assert segment.inputs.shape == segment.targets.shape
        assert (segment.targets == segment.inputs + 1)[counts].all()
        seen += segment.targets[counts].tolist()
    assert sorted(seen) == ids[1:].tolist()


@pytest.mark.parametrize("groups", [1, 3])
def test_each_row_goes_on_where_it_ended(groups):
    streams = Streams(torch.arange(200), batch_size=2, seg_len=8, groups=groups)
    ends = {}
    for n, segment in enumerate(whole_epoch(streams)):
        assert segment.group == n % groups
        assert segment.first == (segment.group not in ends)
        if not segment.first:
            assert segment.inputs[:, 0].tolist() == ends[segment.group]
        ends[segment.group] = (segment.inputs[:, -1] + 1).tolist()
        last = n >= streams.segments_per_epoch - groups
        assert segment.inputs.size(1) == 8 or (last and segment.inputs.size(1) < 8)


def test_it_begins_again_without_end():
    streams = Streams(torch.arange(40), batch_size=2, seg_len=6)
    once = streams.segments_per_epoch
    assert once == 4
    for n in (0, 2, 3):
        for field in ("inputs", "targets"):
            assert torch.equal(getattr(streams[n], field), getattr(streams[5 * once + n], field))
    assert streams[5 * once].first
    assert not streams[5 * once + 1].first
    assert not hasattr(streams, "__len__")  # `train` would take it for the end
    for segment, _ in zip(streams, range(9), strict=False):
        assert segment.inputs.numel()


@pytest.mark.parametrize(
    ("ids", "options", "message"),
    [
        (torch.arange(9), {"batch_size": 0}, "batch_size must be at least 1, got 0"),
        (torch.arange(9), {"seg_len": 0}, "seg_len must be at least 1"),
        (torch.arange(9), {"groups": 0}, "groups must be at least 1"),
        (torch.arange(4), {"batch_size": 4}, "ids must be one row of at least 5 numbers"),
        (
            torch.arange(9),
            {"batch_size": 3, "groups": 3},
            "ids must be one row of at least 10 numbers",
        ),
        (torch.zeros(2, 9).long(), {}, "ids must be one row"),
        (torch.zeros(9), {}, "ids must be one row of .* of torch.float32"),
        (torch.zeros(9).byte(), {}, "ids must be one row of .* of torch.uint8"),
    ],
)
def test_bad_input_is_refused_in_words(ids, options, message):
    with pytest.raises(ValueError, match=message):
        Streams(ids, **({"batch_size": 1, "seg_len": 2} | options))
