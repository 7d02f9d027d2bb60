"""Tensors of real numbers: what a layer or a model works on."""

import torch
from torch import Tensor


def tensor(**values: Tensor) -> None:
    """Refuse what is no tensor.

    Raises:
        ValueError: naming the argument.
    """
    for name, value in values.items():
        _tensor(name, value)


def floating(name: str, value: Tensor, *, dims: int | None = None, meta: bool = False) -> None:
    """Refuse what is not a tensor of real numbers, with `dims` axes, or at least one.

    Args:
        name: what to call it in the message.
        value: should be of floating point.
        dims: number of axes; None for any but none.
        meta: whether a tensor without numbers will do, for what only follows its shape.

    Raises:
        ValueError: if it is not.
    """
    _tensor(name, value)
    fits = value.dim() == dims if dims is not None else value.dim() > 0
    if not value.is_floating_point() or not fits or (value.is_meta and not meta):
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
    _tensor(name, value)
    if value.dim() != (dims or value.dim()) or value.dim() < 1 or value.size(-1) != width:
        shape = "…" if dims is None else "batch, len"
        raise ValueError(f"{name} must be ({shape}, d_model = {width}), got {tuple(value.shape)}")
    _fits(name, value, like, "the weights are")


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
    _tensor(name, value)
    if value.dim() != 4 or value.shape[1:] != (channels, size, size):
        raise ValueError(
            f"{name} must be (batch, in_channels = {channels}, image_size = {size}, {size}), "
            f"got {tuple(value.shape)}"
        )
    _fits(name, value, like, "the weights are")


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


def like(other: str, wanted: Tensor, /, **values: Tensor) -> None:
    """Refuse tensors of another type or device than one that is called `other`.

    Under autocast, which casts numbers with a point, any of their types will do.

    Raises:
        ValueError: naming the argument.
    """
    tensor(**values)
    for name, value in values.items():
        _fits(name, value, wanted, f"{other} is")


def _tensor(name: str, value: Tensor) -> None:
    if not isinstance(value, Tensor):
        raise ValueError(f"{name} must be a tensor, got {type(value).__name__}")


def _fits(name: str, value: Tensor, like: Tensor, what: str) -> None:
    if value.device != like.device:
        raise ValueError(f"{name} must be on {like.device}, as {what}, got {value.device}")
    if value.dtype == like.dtype:
        return
    if not value.is_floating_point() or not torch.is_autocast_enabled(value.device.type):
        raise ValueError(f"{name} must be {like.dtype}, as {what}, got {value.dtype}")
