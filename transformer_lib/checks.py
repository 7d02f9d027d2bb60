"""Refusals, each in one line: what was given, and what is wanted.

Arguments are checked once, at the door: counts and probabilities where a config or a layer is
made, tensors where a layer or a model is called. What is called many times a second, such as a
step of generation, pays some microseconds for it.
"""

import math
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any, Protocol

import torch
from torch import Tensor


def whole(**values: int) -> None:
    """Refuse what is not a whole number.

    Raises:
        ValueError: naming the argument.
    """
    for name, value in values.items():
        if not _is_whole(value):
            raise ValueError(f"{name} must be a whole number, got {value!r}")


def at_least(least: int, **values: int) -> None:
    """Refuse what is not a whole number of at least `least`.

    Raises:
        ValueError: naming the argument.
    """
    whole(**values)
    for name, value in values.items():
        if value < least:
            raise ValueError(f"{name} must be at least {least}, got {value}")


def at_least_or_none(least: int, **values: int | None) -> None:
    """The same, but None passes: it stands for "no limit"."""
    for name, value in values.items():
        if value is not None and not _is_whole(value):
            raise ValueError(f"{name} must be None or a whole number, got {value!r}")
        if value is not None and value < least:
            raise ValueError(f"{name} must be None or at least {least}, got {value}")


def even(**values: int) -> None:
    """Refuse what is not a positive even number.

    Raises:
        ValueError: naming the argument.
    """
    for name, value in values.items():
        if not isinstance(value, Integral) or value < 2 or value % 2:
            raise ValueError(f"{name} must be a positive even number, got {value!r}")


def multiple(of: int, **values: int) -> None:
    """Refuse what is not a positive multiple of a number.

    Raises:
        ValueError: naming the argument.
    """
    for name, value in values.items():
        if not _is_whole(value) or value < 1 or value % of:
            raise ValueError(f"{name} must be a positive multiple of {of}, got {value!r}")


def positive(**values: float) -> None:
    """Refuse what is not a finite number above 0.

    Raises:
        ValueError: naming the argument.
    """
    for name, value in values.items():
        if not _is_number(value) or not 0.0 < value < math.inf:
            raise ValueError(f"{name} must be positive and finite, got {value!r}")


def not_negative(**values: float) -> None:
    """Refuse what is not a finite number of at least 0.

    Raises:
        ValueError: naming the argument.
    """
    for name, value in values.items():
        if not _is_number(value) or not 0.0 <= value < math.inf:
            raise ValueError(f"{name} must be at least 0 and finite, got {value!r}")


def probability(**values: float) -> None:
    """Refuse what no dropout can be: it is in [0, 1).

    Raises:
        ValueError: naming the argument.
    """
    for name, value in values.items():
        if not _is_number(value) or not 0.0 <= value < 1.0:
            raise ValueError(f"{name} must be in [0, 1), got {value!r}")


def fraction(**values: float) -> None:
    """Refuse what is not in (0, 1].

    Raises:
        ValueError: naming the argument.
    """
    for name, value in values.items():
        if not _is_number(value) or not 0.0 < value <= 1.0:
            raise ValueError(f"{name} must be in (0, 1], got {value!r}")


def flag(**values: bool) -> None:
    """Refuse what is neither True nor False.

    Raises:
        ValueError: naming the argument.
    """
    for name, value in values.items():
        if not isinstance(value, bool):
            raise ValueError(f"{name} must be True or False, got {value!r}")


def string(**values: str) -> None:
    """Refuse anything but text.

    Raises:
        ValueError: naming the argument and the value.
    """
    for name, value in values.items():
        if not isinstance(value, str):
            raise ValueError(f"{name} must be a string, got {value!r}")


def one_of(known: Iterable[Any], **values: Any) -> None:
    """Refuse values that are not known.

    Raises:
        ValueError: naming the argument and all that is known.
    """
    known = tuple(known)
    for name, value in values.items():
        if value not in known:
            raise ValueError(f"{name} must be one of {known}, got {value!r}")


def heads(d_model: int, num_heads: int) -> int:
    """Width of one of `num_heads` heads.

    Raises:
        ValueError: if they do not divide `d_model`.
    """
    at_least(1, d_model=d_model, num_heads=num_heads)
    if d_model % num_heads:
        raise ValueError(
            f"d_model must be a positive multiple of num_heads, "
            f"got d_model = {d_model}, num_heads = {num_heads}"
        )
    return d_model // num_heads


def key_heads(num_heads: int, num_kv_heads: int | None) -> int:
    """Number of heads of keys and values: None stands for one to each of `num_heads`.

    Raises:
        ValueError: if it does not divide `num_heads`.
    """
    at_least_or_none(1, num_kv_heads=num_kv_heads)
    if num_kv_heads is not None and num_heads % num_kv_heads:
        raise ValueError(f"num_kv_heads must divide num_heads = {num_heads}, got {num_kv_heads}")
    return num_kv_heads or num_heads


