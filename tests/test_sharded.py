"""Sharded training: one model in two processes is the model of one, to the last digits."""

import warnings

import pytest
import torch
from programs import sharded_training
from test_training import program
from torch.testing import assert_close

from transformer_lib.training.sharded import load_sharded, save_sharded, shard

EXACT = {"rtol": 0, "atol": 1e-9}
STEPS = "summed", "mean", "accumulated", "long"


def launched(folder, processes, what):
    launcher = "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", processes
    program("sharded_training.py", folder, what, launcher=launcher)
    return torch.load(folder / f"{what}.pt")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("sharded")


@pytest.fixture(scope="module")
def two(folder):
    return launched(folder, "2", "write")


@pytest.mark.parametrize("name", STEPS)
def test_in_parts_it_is_whole_copies_and_one_process(two, name):
    options = {
        "summed": {"accumulate": 2},
        "mean": {"accumulate": 2, "loss": sharded_training.mean},
        "accumulated": {"accumulate": 4},
        "long": {"accumulate": 2, "clip": None},
    }[name]
    model, optimizer = sharded_training.make()
    history = sharded_training.learn(model, optimizer, **options)
    for sharded in (False, True):
        found = two[name, sharded]
        assert_close(found["loss"], history.loss, **EXACT)
        assert_close(found["norm"], history.grad_norm, **EXACT)
        assert_close(found["weights"], dict(model.state_dict()), **EXACT)


def test_sums_are_not_means_here(two):
    """Else the test above could not tell the two."""
    assert abs(two["summed", True]["loss"][-1] - two["mean", True]["loss"][-1]) > 1e-3


def test_each_process_holds_its_part(two):
    total = sum(p.numel() for p in sharded_training.make()[0].parameters())
    assert two["summed", False]["held"] == [total, total]
    held = two["summed", True]["held"]
    assert sum(held) == total
    assert max(held) == total / 2


def test_what_two_have_written_goes_on_in_two(two):
    assert two["noisy"]["losses again"] == two["noisy"]["losses"]


def test_dropout_differs_by_process_and_goes_on(two):
    first, second = two["noisy"]["drawn"]
    assert first != second
    assert two["noisy"]["again"] == [first, second]


def test_what_two_have_written_goes_on_in_one_and_says_what_is_lost(two, folder):
    found = sharded_training.read(folder, sharded=False)
    assert_close(found["loss"], two["going on"], **EXACT)
    assert len(found["said"]) == 1
    assert "2 processes wrote theirs, and 1 read" in found["said"][0]


def test_what_two_have_written_goes_on_in_four(two, folder):
    four = launched(folder, "4", "read")
    one = sharded_training.read(folder, sharded=False)
    assert_close(four["loss"], one["loss"], **EXACT)
    assert max(four["held"]) < max(two["summed", True]["held"])
    assert "2 processes wrote theirs, and 4 read" in four["said"][0]


def test_a_sharded_model_needs_processes_and_is_sharded_once(tmp_path):
    model, _ = sharded_training.make()
    with pytest.raises(ValueError, match="start it with torchrun"):
        shard(model)
    store = torch.distributed.FileStore(str(tmp_path / "store"), 1)
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    try:
        model, optimizer = sharded_training.make(sharded=True)
        with pytest.raises(ValueError, match="model must be whole"):
            shard(model)
        alone = sharded_training.learn(*sharded_training.make(), accumulate=2)
        assert_close(sharded_training.learn(model, optimizer, accumulate=2).loss, alone.loss)
        with pytest.raises(ValueError, match="checkpoint must be None for a sharded model"):
            sharded_training.train(
                model,
                sharded_training.summed,
                sharded_training.Batches(),
                optimizer=optimizer,
                steps=1,
                checkpoint=tmp_path / "kept",
            )
        assert not (tmp_path / "kept").exists()
    finally:
        torch.distributed.destroy_process_group()


def test_one_process_reads_what_it_wrote_without_a_word(tmp_path):
    model, optimizer = sharded_training.make(dropout=0.5)
    sharded_training.learn(model, optimizer)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save_sharded(tmp_path / "one", model, optimizer)
        again = sharded_training.learn(model, optimizer, start=9).loss
        model, optimizer = sharded_training.make(dropout=0.5)
        load_sharded(tmp_path / "one", model, [optimizer])
    assert sharded_training.learn(model, optimizer, start=9).loss == again


def test_generators_of_ones_own_go_on(tmp_path):
    model, optimizer = sharded_training.make()
    own = torch.Generator().manual_seed(5)
    save_sharded(tmp_path / "one", model, optimizer, generators=[own])
    drawn = torch.rand(3, generator=own)
    load_sharded(tmp_path / "one", model, optimizer, generators=[own])
    assert torch.equal(torch.rand(3, generator=own), drawn)
    with pytest.raises(ValueError, match="generators must be of"):
        save_sharded(tmp_path / "one", model, optimizer, generators=[5])


@pytest.mark.parametrize("name", ["model", "optimizers"])
def test_what_is_no_model_and_what_no_optimizer(tmp_path, name):
    given = dict(zip(("model", "optimizers"), sharded_training.make(), strict=True))
    with pytest.raises(ValueError, match=f"{name} must be"):
        save_sharded(tmp_path / "one", **given | {name: 5})
    assert not (tmp_path / "one").exists()


def test_a_checkpoint_that_is_not_whole_is_refused(tmp_path):
    model, optimizer = sharded_training.make()
    with pytest.raises(ValueError, match="folder must hold a whole checkpoint of save_sharded"):
        load_sharded(tmp_path, model, optimizer)
