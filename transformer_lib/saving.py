"""Weights and checkpoints on disk: written whole or not at all, and read with suspicion.

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
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

KEEP = 2  # checkpoints that stay: the newest, and the one before it should that be damaged


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that was read and found whole; its weights are still on the disk."""

    folder: Path
    state: dict[str, Any]

    @property
    def weights_file(self) -> Path:
        """Where the weights are, for `load_weights`."""
        return self.folder / "model.safetensors"


def save_weights(model: nn.Module, file: str | os.PathLike, metadata: dict[str, str] | None = None):
    """Write the state dict of `model` as safetensors, tensors with two names once.

    Args:
        model: whose parameters and persistent buffers are written.
        file: where; an older file is replaced in one go.
        metadata: strings to keep in the file's header.
    """
    partial = Path(f"{file}.partial")
    partial.unlink(missing_ok=True)
    partial.touch()
    mode = partial.stat().st_mode  # what the umask gives a new file; safetensors lets only us read
    save_file(_named_once(model), partial, metadata)
    partial.chmod(mode)
    _sync(partial)
    os.replace(partial, file)


def load_weights(model: nn.Module, file: str | os.PathLike) -> None:
    """Fill `model` with the weights in a safetensors file: with all of them, or with none.

    Args:
        model: changed in place; numbers of a narrower type are widened to that of the model.
        file: what `save_weights` wrote, for a model of the same names and shapes.

    Raises:
        ValueError: if the file is damaged, or names or shapes differ: the message lists which.
    """
    try:
        weights = load_file(file)
    except SafetensorError as error:
        raise ValueError(f"file must be a whole safetensors file, got {file}: {error}") from error
    own = _named_once(model)
    shapes = {
        f"{name} {tuple(weights[name].shape)}, the model's is {tuple(own[name].shape)}"
        for name in own.keys() & weights.keys()
        if own[name].shape != weights[name].shape
    }
    differences = {
        "missing in the file": own.keys() - weights.keys(),
        "unknown to the model": weights.keys() - own.keys(),
        "of another shape": shapes,
    }
    if any(differences.values()):
        listed = "; ".join(
            f"{what}: {', '.join(sorted(names))}" for what, names in differences.items() if names
        )
        raise ValueError(f"file must hold the weights of this model, got {file}: {listed}")
    model.load_state_dict(weights, strict=False)  # the second names of shared tensors are not there


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
    save_weights(model, partial / "model.safetensors")
    torch.save(state, partial / "state.pt")
    sums = [f"{_sha256(partial / n)}  {n}\n" for n in ("model.safetensors", "state.pt")]
    (partial / "SHA256SUMS").write_text("".join(sums), encoding="utf-8", newline="\n")
    for path in (partial / "state.pt", partial / "SHA256SUMS", partial):
        _sync(path)
    os.rename(partial, final)
    _sync(folder)
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


def _named_once(model: nn.Module) -> dict[str, Tensor]:
    """The state dict without the further names of tensors that have several."""
    first: dict[tuple, str] = {}
    weights = {}
    for name, tensor in model.state_dict().items():
        place = (tensor.data_ptr(), tensor.shape, tensor.stride()) if tensor.numel() else name
        if first.setdefault(place, name) == name:
            weights[name] = tensor.contiguous()
    return weights


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk.

    Windows does this only for files, and only through a descriptor that may write.
    """
    folder = path.is_dir()
    try:
        descriptor = os.open(path, os.O_RDONLY if folder else os.O_RDWR)
    except PermissionError:
        if folder:
            return
        raise
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
