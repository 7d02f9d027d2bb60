"""Training and measuring by segments: the memory goes where it belongs, and is never lost."""

import math
import os

import pytest
import torch
from oracles import EXACT, redraw
from programs import parallel_memory
from test_training import program
from torch.testing import assert_close

from transformer_lib.data.streams import Streams
from transformer_lib.measure.bits import bits_with_memory
from transformer_lib.models.transformer_xl import TransformerXL, TransformerXLConfig
from transformer_lib.training.segments import SegmentLoss
from transformer_lib.training.train import train

SMALL = TransformerXLConfig(
    11, d_model=8, num_heads=2, num_layers=2, d_ff=12, dropout=0.0, mem_len=12
)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.fixture
def model():
    return redraw(TransformerXL(SMALL)).eval()


@pytest.fixture
def ids():
    return torch.randint(11, (83,))


# --- loss ------------------------------------------------------------------------------------


def test_loss_is_that_of_the_stream_read_in_one_go(model, ids):
    model.train()
    loss, streams = SegmentLoss(), Streams(ids, batch_size=2, seg_len=41)
    (whole,) = (loss(model, streams[n]) for n in range(streams.segments_per_epoch))
    model.config = TransformerXLConfig(11, d_model=8, num_heads=2, num_layers=2, mem_len=64)
    streams, parts, sizes = Streams(ids, batch_size=2, seg_len=6), [], []
    for n in range(streams.segments_per_epoch):
        parts.append(loss(model, streams[n]))
        sizes.append(streams[n].inputs.size(1))
    assert sizes == [6] * 6 + [5]
    mean = sum(part * size for part, size in zip(parts, sizes, strict=True)) / 41
    assert_close(mean, whole, **EXACT)


def test_memory_begins_with_the_streams(model, ids):
    loss, streams = SegmentLoss(), Streams(ids, batch_size=2, seg_len=6)
    model.train()
    first, second = loss(model, streams[0]), loss(model, streams[1])
    assert (second - SegmentLoss()(model, streams[1])).abs() > 1e-6  # it had a memory
    again = loss(model, streams[streams.segments_per_epoch])
    assert_close(again, first, rtol=0, atol=0)


def test_each_group_has_its_memory(model, ids):
    model.train()
    together = Streams(ids, batch_size=2, seg_len=6, groups=2)
    loss = SegmentLoss()
    losses = [loss(model, together[n]) for n in range(8)]
    for group in range(2):
        alone = SegmentLoss()
        for n in range(4):
            expected = losses[2 * n + group]
            assert_close(alone(model, together[2 * n + group]), expected, rtol=0, atol=0)


def test_other_streams_in_evaluation_do_not_touch_those_of_training(model, ids):
    streams, other = Streams(ids, batch_size=2, seg_len=6), Streams(ids, batch_size=3, seg_len=9)
    loss, plain = SegmentLoss(), SegmentLoss()
    watched = []
    for n in range(4):
        assert_close(loss(model.train(), streams[n]), plain(model.train(), streams[n]), **EXACT)
        watched.append(loss(model.eval(), other[n]))
    alone = SegmentLoss()
    for n in range(4):  # and the other way round
        assert_close(watched[n], alone(model.eval(), other[n]), **EXACT)


def test_targets_that_do_not_count_leave_the_mean_alone(model, ids):
    streams = Streams(ids[:14], batch_size=3, seg_len=5)  # 13 targets in 3 · 5 places
    assert (streams.targets < 0).sum() == 2
    losses, _ = model(streams[0].inputs, targets=streams[0].targets)
    loss = SegmentLoss()(model, streams[0])
    assert_close(loss, losses.sum() / 13, **EXACT)


