"""Checkpoints on disk: written whole or not at all, and read with suspicion.

A checkpoint is a folder `step-00001000` with three files: `model.safetensors` (the weights),
`state.pt` (what training needs beside them) and `SHA256SUMS` (as `sha256sum` writes it). It gets
its name only once all of it is on the disk and was read back, so a process killed while writing
leaves no checkpoint that looks whole and is not. Folders of any other name are not touched.
"""

import hashlib
import os
import re
import shutil
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from transformer_lib import checks
from transformer_lib.training.plain import plain
from transformer_lib.weights import save, sync

KEEP = 2  # checkpoints that stay: the newest, and the one before it should that be damaged
FILES = "model.safetensors", "state.pt"


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that was read and found whole; its weights are still on the disk."""

    folder: Path
    state: dict[str, Any]

    @property
    def weights_file(self) -> Path:
        """Where the weights are, for `weights.fill`."""
        return self.folder / "model.safetensors"


def writable_folder(folder: str | os.PathLike) -> Path:
    """Make a folder for checkpoints, and prove that one can be written there.

    Args:
        folder: its path; `~` stands for the user's own.

    Raises:
        ValueError: if it cannot.
    """
    checks.path(checkpoint=folder)
    path = Path(folder).expanduser()
    if not str(folder):
        raise ValueError("checkpoint must be None or a folder, got ''")
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="try-", dir=path):
            pass
    except OSError as error:
        raise ValueError(
            f"checkpoint must be a folder to write in, got {folder}: {error}"
        ) from error
    return path


def save_checkpoint(
    folder: str | os.PathLike, step: int, model: nn.Module, state: dict[str, Any]
) -> None:
    """Write a checkpoint and read it back, then remove all but the newest two.

    Args:
        folder: where checkpoints are kept, made if need be; one process at a time writes in it.
        step: the number of steps behind it.
        model: whose weights are written.
        state: tensors, numbers, strings, and lists, tuples and dicts of those.

    Raises:
        ValueError: if `step` is negative, or `state` holds anything else; the checkpoints that
            are there stay as they are.
    """
    checks.path(folder=folder)
    checks.module(model=model)
    checks.at_least(0, step=step)
    checks.mapping(state=state)
    state = plain(state, "state must hold")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    final = folder / f"step-{step:08d}"
    for leftover in _numbered(folder, ".partial"):  # of a process that was killed
        shutil.rmtree(leftover, ignore_errors=True)
    partial = folder / f"{final.name}.partial"
    partial.mkdir()
    save(model, partial / "model.safetensors")
    torch.save(state, partial / "state.pt")
    sums = [f"{_sha256(partial / name)}  {name}\n" for name in FILES]
    (partial / "SHA256SUMS").write_text("".join(sums), encoding="utf-8", newline="\n")
    for path in (partial / "state.pt", partial / "SHA256SUMS", partial):
        sync(path)
    _read(partial)
    if final in _numbered(folder):  # damaged, or written by a run that had to go back
        shutil.rmtree(final)
    os.rename(partial, final)
    sync(folder)
    for old in _numbered(folder)[:-KEEP]:
        shutil.rmtree(old)


def latest_checkpoint(folder: str | os.PathLike) -> Checkpoint | None:
    """Find the newest checkpoint that is whole, and warn of newer ones that are not.

    Args:
        folder: where `save_checkpoint` writes.

    Returns:
        The checkpoint; None if there never was one.

    Raises:
        ValueError: if `folder` is a file, or all checkpoints there are damaged.
    """
    checks.path(folder=folder)
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"folder must be a folder, got the file {folder}")
    damaged = []
    for path in reversed(_numbered(folder)):
        try:
            state = _read(path)
        except Exception as error:  # whatever a damaged file makes its reader do
            damaged.append(f"{path} ({type(error).__name__}: {error})")
            continue
        if damaged:
            warnings.warn(
                f"damaged: {', '.join(damaged)}; going on from {path}", RuntimeWarning, stacklevel=2
            )
        return Checkpoint(path, state)
    if damaged:
        raise ValueError(f"folder must hold a whole checkpoint, all are damaged: {damaged}")
    return None


def _read(path: Path) -> dict[str, Any]:
    """The state in a checkpoint, once its files are found to be those that were written."""
    lines = (path / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    sums = {name: expected for expected, name in map(str.split, lines)}
    for name in FILES:
        if name not in sums:
            raise ValueError(f"{name} is missing in SHA256SUMS")
        if _sha256(path / name) != sums[name]:
            raise ValueError(f"{name} is not what was written")
    return torch.load(path / "state.pt", map_location="cpu", weights_only=True)


def _numbered(folder: Path, suffix: str = "") -> list[Path]:
    """The folders that are called `step-` and a number, in the order of the numbers."""
    form = re.compile(rf"step-(\d{{8,}}){re.escape(suffix)}")
    folders = [p for p in folder.glob("step-*") if p.is_dir() and not p.is_symlink()]
    named = [(form.fullmatch(path.name), path) for path in folders]
    return [path for _, path in sorted((int(name[1]), path) for name, path in named if name)]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
