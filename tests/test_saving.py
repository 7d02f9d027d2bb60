"""Checkpoints: whole or not there, and refused when they are not what they seem."""

import enum
import errno
import os
from collections import OrderedDict, defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from transformer_lib import weights
from transformer_lib.training import checkpoints
from transformer_lib.training.checkpoints import latest_checkpoint, save_checkpoint
from transformer_lib.weights import fill, save


class Tied(nn.Module):
    """One matrix with two names, and buffers that are, and are not, part of the state dict."""

    def __init__(self, width=4, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.embedding = nn.Embedding(5, width)
        self.head = nn.Linear(width, 5, bias=False)
        self.head.weight = self.embedding.weight
        self.register_buffer("counts", torch.arange(3))
        self.register_buffer("nothing", torch.empty(0))
        self.register_buffer("table", torch.ones(2), persistent=False)


def same(model, other):
    pairs = zip(model.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


@pytest.fixture
def folder(tmp_path):
    """Three checkpoints were written, so that two are there."""
    for step in (1, 2, 3):
        save_checkpoint(tmp_path / "runs", step, Tied(seed=step), {"step": step})
    return tmp_path / "runs"


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_weights_come_back_and_stay_tied(tmp_path):
    save(Tied(), tmp_path / "w.safetensors", about={"seed": 0})
    other = Tied(seed=1)
    fill(other, tmp_path / "w.safetensors")
    assert same(Tied(), other)
    assert other.head.weight is other.embedding.weight
    assert load_file(tmp_path / "w.safetensors").keys() == {"embedding.weight", "counts", "nothing"}
    assert safe_open(tmp_path / "w.safetensors", "pt").metadata() == {"about": '{"seed": 0}'}
    assert names(tmp_path) == ["w.safetensors"]


def test_narrow_weights_are_widened(tmp_path):
    half = nn.Linear(3, 2).half()
    save(half, tmp_path / "w.safetensors")
    model = nn.Linear(3, 2)
    fill(model, tmp_path / "w.safetensors")
    assert model.weight.dtype == torch.float32
    assert torch.equal(model.weight, half.weight.float())


def test_other_weights_are_refused_with_all_differences_and_nothing_changes(tmp_path):
    save_file({"weight": torch.ones(2, 4), "gain": torch.ones(2)}, tmp_path / "w.safetensors")
    model = nn.Linear(3, 2)
    before = [p.clone() for p in model.parameters()]
    with pytest.raises(ValueError, match=r"weights of this model") as error:
        fill(model, tmp_path / "w.safetensors")
    for part in (
        "missing in the file: bias",
        "unknown to the model: gain",
        "of another shape: weight (2, 4), the model's is (2, 3)",
    ):
        assert part in str(error.value)
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


@pytest.mark.parametrize("size", [0, 4, 40, -1])
def test_truncated_weights_are_refused(tmp_path, size):
    file = tmp_path / "w.safetensors"
    save(Tied(), file)
    file.write_bytes(file.read_bytes()[:size])
    with pytest.raises(ValueError, match="file must be a whole safetensors file"):
        fill(Tied(), file)


def test_newest_checkpoint_is_found_and_two_are_kept(folder):
    assert names(folder) == ["step-00000002", "step-00000003"]
    found = latest_checkpoint(folder)
    assert found.state == {"step": 3}
    model = Tied()
    fill(model, found.weights_file)
    assert same(model, Tied(seed=3))


def test_sums_are_those_of_sha256sum(folder):
    sums = (folder / "step-00000003" / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    assert b"\r" not in (folder / "step-00000003" / "SHA256SUMS").read_bytes()
    assert [line.split("  ")[1] for line in sums] == ["model.safetensors", "state.pt"]
    assert all(len(line.split("  ")[0]) == 64 for line in sums)


def test_no_checkpoint_is_none(tmp_path):
    assert latest_checkpoint(tmp_path) is None
    assert latest_checkpoint(tmp_path / "never made") is None


def truncate(path):
    path.write_bytes(path.read_bytes()[:-3])


def flip(path):
    data = bytearray(path.read_bytes())
    data[-9] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("damage", [truncate, flip, os.remove], ids=lambda f: f.__name__)
@pytest.mark.parametrize("file", ["model.safetensors", "state.pt", "SHA256SUMS"])
def test_damaged_checkpoint_is_passed_over(folder, file, damage):
    damage(folder / "step-00000003" / file)
    with pytest.warns(RuntimeWarning, match=r"step-00000003 \(.*going on from .*step-00000002"):
        assert latest_checkpoint(folder).state == {"step": 2}
    save_checkpoint(folder, 3, Tied(seed=3), {"step": 3})  # the run comes to it again
    assert latest_checkpoint(folder).state == {"step": 3}


def test_when_all_are_damaged_it_says_so(folder):
    for path in folder.glob("step-*"):
        truncate(path / "model.safetensors")
    with pytest.raises(ValueError, match=r"all are damaged: .*step-00000003.*step-00000002"):
        latest_checkpoint(folder)


def sign(checkpoint):
    """Write the sums anew, as whoever planted something would."""
    sums = [f"{checkpoints._sha256(checkpoint / n)}  {n}\n" for n in checkpoints.FILES]
    (checkpoint / "SHA256SUMS").write_text("".join(sums))


def test_state_is_never_unpickled_into_code(folder):
    newest = folder / "step-00000003"
    torch.save({"step": os.system}, newest / "state.pt")
    sign(newest)
    with pytest.warns(RuntimeWarning, match=r"(?s)step-00000003 \(UnpicklingError.*system"):
        assert latest_checkpoint(folder).state == {"step": 2}


class Level(enum.IntEnum):
    HIGH = 3


class Name(enum.StrEnum):
    A = "a"


class Pair(NamedTuple):
    x: float


def test_what_is_not_plain_is_made_plain_before_it_is_written(folder):
    state = {
        np.str_("numpy"): [np.float64(1.5), np.int64(2), np.bool_(True), np.str_("s"), np.array(4)],
        "enums": (Level.HIGH, Name.A),
        "dicts": defaultdict(list, {np.int64(1): OrderedDict(a=1.0)}),
        "named": Pair(np.float32(0.5)),
        "tensor": torch.ones(2),
        "none": None,
    }
    save_checkpoint(folder, 4, Tied(), state)
    found = latest_checkpoint(folder).state
    assert torch.equal(found.pop("tensor"), torch.ones(2))
    assert found == {
        "numpy": [1.5, 2, True, "s", 4],
        "enums": (3, "a"),
        "dicts": {1: {"a": 1.0}},
        "named": (0.5,),
        "none": None,
    }
    assert [type(x) for x in found["numpy"]] == [float, int, bool, str, int]
    assert type(found["dicts"]) is dict
    assert type(found["named"]) is tuple


@pytest.mark.parametrize("thing", [np.zeros(2), os.system, {1, 2}, Tied(), b"x"])
def test_what_cannot_be_read_back_is_refused_before_anything_is_lost(folder, thing):
    for step in (3, 4):
        with pytest.raises(ValueError, match=f"state must hold .* got {type(thing).__name__}"):
            save_checkpoint(folder, step, Tied(), {"a": [{"x": thing}]})
    assert latest_checkpoint(folder).state == {"step": 3}


def test_what_was_written_is_read_back_before_older_ones_go(folder, monkeypatch):
    def bad_disk(_state, file):
        Path(file).write_bytes(b"not what was meant")

    monkeypatch.setattr(checkpoints.torch, "save", bad_disk)
    for step in (3, 4, 5):
        with pytest.raises(Exception, match=r".") as error:
            save_checkpoint(folder, step, Tied(), {"step": step})
        assert not isinstance(error.value, AssertionError)
    assert {"step-00000002", "step-00000003"} <= {*names(folder)}
    assert latest_checkpoint(folder).state == {"step": 3}


@pytest.mark.parametrize("sums", ["", "state.pt", "model.safetensors", "a b c\n"])
def test_both_files_must_stand_in_the_sums(folder, sums):
    newest = folder / "step-00000003"
    lines = (newest / "SHA256SUMS").read_text().splitlines(keepends=True)
    kept = sums if sums.endswith("\n") else "".join(x for x in lines if sums and sums in x)
    (newest / "SHA256SUMS").write_text(kept)
    flip(newest / "model.safetensors")
    with pytest.warns(RuntimeWarning, match="step-00000003"):
        assert latest_checkpoint(folder).state == {"step": 2}


def test_only_folders_of_a_number_are_touched_and_they_count_as_numbers(tmp_path):
    mine = ["step-a", "step-b", "step-00000002-best", "partial", "step-1", "try", "step-0000000x"]
    for name in mine:
        (tmp_path / name).mkdir()
        (tmp_path / name / "mine").write_text("kept")
    (tmp_path / "step-z.txt").write_text("kept")
    (tmp_path / "step-00000001").write_text("a file of that name")
    (tmp_path / "step-00000000").symlink_to(tmp_path / "step-a", target_is_directory=True)
    before = set(tmp_path.rglob("*"))
    steps = [99_999_998, 99_999_999, 100_000_000, 100_000_001]
    for step in steps:
        save_checkpoint(tmp_path, step, Tied(), {"step": step})
        assert latest_checkpoint(tmp_path).state == {"step": step}
    assert before <= set(tmp_path.rglob("*"))
    new = {path.name for path in tmp_path.iterdir()} - {path.name for path in before}
    assert new == {"step-100000000", "step-100000001"}


def test_a_step_is_a_number_and_a_folder_a_folder(tmp_path):
    with pytest.raises(ValueError, match="step must be at least 0, got -1"):
        save_checkpoint(tmp_path, -1, Tied(), {})
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="folder must be a folder, got the file"):
        latest_checkpoint(tmp_path / "file")
    with pytest.raises(ValueError, match=r"checkpoint must be a folder to write in, got .*file"):
        checkpoints.writable_folder(tmp_path / "file")
    with pytest.raises(ValueError, match="checkpoint must be None or a folder, got ''"):
        checkpoints.writable_folder("")


def test_a_tilde_stands_for_the_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert checkpoints.writable_folder("~/runs") == tmp_path / "runs"
    assert names(tmp_path / "runs") == []


@pytest.mark.parametrize(
    "place",
    [
        "weights.save_file",
        "training.checkpoints.torch.save",
        "training.checkpoints._sha256",
        "training.checkpoints.sync",
        "training.checkpoints.os.replace",
        "training.checkpoints.os.rename",
    ],
)
def test_death_while_writing_leaves_the_checkpoints_as_they_were(folder, monkeypatch, place):
    class Death(BaseException):
        """What `kill -9` would be if it could be caught."""

    def die(*_args, **_kwargs):
        raise Death

    with monkeypatch.context() as patch:
        patch.setattr(f"transformer_lib.{place}", die)
        with pytest.raises(Death):
            save_checkpoint(folder, 4, Tied(seed=4), {"step": 4})
    assert {*names(folder)} - {"step-00000004.partial"} == {"step-00000002", "step-00000003"}
    assert latest_checkpoint(folder).state == {"step": 3}
    save_checkpoint(folder, 4, Tied(seed=4), {"step": 4})
    assert latest_checkpoint(folder).state == {"step": 4}
    assert names(folder) == ["step-00000003", "step-00000004"]


def test_death_while_writing_leaves_the_old_weights(tmp_path, monkeypatch):
    def half_written(_weights, file, _metadata):
        Path(file).write_bytes(b"half")
        raise KeyboardInterrupt

    save(Tied(), tmp_path / "w.safetensors")
    monkeypatch.setattr(weights, "save_file", half_written)
    with pytest.raises(KeyboardInterrupt):
        save(Tied(seed=1), tmp_path / "w.safetensors")
    model = Tied(seed=2)
    fill(model, tmp_path / "w.safetensors")
    assert same(model, Tied())


def test_everything_is_on_the_disk_before_it_gets_its_name(tmp_path, monkeypatch):
    on_disk, rename = set(), os.rename

    def give_name(old, new):
        assert {Path(old), *Path(old).rglob("*")} <= on_disk
        rename(old, new)
        on_disk.add(Path(new))

    for function in ("rename", "replace"):
        monkeypatch.setattr(f"transformer_lib.training.checkpoints.os.{function}", give_name)
    for module in (weights, checkpoints):
        monkeypatch.setattr(module, "sync", on_disk.add)
    save_checkpoint(tmp_path / "runs", 1, Tied(), {"step": 1})
    assert {tmp_path / "runs", tmp_path / "runs" / "step-00000001"} <= on_disk


class WindowsFiles:
    """The module `os` with Windows' rules for what `fsync` takes laid over it."""

    def __init__(self):
        self.may_write = {}

    def __getattr__(self, name):
        return getattr(os, name)

    def open(self, path, flags):
        if Path(path).is_dir():
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        descriptor = os.open(path, flags)
        self.may_write[descriptor] = bool(flags & (os.O_RDWR | os.O_WRONLY))
        return descriptor

    def fsync(self, descriptor):
        if not self.may_write[descriptor]:
            raise OSError(errno.EBADF, "Bad file descriptor")
        os.fsync(descriptor)


def test_saving_keeps_to_the_rules_of_windows(tmp_path, monkeypatch):
    windows = WindowsFiles()
    monkeypatch.setattr(weights, "os", windows)
    save(Tied(), tmp_path / "w.safetensors")
    for step in (1, 2, 3):
        save_checkpoint(tmp_path / "runs", step, Tied(seed=step), {"step": step})
    assert latest_checkpoint(tmp_path / "runs").state == {"step": 3}
    assert names(tmp_path / "runs") == ["step-00000002", "step-00000003"]
    assert windows.may_write  # files are still synced


def test_a_file_that_cannot_be_opened_is_not_taken_for_synced(tmp_path, monkeypatch):
    def refuse(path, _flags):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    windows = WindowsFiles()
    windows.open = refuse
    monkeypatch.setattr(weights, "os", windows)
    with pytest.raises(PermissionError, match="Permission denied"):
        save(Tied(), tmp_path / "w.safetensors")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")
@pytest.mark.parametrize("mask", [0o022, 0o027, 0o077], ids=oct)
def test_files_get_the_mode_that_the_umask_gives(tmp_path, mask):
    before = os.umask(mask)
    try:
        killed = f".w.safetensors.{os.getpid()}.partial"  # of a process of the same number
        (tmp_path / killed).touch(mode=0o600)
        save(Tied(), tmp_path / "w.safetensors")
        save_checkpoint(tmp_path / "runs", 1, Tied(), {"step": 1})
    finally:
        os.umask(before)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 4
    assert {path.stat().st_mode & 0o777 for path in files} == {0o666 & ~mask}


def test_death_while_removing_old_ones_leaves_the_new(folder, monkeypatch):
    removed = []

    def half_removed(path, ignore_errors=False):
        if path.name == "step-00000002":
            (path / "state.pt").unlink()
            removed.append(path)
            raise KeyboardInterrupt
        assert ignore_errors

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints.shutil, "rmtree", half_removed)
        with pytest.raises(KeyboardInterrupt):
            save_checkpoint(folder, 4, Tied(seed=4), {"step": 4})
    assert removed
    assert latest_checkpoint(folder).state == {"step": 4}
