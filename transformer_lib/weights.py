"""A model in a file that describes itself: numbers, and in the header what they are.

    save(model, "mine.safetensors")
    model = load("mine.safetensors")  # or load("verses_gpt"), which ships with the package
    fill(other, "mine.safetensors")  # the numbers alone, into a model that is there

`load` makes, `fill` fills. The header is text, and what it names is looked up at the package's
door: nothing that stands in a file is ever run.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

import transformer_lib
from transformer_lib import checks

SHIPPED = {
    path.stem: path
    for path in sorted((Path(__file__).parent / "checkpoints").glob("*.safetensors"))
}
"""The models that ship with the package: {name: file}. The card stands beside it, as `.md`."""

_WIDER = {  # every number of the first type is one of the others too
    torch.float16: (torch.float32, torch.float64),
    torch.bfloat16: (torch.float32, torch.float64),
    torch.float32: (torch.float64,),
}


def save(
    model: nn.Module,
    file: str | os.PathLike,
    *,
    symbols: Any = None,
    about: Mapping[str, Any] | None = None,
) -> None:
    """Write a model as safetensors, whole or not at all; tensors with two names once.

    Args:
        model: whose parameters and persistent buffers are written; if it is one of the package's,
            the header has its class and config, so that `load` can make it again.
        file: where; an older file is replaced in one go.
        symbols: what its ids stand for, a vocabulary or several by name; by default
            `model.symbols`, which `load` gives.
        about: numbers and strings that say how it was trained; by default `model.about`.

    Raises:
        ValueError: if there is no model, `file` is a folder, or `symbols` or `about` are not what
            a header can hold.
    """
    checks.module(model=model)
    checks.path(file=file)
    if Path(file).is_dir():
        raise ValueError(f"file must not be a folder, got {file}")
    file = Path(file).resolve()  # a link stays one, and what it leads to is replaced
    header = {
        "model": _made_of(model) if _is_ours(model) else None,
        "symbols": getattr(model, "symbols", None) if symbols is None else symbols,
        "about": getattr(model, "about", None) if about is None else about,
    }
    if about is not None:
        checks.mapping(about=about)
    if symbols is not None and not (is_dataclass(symbols) or isinstance(symbols, _SEVERAL)):
        raise ValueError(f"symbols must be a vocabulary, or several, got {symbols!r:.60}")
    text = {name: _json(name, value) for name, value in header.items() if value is not None}
    partial = file.with_name(f".{file.name}.{os.getpid()}.partial")
    try:
        partial.unlink(missing_ok=True)
        partial.touch()
        mode = partial.stat().st_mode  # what the umask gives; safetensors lets nobody else read
        save_file(_named_once(model), partial, text)
        partial.chmod(mode)
        sync(partial)
        os.replace(partial, file)
    finally:
        partial.unlink(missing_ok=True)


def load(file: str | os.PathLike) -> nn.Module:
    """Make the model that a file describes, and fill it; no data set is needed.

    Args:
        file: what `save` wrote, or the name of a model that ships with the package (`SHIPPED`).

    Returns:
        The model in evaluation mode, in float32; `model.symbols` and `model.about` are what was
        saved with it, None where nothing was.

    Raises:
        ValueError: if there is no such file, it does not say which model it holds, or `fill` would
            refuse it.
    """
    checks.path(file=file)
    path = SHIPPED.get(str(file), Path(file))
    header = _header(path)
    if "model" not in header:
        raise ValueError(
            f"file must say which model it holds, as those that `save` wrote, got {path}: "
            f"make the model, and `fill` it"
        )
    try:
        said = {name: _made(json.loads(header[name])) for name in _SAID if name in header}
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"file must describe what is in this package, {path}: {error}") from error
    model = said["model"]
    if not isinstance(model, nn.Module):
        raise ValueError(f"file must describe a model, got {path}: {type(model).__name__}")
    fill(model, path)
    model.symbols, model.about = said.get("symbols"), said.get("about")
    return model.eval()


def fill(model: nn.Module, file: str | os.PathLike) -> None:
    """Fill `model` with the weights in a safetensors file: with all of them, or with none.

    Args:
        model: changed in place; numbers of a narrower type are widened to that of the model.
        file: what `save` wrote, for a model of the same names and shapes.

    Raises:
        ValueError: if there is no such file, it is damaged, names, shapes or types do not fit, or
            a number is NaN: the message lists which. Or if the model is on the device "meta".
    """
    checks.module(model=model)
    _header(file)
    weights, own = load_file(file), _named_once(model)
    if meta := sorted(name for name, tensor in own.items() if tensor.is_meta):
        raise ValueError(f"model must have room for its weights, got some on 'meta': {meta}")
    both = sorted(own.keys() & weights.keys())
    wrong = {
        "missing in the file": sorted(own.keys() - weights.keys()),
        "unknown to the model": sorted(weights.keys() - own.keys()),
        "of another shape": [
            f"{name} {tuple(weights[name].shape)}, the model's is {tuple(own[name].shape)}"
            for name in both
            if weights[name].shape != own[name].shape
        ],
        "of a type that does not fit": [
            f"{name} {weights[name].dtype}, the model's is {own[name].dtype}"
            for name in both
            if own[name].dtype not in (weights[name].dtype, *_WIDER.get(weights[name].dtype, ()))
        ],
        "with NaN in it": [name for name in both if weights[name].isnan().any()],
    }
    if any(wrong.values()):
        listed = "; ".join(f"{what}: {', '.join(names)}" for what, names in wrong.items() if names)
        raise ValueError(f"file must hold the weights of this model, got {file}: {listed}")
    model.load_state_dict(weights, strict=False)  # the second names of shared tensors are not there


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


_SEVERAL = Mapping | list | tuple
_SAID = ("model", "symbols", "about")


def _header(file: str | os.PathLike) -> dict[str, str]:
    """The strings in the header of a file that is whole."""
    checks.path(file=file)
    if not Path(file).is_file():
        raise ValueError(
            f"file must be a safetensors file, or one of {list(SHIPPED)}, got {str(file)!r}"
        )
    try:
        with safe_open(file, framework="pt") as opened:
            return opened.metadata() or {}
    except SafetensorError as error:
        raise ValueError(f"file must be a whole safetensors file, got {file}: {error}") from error


def _is_ours(model: nn.Module) -> bool:
    """Whether `load` can make such a model: its class stands at the package's door."""
    name = type(model).__name__
    return name in transformer_lib.__all__ and getattr(transformer_lib, name) is type(model)


