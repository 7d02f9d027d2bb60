"""Published weights into our models: a table of names for each of them, and one function.

A table says where every tensor of a published file goes. A star stands for one part of a name, as
a rule the number of a layer:

    Name("h.*.attn.c_proj.weight", "stack.layers.*.self_attention.out_proj.weight", transpose=True)

`load_pretrained` follows the table and insists that nothing is left over on either side.
"""

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from transformer_lib import checks


@dataclass(frozen=True)
class Name:
    """One line of a table: what a tensor is called there, and here.

    Args:
        theirs: the published name; each `*` stands for one part of it, without dots.
        ours: the name in our state dict, its stars filled in the same order. Several names share
            the tensor: it is cut into as many equal pieces along its first axis. No name: the
            tensor is known and not needed.
        transpose: whether a matrix is stored as (in, out); it is turned before it is cut.
        reshape: whether the same numbers, in the same order, have other axes there, as the kernel
            of a convolution that is a linear map here.
    """

    theirs: str
    ours: str | Sequence[str] = ()
    transpose: bool = False
    reshape: bool = False

    def match(self, name: str) -> re.Match | None:
        """Whether this is the line of a tensor that is called `name` there."""
        return re.fullmatch(re.escape(self.theirs).replace(r"\*", r"([^.]+)"), name)

    def fill(self, name: str) -> list[str]:
        """Our names for that tensor."""
        parts = self.match(name).groups()
        ours = [self.ours] if isinstance(self.ours, str) else self.ours
        return [_with_parts(pattern, parts) for pattern in ours]


def load_pretrained(
    model: nn.Module, path: str | os.PathLike, names: Iterable[Name], *, prefix: str = ""
) -> None:
    """Fill `model` with published weights: with all of them, or with none.

    Args:
        model: changed in place; numbers are converted to its type.
        path: a safetensors file, one that `torch.save` wrote, or a folder that
            `save_pretrained` wrote, in one file or in several.
        names: the table.
        prefix: taken off the published names where it is there.

    Raises:
        ValueError: if a tensor in the file has no line in the table or another shape than ours, a
            weight of ours got no tensor, two tensors for it differ, or the numbers of one are
            whole, complex, not finite or too large for the model's type. The message lists which.
    """
    _check_room(model)
    if wrong := _fill(model, read_weights(path), names, prefix):
        raise ValueError(f"path must hold the weights of this model, got {path}: {wrong}")


def fill_weights(model: nn.Module, weights: Mapping[str, Tensor], names: Iterable[Name]) -> None:
    """Fill `model` with published weights that are at hand: with all of them, or with none.

    Args:
        model: as in `load_pretrained`.
        weights: tensors by their published names.
        names: the table.

    Raises:
        ValueError: as `load_pretrained`.
    """
    _check_room(model)
    if wrong := _fill(model, weights, names, ""):
        raise ValueError(f"weights must be those of this model, got {wrong}")


def _check_room(model: nn.Module) -> None:
    if any(weight.is_meta for weight in model.state_dict().values()):
        raise ValueError("model must have room for numbers, got one on the device meta")


def _fill(
    model: nn.Module, weights: Mapping[str, Tensor], names: Iterable[Name], prefix: str
) -> str:
    """Fill the model if everything fits; if not, leave it and say what does not."""
    names, own = list(names), model.state_dict()
    wrong: dict[str, list[str]] = {}
    new: dict[str, Tensor] = {}
    for name, tensor in weights.items():
        line = next((line for line in names if line.match(name.removeprefix(prefix))), None)
        if line is None:
            wrong.setdefault("left over in the file", []).append(name)
            continue
        targets = line.fill(name.removeprefix(prefix))
        tensor = tensor.T if line.transpose and tensor.dim() == 2 else tensor
        for target, piece in zip(targets, _cut(tensor, len(targets)), strict=True):
            if line.reshape and target in own and piece.numel() == own[target].numel():
                piece = piece.reshape(own[target].shape)
            if target not in own:
                wrong.setdefault("left over in the file", []).append(name)
            elif piece.shape != own[target].shape:
                shapes = f"{tuple(piece.shape)}, {target} is {tuple(own[target].shape)}"
                wrong.setdefault("of another shape", []).append(f"{name} {shapes}")
            elif target in new and not torch.equal(new[target], piece):
                wrong.setdefault("not what shares its place", []).append(name)
            elif not piece.is_floating_point():  # those of a quantized model mean something else
                wrong.setdefault("not of a floating type", []).append(f"{name} {piece.dtype}")
            elif not piece.to(own[target].dtype).isfinite().all():
                what = f"not finite in the model's {own[target].dtype}"
                wrong.setdefault(what, []).append(name)
            new[target] = piece
    if missing := sorted(own.keys() - new.keys()):
        wrong["missing in the file"] = missing
    if not wrong:
        model.load_state_dict(new)
    return "; ".join(f"{what}: {', '.join(sorted(set(n)))}" for what, n in wrong.items())


