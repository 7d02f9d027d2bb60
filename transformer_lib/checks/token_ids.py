"""Token ids: whole numbers, of a vocabulary, in a batch or in one row."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from transformer_lib.checks.objects import several
from transformer_lib.checks.tensors import tensor

FEW = 64  # ids: so many are looked at without torch


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
    low, high = _extremes(value)
    if low < 0 or high >= vocab_size:
        raise ValueError(
            f"{name} must be in 0 … {of} - 1 = {vocab_size - 1}, got {low if low < 0 else high}"
        )


def indices(name: str, value: Tensor, *, like: Tensor | None = None) -> None:
    """Refuse what does not choose among the rows of a tensor: whole numbers, (number,).

    Args:
        name: what to call it in the message.
        value: should be (number,) of int64 or int32; looked up on the CPU alone.
        like: what is chosen from, on the same device; None where there is nothing yet.

    Raises:
        ValueError: if it does not.
    """
    tensor(**{name: value})
    if value.dim() != 1 or value.dtype not in (torch.int64, torch.int32):
        raise ValueError(
            f"{name} must be (number,) of int64 or int32, got {tuple(value.shape)} of {value.dtype}"
        )
    if like is None:
        return
    if value.device != like.device:
        raise ValueError(f"{name} must be on {like.device}, got {value.device}")
    if value.device.type != "cpu" or not value.numel() or _is_traced():
        return
    low, high = _extremes(value)
    if low < 0 or high >= len(like):
        raise ValueError(f"{name} must be in 0 … {len(like) - 1}, got {low if low < 0 else high}")


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
    tensor(**{name: value})
    if value.dim() != 1 or value.dtype not in (torch.int64, torch.int32) or len(value) < least:
        raise ValueError(
            f"{name} must be one row of at least {least} numbers of int64 or int32, "
            f"got {tuple(value.shape)} of {value.dtype}"
        )
    if value.is_meta:
        raise ValueError(f"{name} must hold numbers, got a tensor on meta")
    if not value.numel():
        return
    low, high = _extremes(value)
    if low < 0:
        raise ValueError(f"{name} must not be negative, got {low}")
    if vocab_size is not None and high >= vocab_size:
        raise ValueError(f"{name} must be in 0 … {of} - 1 = {vocab_size - 1}, got {high}")


def rows(**values: Sequence[Tensor]) -> None:
    """Refuse what is not several rows of ids, each as in `row`.

    Raises:
        ValueError: naming the argument, and which of its rows.
    """
    for name, value in values.items():
        several(**{name: value})
        if isinstance(value, Iterator):  # to look at its rows would use them up
            raise ValueError(f"{name} must be a sequence, as a list, got {type(value).__name__}")
        for i, ids_of_one in enumerate(value):
            row(f"{name}[{i}]", ids_of_one)


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


def _extremes(value: Tensor) -> tuple[int, int]:
    """The lowest and the highest of some numbers, at least one."""
    if value.numel() <= FEW:  # a token at a time: Python's own numbers are nearer
        found = value.flatten().tolist()
        return min(found), max(found)
    low, high = map(int, value.aminmax())
    return low, high


def _is_traced() -> bool:
    """Whether the values of tensors cannot be looked at: `torch.compile`, `torch.export`."""
    return torch.compiler.is_compiling()