def _made_of(model: nn.Module) -> dict[str, Any]:
    """Class and config of a model, and of the models that it was given, as a head its backbone."""
    said = {"class": type(model).__name__}
    if hasattr(model, "config"):
        said["config"] = model.config
    given = {n: part for n, part in model.named_children() if hasattr(part, "config")}
    return said | {name: _made_of(part) for name, part in given.items() if _is_ours(part)}


def _plain(value: Any) -> Any:
    """What JSON can say: of a dataclass the name, and its fields."""
    if is_dataclass(value):
        said = {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
        return {"class": type(value).__name__} | said
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, list | tuple) else value


def _json(name: str, value: Any) -> str:
    try:
        return json.dumps(_plain(value))
    except TypeError as error:
        raise ValueError(f"{name} must be what JSON can say: {error}") from None


def _made(said: Any) -> Any:
    """The reverse of `_plain`; lists are tuples."""
    if isinstance(said, list):
        return tuple(map(_made, said))
    if not isinstance(said, dict):
        return said
    made = {name: _made(part) for name, part in said.items()}
    if "class" not in made:
        return made
    name = made.pop("class")
    known = getattr(transformer_lib, name) if name in transformer_lib.__all__ else None
    if not (isinstance(known, type) and (is_dataclass(known) or issubclass(known, nn.Module))):
        raise ValueError(f"there is no {name!r} in this package")
    return known(**made)


def _named_once(model: nn.Module) -> dict[str, Tensor]:
    """The state dict without the further names of tensors that have several."""
    first: dict[tuple, str] = {}
    weights = {}
    for name, tensor in model.state_dict().items():
        place = (tensor.data_ptr(), tensor.shape, tensor.stride()) if tensor.numel() else name
        if first.setdefault(place, name) == name:
            weights[name] = tensor.contiguous()
    return weights
