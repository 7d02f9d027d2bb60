"""What the page can compute: configurations and weights are refused here, before they travel.

The page's arithmetic looks at names and shapes and believes them. A weight that does not fit would
not stop it: it would draw NaN, or write plausible nonsense.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from transformer_lib import checks

_ACTIVATIONS = ("relu", "relu2", "gelu", "gelu_tanh")
_COUNTS = ("d_model", "num_heads", "num_layers")
PROJECTIONS = ("q_proj", "k_proj", "v_proj", "out_proj")

Shapes = dict[str, tuple[int, ...]]


def checked_config(config: Mapping[str, Any], *counts: str, **choices: tuple[str, ...]) -> dict:
    """Those entries of a configuration that the page needs, in the order of their names.

    Args:
        config: of a model; further entries are left out.
        counts: entries that are whole numbers of at least 1, besides those of every model.
        choices: what the page knows of an entry.

    Raises:
        ValueError: if an entry is missing, or the page cannot compute with it.
    """
    check_dict(config)
    counts, choices = (*_COUNTS, *counts), choices | {"activation": _ACTIVATIONS}
    needed = {*counts, *choices, "eps"}
    if missing := sorted(needed - config.keys()):
        raise ValueError(f"config must name {', '.join(missing)}, got {sorted(config)}")
    for name, known in choices.items():
        if config[name] not in known:
            raise ValueError(f"config must have {name} one of {known}, got {config[name]!r}")
    checks.at_least(1, **{name: config[name] for name in counts})
    head_dim = checks.heads(config["d_model"], config["num_heads"])
    checks.positive(eps=config["eps"])
    max_len = config.get("max_len")
    checks.at_least_or_none(1, max_len=max_len)
    if config.get("positions") == "rotary" and head_dim % 2:
        raise ValueError(f"config must have heads of even width for rotary, got {head_dim}")
    if config.get("norm_first", True) is not True:
        raise ValueError(f"config must be of pre-norm layers, got {config['norm_first']!r}")
    return {name: config[name] for name in sorted(needed | {"max_len"} & config.keys())}


def tensor(weights: Mapping[str, Tensor], name: str) -> Tensor:
    """The tensor of that name.

    Raises:
        ValueError: if there is none.
    """
    if not isinstance(weights, Mapping):
        raise ValueError(f"weights must be a state dict, got {type(weights).__name__}")
    checks.string(name=name)
    if not isinstance(weights.get(name), Tensor):
        raise ValueError(f"weights must hold {name}, got {', '.join(map(str, weights)) or 'none'}")
    return weights[name]


def check_gpt_weights(config: Mapping[str, Any], weights: Mapping[str, Tensor]) -> None:
    """Refuse weights of another model than a GPT of this configuration.

    Raises:
        ValueError: naming what is missing, left over or of another shape.
    """
    check_dict(config)
    vocab_size, d_model = len(tensor(weights, "embedding.weight")), config["d_model"]
    needed: Shapes = {"embedding.weight": (vocab_size, d_model)}
    if config["positions"] == "learned":
        if config.get("max_len") is None:
            raise ValueError("config must have max_len with learned positions, got None")
        needed["positions.table.weight"] = (config["max_len"], d_model)
    more: Shapes = {"head.weight": (vocab_size, d_model)}
    _check("stack", config, weights, needed, more, norm_bias=config["norm"] == "layer")


def check_vit_weights(
    config: Mapping[str, Any], weights: Mapping[str, Tensor], *, head: bool = True
) -> None:
    """Refuse weights of another model than a ViT of this configuration, on grey pictures.

    Args:
        config: of the model.
        weights: its state dict.
        head: whether it decides; otherwise another model sees with it.

    Raises:
        ValueError: naming what is missing, left over or of another shape.
    """
    check_dict(config)
    checks.flag(head=head)
    d_model, size = config["d_model"], config["patch_size"]
    if config["image_size"] % size:
        raise ValueError(
            f"config must have an image_size that is a multiple of patch_size = {size}, "
            f"got {config['image_size']}"
        )
    tokens = (config["image_size"] // size) ** 2 + (config["pooling"] == "class")
    needed: Shapes = {
        "patches.proj.weight": (d_model, size * size),
        "patches.proj.bias": (d_model,),
    }
    more: Shapes = {}
    if head:
        classes = len(tensor(weights, "head.weight"))
        needed["head.weight"], more["head.bias"] = (classes, d_model), (classes,)
    if config["pooling"] == "class":
        needed["class_token"] = (d_model,)
    if config["positions"] == "learned":
        needed["positions.table.weight"] = (tokens, d_model)
    _check("encoder", config, weights, needed, more, norm_bias=True)


def checked_samples(samples: Tensor, size: int) -> Tensor:
    """Grey pictures (n, 1, size, size) from 0 to 1, in 8 bits.

    Raises:
        ValueError: if they are not such pictures.
    """
    checks.floating("samples", samples)
    if samples.shape[1:] != (1, size, size):
        raise ValueError(
            f"samples must be (n, 1, image_size = {size}, {size}), got {tuple(samples.shape)}"
        )
    if len(samples) and not (samples.min() >= 0 and samples.max() <= 1):
        raise ValueError(
            f"samples must be from 0 to 1, got {samples.min():.3g} to {samples.max():.3g}"
        )
    return (samples * 255).round().to(torch.uint8)


def checked_labels(labels: Tensor | Sequence, count: int, num_classes: int) -> list[str]:
    """The classes of samples, as what is written on the page.

    Raises:
        ValueError: if they are not `count` classes, each below `num_classes`.
    """
    labels = labels.tolist() if isinstance(labels, Tensor) else labels
    if not isinstance(labels, Sequence) or isinstance(labels, str):
        raise ValueError(f"labels must be a list of classes, got {labels!r}")
    for label in labels:
        check_range("labels", label, num_classes - 1)
    if len(labels) != count:
        raise ValueError(f"labels must be one for each of {count}, got {len(labels)}")
    return [str(int(label)) for label in labels]


def check_range(name: str, value: int, highest: int) -> None:
    """Refuse what is not a whole number from 0 to `highest`.

    Raises:
        ValueError: naming the argument.
    """
    checks.whole(**{name: value})
    if not 0 <= value <= highest:
        raise ValueError(f"{name} must be 0 to {highest}, got {value}")


def checked_characters(characters: Sequence[str], weights: Mapping[str, Tensor]) -> list[str]:
    """A vocabulary of characters, one for each row of the weights' embedding.

    Raises:
        ValueError: if they are not single and distinct, or as many.
    """
    if not isinstance(characters, Sequence) or not all(
        isinstance(symbol, str) and len(symbol) == 1 for symbol in characters
    ):
        raise ValueError(f"characters must be single characters, got {characters!r}")
    characters = list(characters)
    if len(set(characters)) != len(characters):
        raise ValueError(f"characters must be distinct, got {characters}")
    vocab_size = len(tensor(weights, "embedding.weight"))
    if len(characters) != vocab_size:
        raise ValueError(
            f"characters must be vocab_size = {vocab_size}, as the weights are, "
            f"got {len(characters)}"
        )
    return characters


def check_words(words: Sequence[str], weights: Mapping[str, Tensor] | None, special: int) -> None:
    """Refuse a vocabulary that is none, or another than that of the weights, where there are any.

    Args:
        words: token i is `words[i]`.
        weights: state dict of a model that holds a `Bert`.
        special: how many tokens at the beginning are no words.

    Raises:
        ValueError: naming what is wrong.
    """
    checks.at_least(0, special=special)
    is_list = isinstance(words, Sequence) and not isinstance(words, str)
    if not is_list or not all(isinstance(word, str) for word in words):
        raise ValueError(f"words must be a list of strings, got {words!r}")
    if len(set(words)) != len(words) or len(words) <= special:
        raise ValueError(f"words must be distinct, and more than {special}, got {len(words)}")
    size = len(words) if weights is None else len(tensor(weights, "bert.embedding.weight"))
    if len(words) != size:
        raise ValueError(f"words must be vocab_size = {size}, as the weights are, got {len(words)}")


def check_bert_weights(config: Mapping[str, Any], weights: Mapping[str, Tensor]) -> None:
    """Refuse weights of another model than a `MaskedWords` of this configuration.

    Raises:
        ValueError: naming what is missing, left over or of another shape.
    """
    check_dict(config)
    d_model = config["d_model"]
    vocab_size = len(tensor(weights, "bert.embedding.weight"))
    needed: Shapes = {
        "bert.embedding.weight": (vocab_size, d_model),
        "head_bias": (vocab_size,),
        "transform.weight": (d_model, d_model),
    }
    more: Shapes = {"transform.bias": (d_model,)}
    for name in ("bert.norm", "norm"):
        needed[f"{name}.weight"] = more[f"{name}.bias"] = (d_model,)
    _check("bert.encoder", config, weights, needed, more, norm_bias=True)


def check_classifier_weights(config: Mapping[str, Any], weights: Mapping[str, Tensor]) -> None:
    """Refuse weights of another model than a `Classifier` of two classes, without a pooler.

    Raises:
        ValueError: naming what is missing, left over or of another shape.
    """
    check_dict(config)
    d_model = config["d_model"]
    vocab_size = len(tensor(weights, "bert.embedding.weight"))
    needed: Shapes = {
        "bert.embedding.weight": (vocab_size, d_model),
        "bert.norm.weight": (d_model,),
        "head.weight": (2, d_model),
        "head.bias": (2,),
    }
    more: Shapes = {"bert.norm.bias": (d_model,)}
    _check("bert.encoder", config, weights, needed, more, norm_bias=True)


def check_dict(config: Mapping[str, Any]) -> None:
    """Refuse a configuration that is no dict.

    Raises:
        ValueError: if it is none.
    """
    if not isinstance(config, Mapping):
        raise ValueError(f"config must be a dict, got {type(config).__name__}")


def _check(
    stack: str,
    config: Mapping[str, Any],
    weights: Mapping[str, Tensor],
    needed: Shapes,
    more: Shapes,
    *,
    norm_bias: bool,
) -> None:
    """Compare all weights with what is needed, and what may be there too."""
    d_model = config["d_model"]
    d_ff = len(tensor(weights, f"{stack}.layers.0.feed_forward.linear1.weight"))
    norms = [f"{stack}.final_norm"]
    for n in range(config["num_layers"]):
        layer = f"{stack}.layers.{n}"
        norms += [f"{layer}.norm1", f"{layer}.norm2"]
        maps = {f"self_attention.{name}": (d_model, d_model) for name in PROJECTIONS}
        maps |= {"feed_forward.linear1": (d_ff, d_model), "feed_forward.linear2": (d_model, d_ff)}
        needed |= {f"{layer}.{name}.weight": shape for name, shape in maps.items()}
        more |= {f"{layer}.{name}.bias": shape[:1] for name, shape in maps.items()}
    needed |= {f"{norm}.weight": (d_model,) for norm in norms}
    if norm_bias:
        more |= {f"{norm}.bias": (d_model,) for norm in norms}
    compare(weights, needed, more)


def compare(weights: Mapping[str, Tensor], needed: Shapes, more: Shapes) -> None:
    """Refuse weights of other names or shapes than those that are needed, or may be there too.

    Raises:
        ValueError: naming what is missing, left over or of another shape.
    """
    if missing := sorted(needed.keys() - weights.keys()):
        raise ValueError(f"weights must be those of config, got none for {', '.join(missing)}")
    if others := sorted(weights.keys() - needed.keys() - more.keys()):
        raise ValueError(f"weights must be those of config, got also {', '.join(others)}")
    for name in weights:
        shape, wanted = tuple(tensor(weights, name).shape), (needed | more)[name]
        if shape != wanted:
            raise ValueError(f"weights must be those of config, {name} {wanted}, got {shape}")