def token(vocab_size: int, *, of: str = "vocab_size", **ids: int) -> None:
    """Refuse a special token that is not in the vocabulary, whose size is called `of`.

    Raises:
        ValueError: naming the argument.
    """
    for name, value in ids.items():
        if not _is_whole(value):
            raise ValueError(f"{name} must be a whole number, got {value!r}")
        if not 0 <= value < vocab_size:
            raise ValueError(f"{name} must be in 0 … {of} - 1 = {vocab_size - 1}, got {value}")


SIDES = ("source", "target")


class _Vocabularies(Protocol):
    source_vocab_size: int
    target_vocab_size: int
    max_len: int | None
    pad_id: int
    bos_id: int
    eos_id: int


def vocabularies(config: _Vocabularies) -> None:
    """Refuse special tokens that are in no vocabulary, or at odds with each other.

    Raises:
        ValueError: if `pad_id` is not in both vocabularies, `bos_id` or `eos_id` not in the
            target's, `eos_id` is `pad_id`, or `max_len < 1`.
    """
    at_least(1, **{f"{side}_vocab_size": getattr(config, f"{side}_vocab_size") for side in SIDES})
    token(config.source_vocab_size, of="source_vocab_size", pad_id=config.pad_id)
    special = {name: getattr(config, name) for name in ("pad_id", "bos_id", "eos_id")}
    token(config.target_vocab_size, of="target_vocab_size", **special)
    if config.eos_id == config.pad_id:
        raise ValueError(
            f"eos_id must differ from pad_id, since a loss that skips padding would never teach "
            f"the model to stop, got {config.eos_id} for both"
        )
    at_least_or_none(1, max_len=config.max_len)


def ids(
    name: str,
    value: Tensor,
    vocab_size: int | None = None,
    *,
    of: str = "vocab_size",
    max_len: int | None = None,
    offset: int = 0,
    empty: bool = True,
    like: Tensor | None = None,
) -> None:
    """Refuse what is not a batch of token ids, is too long, or is in no vocabulary.

    Args:
        name: what to call it in the message.
        value: should be (batch, length) of int64 or int32.
        vocab_size: number of different tokens; None where only the shape matters. Looked up on
            the CPU alone: elsewhere the look would wait for the device.
        of: what that number is called.
        max_len: most tokens that the model can read; None for any number.
        offset: how many it has read before.
        empty: whether a length of 0 will do.
        like: a weight; the ids are on its device.

    Raises:
        ValueError: if they are not.
    """
    if not isinstance(value, Tensor):
        raise ValueError(f"{name} must be a tensor of token ids, got {type(value).__name__}")
    if value.dim() != 2 or value.dtype not in (torch.int64, torch.int32):
        raise ValueError(
            f"{name} must be (batch, length) of int64 or int32, "
            f"got {tuple(value.shape)} of {value.dtype}"
        )
    if not empty and value.size(1) < 1:
        raise ValueError(f"{name} must have at least one token, got {tuple(value.shape)}")
    if max_len is not None and offset + value.size(1) > max_len:
        raise ValueError(
            f"{name} must have at most max_len = {max_len} tokens, got {offset + value.size(1)}"
        )
    if like is not None and value.device != like.device:
        raise ValueError(f"{name} must be on {like.device}, as the weights are, got {value.device}")
    if vocab_size is None or value.device.type != "cpu" or not value.numel() or _is_traced():
        return
    low, high = map(int, value.aminmax())
    if low < 0 or high >= vocab_size:
        raise ValueError(
            f"{name} must be in 0 … {of} - 1 = {vocab_size - 1}, got {low if low < 0 else high}"
        )


def row(
    name: str,
    value: Tensor,
    vocab_size: int | None = None,
    *,
    of: str = "vocab_size",
    least: int = 0,
) -> None:
    """Refuse what is not one row of at least `least` whole numbers, (length,), none negative.

    Args:
        name: what to call it in the message.
        value: should be (length,) of int64 or int32.
        vocab_size: number of different tokens; None for any.
        of: what that number is called.
        least: shortest length.

    Raises:
        ValueError: if it is not.
    """
    if not isinstance(value, Tensor):
        raise ValueError(f"{name} must be a tensor, got {type(value).__name__}")
    if value.dim() != 1 or value.dtype not in (torch.int64, torch.int32) or len(value) < least:
        raise ValueError(
            f"{name} must be one row of at least {least} numbers of int64 or int32, "
            f"got {tuple(value.shape)} of {value.dtype}"
        )
    if value.is_meta:
        raise ValueError(f"{name} must hold numbers, got a tensor on meta")
    if not value.numel():
        return
    low, high = map(int, value.aminmax())
    if low < 0:
        raise ValueError(f"{name} must not be negative, got {low}")
    if vocab_size is not None and high >= vocab_size:
        raise ValueError(f"{name} must be in 0 … {of} - 1 = {vocab_size - 1}, got {high}")


