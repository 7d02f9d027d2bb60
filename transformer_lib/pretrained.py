"""Published weights into our models: a table of names for each of them, and one function.

A table says where every tensor of a published file goes. A star stands for one part of a name, as
a rule the number of a layer:

    Name("h.*.attn.c_proj.weight", "stack.layers.*.self_attention.out_proj.weight", transpose=True)

`load_pretrained` follows the table and insists that nothing is left over on either side.
"""

import json
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from transformer_lib.models.gpt import GPT, GPTConfig
from transformer_lib.models.vit import ViT, ViTConfig


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
        return [_fill(pattern, parts) for pattern in ours]


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
        ValueError: if a tensor in the file has no line in the table or another shape than ours,
            a weight of ours got no tensor, or two tensors for it differ. The message lists which.
    """
    names, own = list(names), model.state_dict()
    wrong: dict[str, list[str]] = {}
    new: dict[str, Tensor] = {}
    for name, tensor in read_weights(path).items():
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
            new[target] = piece
    if missing := sorted(own.keys() - new.keys()):
        wrong["missing in the file"] = missing
    if wrong:
        listed = "; ".join(f"{what}: {', '.join(sorted(set(n)))}" for what, n in wrong.items())
        raise ValueError(f"path must hold the weights of this model, got {path}: {listed}")
    model.load_state_dict(new)


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


def _fill(pattern: str, parts: Sequence[str]) -> str:
    """Put the parts in the places of the stars, in order."""
    for part in parts:
        pattern = pattern.replace("*", part, 1)
    return pattern


_ACTIVATIONS = {  # what a config.json calls them, and `FeedForward`
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu": "gelu",
    "relu": "relu",
}


def _check_known(published: dict, wanted: dict[str, list]) -> None:
    for name, known in wanted.items():
        if published.get(name) not in known:
            raise ValueError(f"{name} must be one of {known}, got {published.get(name)!r}")


# --- GPT-2: `GPT2LMHeadModel`, or the bare `GPT2Model` ------------------------------------------

_LAYER = "stack.layers.*."
_ATTENTION = _LAYER + "self_attention."
GPT2_NAMES = [
    Name("wte.weight", "embedding.weight"),
    Name("wpe.weight", "positions.table.weight"),
    Name("h.*.ln_1.*", _LAYER + "norm1.*"),
    Name(
        "h.*.attn.c_attn.*",  # queries, keys and values side by side
        [_ATTENTION + f"{part}_proj.*" for part in "qkv"],
        transpose=True,
    ),
    Name("h.*.attn.c_proj.*", _ATTENTION + "out_proj.*", transpose=True),
    Name("h.*.ln_2.*", _LAYER + "norm2.*"),
    Name("h.*.mlp.c_fc.*", _LAYER + "feed_forward.linear1.*", transpose=True),
    Name("h.*.mlp.c_proj.*", _LAYER + "feed_forward.linear2.*", transpose=True),
    Name("ln_f.*", "stack.final_norm.*"),
    Name("h.*.attn.bias"),  # the causal mask, which older files carry along
    Name("h.*.attn.masked_bias"),  # the number it wrote where it masked
    Name("lm_head.weight", "embedding.weight"),  # the same matrix once more, in older files
]
GPT2_PREFIX = "transformer."


def load_gpt2(folder: str | os.PathLike, *, dtype: torch.dtype | None = None) -> GPT:
    """Make the model that a published GPT-2 folder holds, in evaluation mode.

    Args:
        folder: with `config.json` and weights, as `save_pretrained` writes it.
        dtype: type of the parameters; by default torch's own.

    Raises:
        ValueError: if the folder holds no such model, or one that departs from GPT-2.
    """
    model = GPT(gpt2_config(read_config(folder))).to(dtype)
    load_pretrained(model, folder, GPT2_NAMES, prefix=GPT2_PREFIX)
    return model.eval()


def gpt2_config(published: dict) -> GPTConfig:
    """Say in our words what a published `config.json` says.

    Raises:
        ValueError: if it describes another kind of model, or a GPT-2 that ours cannot be.
    """
    wanted = {
        "model_type": ["gpt2"],
        "activation_function": list(_ACTIVATIONS),
        "scale_attn_weights": [True],
        "scale_attn_by_inverse_layer_idx": [False],
        "tie_word_embeddings": [True],
        "add_cross_attention": [False],
    }
    published = {name: known[0] for name, known in wanted.items()} | published
    _check_known(published, wanted)
    eos_id, pad_id = published.get("eos_token_id"), published.get("pad_token_id")
    fillers = [token for token in (pad_id, eos_id) if token is not None]  # GPT-2 has no padding
    return GPTConfig(
        published["vocab_size"],
        max_len=published["n_positions"],
        d_model=published["n_embd"],
        num_heads=published["n_head"],
        num_layers=published["n_layer"],
        d_ff=published.get("n_inner") or 4 * published["n_embd"],
        activation=_ACTIVATIONS[published["activation_function"]],
        dropout=published.get("resid_pdrop", 0.1),
        eps=published.get("layer_norm_epsilon", 1e-5),
        eos_id=eos_id,
        pad_id=next(iter(fillers), 0),
    )


# --- ViT: `ViTForImageClassification` ---------------------------------------------------------

_ENCODER_LAYER = "encoder.layers.*."
_THEIR_LAYER = "vit.encoder.layer.*."
VIT_NAMES = [
    Name("vit.embeddings.cls_token", "class_token", reshape=True),  # (1, 1, d_model) there
    Name("vit.embeddings.position_embeddings", "positions.table.weight", reshape=True),
    Name("vit.embeddings.patch_embeddings.projection.weight", "patches.proj.weight", reshape=True),
    Name("vit.embeddings.patch_embeddings.projection.bias", "patches.proj.bias"),
    Name(_THEIR_LAYER + "layernorm_before.*", _ENCODER_LAYER + "norm1.*"),
    *(
        Name(
            _THEIR_LAYER + f"attention.attention.{name}.*",
            _ENCODER_LAYER + f"self_attention.{name[0]}_proj.*",
        )
        for name in ("query", "key", "value")
    ),
    Name(_THEIR_LAYER + "attention.output.dense.*", _ENCODER_LAYER + "self_attention.out_proj.*"),
    Name(_THEIR_LAYER + "layernorm_after.*", _ENCODER_LAYER + "norm2.*"),
    Name(_THEIR_LAYER + "intermediate.dense.*", _ENCODER_LAYER + "feed_forward.linear1.*"),
    Name(_THEIR_LAYER + "output.dense.*", _ENCODER_LAYER + "feed_forward.linear2.*"),
    Name("vit.layernorm.*", "encoder.final_norm.*"),
    Name("classifier.*", "head.*"),
]


def load_vit(folder: str | os.PathLike, *, dtype: torch.dtype | None = None) -> ViT:
    """Make the model that a published ViT classifier's folder holds, in evaluation mode.

    Args:
        folder: with `config.json` and weights, as `save_pretrained` writes it.
        dtype: type of the parameters; by default torch's own.

    Raises:
        ValueError: if the folder holds no such model, or one that departs from ViT.
    """
    model = ViT(vit_config(read_config(folder))).to(dtype)
    load_pretrained(model, folder, VIT_NAMES)
    return model.eval()


def vit_config(published: dict) -> ViTConfig:
    """Say in our words what a published `config.json` says.

    Raises:
        ValueError: if it describes another kind of model, or a ViT that ours cannot be.
    """
    published = {"hidden_act": "gelu", "qkv_bias": True} | published
    wanted = {"model_type": ["vit"], "hidden_act": list(_ACTIVATIONS), "qkv_bias": [True]}
    _check_known(published, wanted)
    for name in ("image_size", "patch_size"):
        if not isinstance(published[name], int):
            raise ValueError(f"{name} must be one number, got {published[name]!r}")
    classes = published.get("id2label")
    return ViTConfig(
        published["image_size"],
        published["patch_size"],
        in_channels=published.get("num_channels", 3),
        num_classes=len(classes) if classes else published.get("num_labels", 2),
        d_model=published["hidden_size"],
        num_heads=published["num_attention_heads"],
        num_layers=published["num_hidden_layers"],
        d_ff=published["intermediate_size"],
        activation=_ACTIVATIONS[published["hidden_act"]],
        dropout=published.get("hidden_dropout_prob", 0.0),
        eps=published.get("layer_norm_eps", 1e-12),
    )
