"""Checkpoints on disk: written whole or not at all, and read with suspicion.

A checkpoint is a folder `step-00001000` with three files: `model.safetensors` (the weights),
`state.pt` (what training needs beside them) and `SHA256SUMS` (as `sha256sum` writes it). It gets
its name only once all of it is on the disk, so a process killed while writing leaves no checkpoint
that looks whole and is not.
"""

import hashlib
import os
import shutil
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from transformer_lib.weights import save, sync

KEEP = 2  # checkpoints that stay: the newest, and the one before it should that be damaged


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that was read and found whole; its weights are still on the disk."""

    folder: Path
    state: dict[str, Any]

    @property
    def weights_file(self) -> Path:
        """Where the weights are, for `weights.fill`."""
        return self.folder / "model.safetensors"


def save_checkpoint(
    folder: str | os.PathLike, step: int, model: nn.Module, state: dict[str, Any]
) -> None:
    """Write a checkpoint, then remove all but the newest two.

    Args:
        folder: where checkpoints are kept, made if need be; one process at a time writes in it.
        step: the number of steps behind it.
        model: whose weights are written.
        state: tensors, numbers, strings, and lists, tuples and dicts of those.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    partial, final = folder / "partial", folder / f"step-{step:08d}"
    for leftover in (partial, final):  # of a process that was killed; a damaged checkpoint
        shutil.rmtree(leftover, ignore_errors=True)
    partial.mkdir()
    save(model, partial / "model.safetensors")
    torch.save(state, partial / "state.pt")
    sums = [f"{_sha256(partial / n)}  {n}\n" for n in ("model.safetensors", "state.pt")]
    (partial / "SHA256SUMS").write_text("".join(sums), encoding="utf-8", newline="\n")
    for path in (partial / "state.pt", partial / "SHA256SUMS", partial):
        sync(path)
    os.rename(partial, final)
    sync(folder)
    for old in sorted(folder.glob("step-*"))[:-KEEP]:
        shutil.rmtree(old)


def latest_checkpoint(folder: str | os.PathLike) -> Checkpoint | None:
    """Find the newest checkpoint that is whole, and warn of newer ones that are not.

    Args:
        folder: where `save_checkpoint` writes.

    Returns:
        The checkpoint; None if there never was one.

    Raises:
        ValueError: if all checkpoints there are damaged.
    """
    damaged = []
    for path in sorted(Path(folder).glob("step-*"), reverse=True):
        try:
            for line in (path / "SHA256SUMS").read_text(encoding="utf-8").splitlines():
                expected, name = line.split()
                if _sha256(path / name) != expected:
                    raise ValueError(f"{name} is not what was written")
            state = torch.load(path / "state.pt", map_location="cpu", weights_only=True)
        except (OSError, ValueError) as error:
            damaged.append(f"{path} ({error})")
            continue
        if damaged:
            warnings.warn(
                f"damaged: {', '.join(damaged)}; going on from {path}", RuntimeWarning, stacklevel=2
            )
        return Checkpoint(path, state)
    if damaged:
        raise ValueError(f"folder must hold a whole checkpoint, all are damaged: {damaged}")
    return None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