def read_weights(path: str | os.PathLike) -> dict[str, Tensor]:
    """Read all tensors of a file, or of a folder that `save_pretrained` wrote.

    Raises:
        ValueError: if there are no weights at `path`, or they are damaged.
    """
    path = Path(path)
    if path.is_dir():
        return _read_folder(path)
    if not path.is_file():
        raise ValueError(f"path must be a file or folder with weights, got {path}")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        weights = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, RuntimeError, EOFError, ValueError, OSError) as error:
        raise ValueError(f"path must be a whole file of weights, got {path}: {error}") from error
    except Exception as error:  # what pickle raises when it is given something else
        raise ValueError(f"path must be a file of tensors alone, got {path}: {error}") from error
    if not isinstance(weights, dict) or not all(isinstance(t, Tensor) for t in weights.values()):
        raise ValueError(f"path must hold a dictionary of tensors, got something else in {path}")
    return weights


def read_config(folder: str | os.PathLike) -> dict:
    """Read the `config.json` that stands beside published weights.

    Raises:
        ValueError: if there is none, or it is not JSON.
    """
    file = Path(folder) / "config.json"
    if not file.is_file():
        raise ValueError(f"folder must hold a config.json, got {folder}")
    return _read_json(file)


def _read_folder(folder: Path) -> dict[str, Tensor]:
    for name in ("model.safetensors", "pytorch_model.bin"):
        if (folder / name).is_file():
            return read_weights(folder / name)
        index = folder / f"{name}.index.json"
        if index.is_file():  # large models come in several files
            read = [read_weights(folder / part) for part in _parts(index)]
            return {name: tensor for part in read for name, tensor in part.items()}
    raise ValueError(f"path must hold model.safetensors or pytorch_model.bin, got {folder}")


def _parts(index: Path) -> list[str]:
    """The names of the files that an index lists; it may point nowhere but to those beside it."""
    places = _read_json(index).get("weight_map")
    if not isinstance(places, dict) or not places:
        raise ValueError(f"weight_map must name the file of each tensor, got {places!r} in {index}")
    beside = [file.name for file in index.parent.iterdir() if file.is_file()]
    for part in places.values():
        if part not in beside:
            raise ValueError(f"weight_map must name files beside {index}, got {part!r}")
    return sorted(set(places.values()))


def _read_json(file: Path) -> dict:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"file must be JSON, got {file}: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"file must be a JSON object, got {type(content).__name__} in {file}")
    return content


def _cut(tensor: Tensor, pieces: int) -> Sequence[Tensor]:
    if pieces < 2:
        return [tensor] * pieces
    return tensor.tensor_split(pieces)


def _with_parts(pattern: str, parts: Sequence[str]) -> str:
    """Put the parts in the places of the stars, in order."""
    for part in parts:
        pattern = pattern.replace("*", part, 1)
    return pattern


ACTIVATIONS = {  # what a config.json calls them, and `FeedForward`
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu": "gelu",
    "relu": "relu",
}


def check_there(published: dict, names: Iterable[str]) -> None:
    """Refuse a published config that leaves out what we must know.

    Raises:
        ValueError: naming what is missing, or if it is no dict.
    """
    checks.mapping(published=published)
    if missing := [name for name in names if name not in published]:
        raise ValueError(f"config.json must have {', '.join(missing)}, got only {[*published]}")


def check_known(published: dict, wanted: dict[str, list]) -> None:
    """Refuse a published config whose entries are not among those that we can be.

    Raises:
        ValueError: naming the first of them, or if one of the two is no dict.
    """
    checks.mapping(published=published, wanted=wanted)
    for name, known in wanted.items():
        if published.get(name) not in known:
            raise ValueError(f"{name} must be one of {known}, got {published.get(name)!r}")