@pytest.mark.parametrize("length", [6, 5, 1])
def test_half_loss_counts_the_second_half(model, ids, length):
    batch = Streams(ids[: length + 1], batch_size=1, seg_len=6)[0]
    losses, _ = model(batch.inputs, targets=batch.targets)
    expected = losses[:, length // 2 :].mean()
    assert_close(SegmentLoss(last_half=True)(model, batch), expected, **EXACT)


def test_state_comes_back(model, ids):
    model.train()
    loss, again, streams = SegmentLoss(), SegmentLoss(), Streams(ids, batch_size=2, seg_len=6)
    for n in range(3):
        loss(model, streams[n])
    state = loss.state_dict()
    expected = loss(model, streams[3])
    again.load_state_dict(state)  # was not changed by the step after it
    assert_close(again(model, streams[3]), expected, rtol=0, atol=0)


# --- bits per character ----------------------------------------------------------------------


@pytest.mark.parametrize("form", ["forward", "read"])
@pytest.mark.parametrize("seg_len", [1, 7, 82, 100])
def test_bits_are_those_of_one_long_pass(model, ids, form, seg_len):
    read = model if form == "forward" else model.read
    bits = bits_with_memory(read, ids, seg_len=seg_len, mem_len=100)
    expected = model(ids[None, :-1], targets=ids[None, 1:])[0][0] / math.log(2)
    assert_close(bits, expected, **EXACT)
    assert bits.shape == (82,)


def test_bits_of_several_streams_come_in_the_order_of_the_text(model, ids):
    # With a window of one position no token needs what was before its stream.
    options = {"mem_len": 1, "same_length": True}
    expected = bits_with_memory(model, ids, seg_len=100, **options)
    for batch_size in (2, 3, 7):
        bits = bits_with_memory(model.read, ids, seg_len=5, batch_size=batch_size, **options)
        assert_close(bits, expected, **EXACT)


def test_bits_depend_on_the_memory(model, ids):
    short, long = (bits_with_memory(model, ids, seg_len=5, mem_len=m) for m in (0, 40))
    assert_close(short[:5], long[:5], **EXACT)
    assert (short[5:] - long[5:]).abs().max() > 1e-3


@pytest.mark.parametrize("name", ["model", "model.read"])
def test_bits_are_refused_in_training_mode(model, ids, name):
    model.train()
    with pytest.raises(ValueError, match="read must be in evaluation mode"):
        bits_with_memory(model if name == "model" else model.read, ids, seg_len=5)


# --- training --------------------------------------------------------------------------------


def echo(length, lag=12):
    """A text that mostly says again what it said `lag` places before."""
    ids, new = torch.randint(11, (length,)), torch.rand(length) < 0.15
    for t in range(lag, length):
        if not new[t]:
            ids[t] = ids[t - lag]
    return ids


def test_it_learns_to_look_into_its_memory():
    model = TransformerXL(
        TransformerXLConfig(
            11,
            d_model=32,
            num_heads=2,
            num_layers=1,
            d_ff=32,
            mem_len=16,
            dropout=0.0,
            norm_first=True,
        )
    )
    streams = Streams(echo(20_000), batch_size=8, seg_len=8)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    train(model, SegmentLoss(), streams, optimizer=optimizer, steps=300)
    model.eval()
    held_out = echo(600)
    bits = bits_with_memory(model.read, held_out, seg_len=8).mean()
    without = bits_with_memory(model.read, held_out, seg_len=8, mem_len=0).mean()
    assert bits < 1.5 < math.log2(11) < without  # 12 places back is beyond every segment


def run(folder=None, *, steps=12, loss=None, **options):
    torch.manual_seed(0)
    ids = torch.randint(11, (400,))
    model = TransformerXL(SMALL)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    streams = Streams(ids, batch_size=2, seg_len=6)
    loss = SegmentLoss() if loss is None else loss
    history = train(
        model, loss, streams, optimizer=optimizer, steps=steps, checkpoint=folder, **options
    )
    return model.state_dict(), history.loss


@pytest.mark.parametrize("accumulate", [1, 2])
def test_run_in_two_parts_is_the_run_in_one_bit_by_bit(tmp_path, accumulate):
    weights, losses = run(accumulate=accumulate)
    run(tmp_path, steps=7, accumulate=accumulate)
    again, losses_again = run(tmp_path, accumulate=accumulate)
    assert losses == losses_again
    assert all(torch.equal(weights[name], again[name]) for name in weights)


def test_a_loss_used_before_starts_afresh(tmp_path):
    loss = SegmentLoss()
    first = run(loss=loss)[1]
    assert run(loss=loss)[1] == first


def stateless(model, batch):
    return model(batch.inputs, targets=batch.targets)[0].mean()


@pytest.mark.parametrize(
    ("saved", "resumed", "message"),
    [
        (SegmentLoss(), stateless, "saved with, a loss with state"),
        (stateless, SegmentLoss(), "saved with, a loss without state"),
    ],
)
def test_the_loss_must_be_of_the_kind_that_was_saved(tmp_path, saved, resumed, message):
    run(tmp_path, steps=2, loss=saved)
    with pytest.raises(ValueError, match=f"loss must be of the kind that .* was {message}"):
        run(tmp_path, steps=3, loss=resumed)


def test_checkpoints_from_before_losses_had_state_still_serve(tmp_path, monkeypatch):
    whole = run(loss=stateless)
    run(tmp_path, steps=7, loss=stateless)
    from transformer_lib.training import train as training

    latest = training.latest_checkpoint

    def older(folder):
        found = latest(folder)
        del found.state["losses"]
        return found

    monkeypatch.setattr(training, "latest_checkpoint", older)
    assert run(tmp_path, loss=stateless)[1] == whole[1]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="its children are forked")
def test_killed_at_random_moments_it_ends_as_if_left_alone(tmp_path):
    assert int(program("killed_memory.py", tmp_path)) >= 20
    weights, losses, scores = torch.load(tmp_path / "one.pt")
    ends = sorted(tmp_path.glob("many-*.pt"))
    assert ends
    for end in ends:
        weights_again, losses_again, scores_again = torch.load(end)
        assert (losses, scores) == (losses_again, scores_again)
        assert all(torch.equal(weights[name], weights_again[name]) for name in weights)


def test_two_processes_have_streams_and_memories_of_their_own(tmp_path):
    launcher = "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"
    program("parallel_memory.py", tmp_path, launcher=launcher)
    (weights, losses), (weights_again, losses_again) = torch.load(tmp_path / "results.pt")
    assert losses == losses_again
    assert all(torch.equal(weights[name], weights_again[name]) for name in weights)
    alone, losses_alone = parallel_memory.run(accumulate=2)
    assert_close(losses, losses_alone, rtol=0, atol=1e-6)
    assert_close(weights, alone, rtol=0, atol=1e-6)
