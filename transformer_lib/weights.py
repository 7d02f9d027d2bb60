"""A model's weights in a file: written whole or not at all."""

import os
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn


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
    sync(partial)
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


def _named_once(model: nn.Module) -> dict[str, Tensor]:
    """The state dict without the further names of tensors that have several."""
    first: dict[tuple, str] = {}
    weights = {}
    for name, tensor in model.state_dict().items():
        place = (tensor.data_ptr(), tensor.shape, tensor.stride()) if tensor.numel() else name
        if first.setdefault(place, name) == name:
            weights[name] = tensor.contiguous()
    return weights


def sync(path: Path) -> None:
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
