"""Objects: parts of a model, functions, lists, tables, and places on the disk."""

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from torch import nn


def a(kind: type, /, **values: Any) -> None:
    """Refuse what is not of a class.

    Raises:
        ValueError: naming the argument, and both classes.
    """
    for name, value in values.items():
        if not isinstance(value, kind):
            raise ValueError(f"{name} must be a {kind.__name__}, got {type(value).__name__}")


def module(**values: nn.Module) -> None:
    """Refuse what is no module.

    Raises:
        ValueError: naming the argument.
    """
    for name, value in values.items():
        if not isinstance(value, nn.Module):
            raise ValueError(f"{name} must be a module, got {type(value).__name__}")


def function(**values: Callable) -> None:
    """Refuse what cannot be called.

    Raises:
        ValueError: naming the argument.
    """
    for name, value in values.items():
        if not callable(value):
            raise ValueError(f"{name} must be a function, got {type(value).__name__}")


def several(**values: Iterable[Any]) -> None:
    """Refuse what is no list, nor anything else that can be gone through; a string is none.

    Raises:
        ValueError: naming the argument.
    """
    for name, value in values.items():
        if isinstance(value, str | bytes) or not isinstance(value, Iterable):
            raise ValueError(f"{name} must be several, as in a list, got {value!r:.60}")


def mapping(**values: Mapping) -> None:
    """Refuse what is no dict, nor anything like one.

    Raises:
        ValueError: naming the argument.
    """
    for name, value in values.items():
        if not isinstance(value, Mapping):
            raise ValueError(f"{name} must be a dict, got {type(value).__name__}")


def path(**values: str | os.PathLike) -> None:
    """Refuse what names no place on a disk.

    Raises:
        ValueError: naming the argument.
    """
    for name, value in values.items():
        if not isinstance(value, str | os.PathLike):
            raise ValueError(f"{name} must be a path, got {type(value).__name__}")
