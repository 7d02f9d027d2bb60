"""Settings: counts, probabilities, switches, and choices among names."""

import math
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

import torch


def whole(**values: int) -> None:
    """Refuse what is not a whole number.

    Raises:
        ValueError: naming the argument.
    """
    for name, value in values.items():
        if not _is_whole(value):
            raise ValueError(f"{name} must be a whole number, got {value!r}")


def at_least(least: int, /, **values: int) -> None:
    """Refuse what is not a whole number of at least `least`.

    Raises:
        ValueError: naming the argument.
    """
    whole(**values)
    for name, value in values.items():
        if value < least:
            raise ValueError(f"{name} must be at least {least}, got {value}")


def at_least_or_none(least: int, /, **values: int | None) -> None:
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


def multiple(of: int, /, **values: int) -> None:
    """Refuse what is not a positive multiple of a number.

    Raises:
        ValueError: naming the argument.
    """
    for name, value in values.items():
        if not _is_whole(value) or value < 1 or value % of:
            raise ValueError(f"{name} must be a positive multiple of {of}, got {value!r}")


def finite(**values: float) -> None:
    """Refuse what is not a finite number.

    Raises:
        ValueError: naming the argument.
    """
    for name, value in values.items():
        if not _is_number(value) or not -math.inf < value < math.inf:
            raise ValueError(f"{name} must be a finite number, got {value!r}")


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


def one_of(known: Iterable[Any], /, **values: Any) -> None:
    """Refuse values that are not known.

    Raises:
        ValueError: naming the argument and all that is known.
    """
    known = tuple(known)
    for name, value in values.items():
        if value not in known:
            raise ValueError(f"{name} must be one of {known}, got {value!r}")


def _is_whole(value: Any) -> bool:
    """Whether it counts; so does a length that is left open while torch traces a model."""
    return isinstance(value, Integral | torch.SymInt) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
