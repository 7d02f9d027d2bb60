"""What a checkpoint gives back: Python's own numbers and strings, tensors, and what holds them."""

from numbers import Integral, Real
from typing import Any

from torch import Tensor

_KNOWN = (type(None), bool, int, float, str)


def plain(value: Any, must: str, *, tensors: bool = True) -> Any:
    """Copy `value` in Python's own types.

    `torch.load` rebuilds no other types, for that would mean to run code from a file. So a number
    of numpy's, which a schedule or a measure returns before one knows it, would make a checkpoint
    unreadable: here it becomes a float or an int, a named tuple a tuple, an enum's string a string.

    Args:
        value: numbers, strings, None, tensors, and lists, tuples and dicts of those.
        must: how the message begins: "evaluate must return".
        tensors: whether there may be tensors. They are not copied.

    Raises:
        ValueError: if there is anything else in it.
    """
    if type(value) in _KNOWN or (tensors and isinstance(value, Tensor)):
        return value
    if isinstance(value, dict):
        pairs = value.items()
        return {plain(k, must, tensors=False): plain(v, must, tensors=tensors) for k, v in pairs}
    if isinstance(value, (list, tuple)):
        parts = [plain(part, must, tensors=tensors) for part in value]
        return tuple(parts) if isinstance(value, tuple) else parts
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    if getattr(value, "shape", None) == () and not isinstance(value, Tensor):
        return plain(value.item(), must, tensors=tensors)  # numpy's True and False
    allowed = "numbers, strings, tensors" if tensors else "numbers, strings"
    raise ValueError(
        f"{must} {allowed}, or lists, tuples and dicts of them, got {type(value).__name__}"
    )