def floating(name: str, value: Tensor, *, dims: int | None = None) -> None:
    """Refuse what is not a tensor of real numbers, with `dims` axes, or at least one.

    Raises:
        ValueError: if it is not.
    """
    if not isinstance(value, Tensor):
        raise ValueError(f"{name} must be a tensor, got {type(value).__name__}")
    fits = value.dim() == dims if dims is not None else value.dim() > 0
    if not value.is_floating_point() or not fits or value.is_meta:
        raise ValueError(
            f"{name} must be of floating point, with {dims or 'some'} axes, "
            f"got {tuple(value.shape)} of {value.dtype} on {value.device}"
        )


def features(name: str, value: Tensor, width: int, *, like: Tensor, dims: int | None = 3) -> None:
    """Refuse what is not a batch of feature vectors that the weights `like` can work on.

    Args:
        name: what to call it in the message.
        value: should be (batch, len, width), or (…, width) where `dims` is None.
        width: of the features.
        like: a weight; `value` has its type (but under autocast, which casts) and its device.
        dims: number of axes; None for any.

    Raises:
        ValueError: if they are not.
    """
    if not isinstance(value, Tensor):
        raise ValueError(f"{name} must be a tensor, got {type(value).__name__}")
    if value.dim() != (dims or value.dim()) or value.dim() < 1 or value.size(-1) != width:
        shape = "…" if dims is None else "batch, len"
        raise ValueError(f"{name} must be ({shape}, d_model = {width}), got {tuple(value.shape)}")
    _like_weights(name, value, like)


def pictures(name: str, value: Tensor, channels: int, size: int, *, like: Tensor) -> None:
    """Refuse what is not a batch of square pictures that the weights `like` can work on.

    Args:
        name: what to call it in the message.
        value: should be (batch, channels, size, size); bytes are not numbers between 0 and 1.
        channels: numbers to a pixel.
        size: height and width, in pixels.
        like: a weight, as in `features`.

    Raises:
        ValueError: if they are not.
    """
    if not isinstance(value, Tensor):
        raise ValueError(f"{name} must be a tensor, got {type(value).__name__}")
    if value.dim() != 4 or value.shape[1:] != (channels, size, size):
        raise ValueError(
            f"{name} must be (batch, in_channels = {channels}, image_size = {size}, {size}), "
            f"got {tuple(value.shape)}"
        )
    _like_weights(name, value, like)


def padded_behind(name: str, value: Tensor, pad_id: int) -> None:
    """Refuse token ids (batch, length) with a row that is all padding, or begins with some.

    Raises:
        ValueError: if there is one. Not in a model that is traced, which cannot look at values.
    """
    if not value.size(1):
        raise ValueError(f"{name} must have at least one token in each row, got an empty one")
    if value.device.type == "meta" or _is_traced():
        return
    real = value != pad_id  # (batch, length)
    if not real.any(dim=1).all():
        raise ValueError(f"{name} must have at least one token in each row, got an empty one")
    if (real[:, 1:] & ~real[:, :-1]).any():
        raise ValueError(f"{name} must have padding ({pad_id}) behind its end only")


def _like_weights(name: str, value: Tensor, like: Tensor) -> None:
    """Refuse another type, but under autocast, which casts numbers with a point; another device."""
    if value.device != like.device:
        raise ValueError(f"{name} must be on {like.device}, as the weights are, got {value.device}")
    if value.dtype == like.dtype:
        return
    if not value.is_floating_point() or not torch.is_autocast_enabled(value.device.type):
        raise ValueError(f"{name} must be {like.dtype}, as the weights are, got {value.dtype}")


def _is_whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def broadcasts(name: str, value: Tensor, shape: tuple[int, ...], hint: str = "") -> None:
    """Refuse what does not broadcast to the scores of an attention, (…, q_len, k_len).

    Raises:
        ValueError: naming the argument, with the hint behind it.
    """
    try:
        value.expand(shape)
    except RuntimeError:
        raise ValueError(
            f"{name} must broadcast to the scores {tuple(shape)}, got {tuple(value.shape)}{hint}"
        ) from None


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _is_traced() -> bool:
    """Whether the values of tensors cannot be looked at: `torch.compile`, `torch.export`."""
    return torch.compiler.is_compiling()
