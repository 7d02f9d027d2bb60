"""What makes a run this run: by it a folder knows whether a call goes on with what it holds.

Nothing here can be compared in full, but what one changes between two calls by accident shows:
other data in the first batches, another loss in its code and settings, other numbers in words.
"""

import difflib
import hashlib
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from functools import partial
from types import CodeType
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_PLAIN = (type(None), bool, int, float, str)


def fingerprint(
    model: nn.Module, loss: Callable, optimizers: Sequence[Optimizer], **settings: Any
) -> dict[str, Any]:
    """Describe a run in names and plain values.

    Args:
        model: its parts and, where it has one, its `config`.
        loss: its name, code and settings. The code counts only under the same Python.
        optimizers: their kinds and settings.
        settings: further ones.
    """
    found = {
        "model": _ADDRESS.sub("", f"{model!r}\n{getattr(model, 'config', '')!r}"),
        "loss": _described(loss),
        f"code of loss (Python {sys.version_info[0]}.{sys.version_info[1]})": _code_digest(loss),
        "optimizer": [type(optimizer).__qualname__ for optimizer in optimizers],
    }
    for i, optimizer in enumerate(optimizers):
        found[f"groups of optimizer {i}"] = [len(g["params"]) for g in optimizer.param_groups]
        for j, group in enumerate(optimizer.param_groups):
            for name in sorted(group.keys() - {"params", "initial_lr"}):
                value = group[name]
                value = value.item() if hasattr(value, "item") else value
                found[f"{name} of optimizer {i}, group {j}"] = repr(value)
    return found | settings


def differences(then: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Say in words what of two fingerprints is not the same; what only one has is passed over."""
    said = []
    for name in then.keys() & now.keys():
        if then[name] != now[name]:
            old, new = (str(values[name]) for values in (then, now))
            if "\n" in old:
                old, new = _first_difference(old, new)
            said.append(f"{name} was {old[:80]}, is {new[:80]}")
    return sorted(said)


def digest(*values: Any) -> str:
    """A short name for what is in batches or weights: tensors, and what holds them."""
    sha = hashlib.sha256()
    for value in values:
        _feed(sha, value)
    return sha.hexdigest()[:16]


def _feed(sha, value: Any) -> None:
    if isinstance(value, Tensor):
        sha.update(f"{value.dtype} {tuple(value.shape)}".encode())
        flat = value.detach().cpu().contiguous().flatten()
        sha.update(memoryview(flat.view(torch.uint8).numpy()))
    elif isinstance(value, dict):
        for name, part in value.items():
            _feed(sha, (name, part))
    elif isinstance(value, (list, tuple)):
        sha.update(f"{len(value)} of".encode())
        for part in value:
            _feed(sha, part)
    elif is_dataclass(value):
        for field in fields(value):
            _feed(sha, (field.name, getattr(value, field.name)))
    elif hasattr(value, "tobytes"):  # numpy
        sha.update(value.tobytes())
    else:
        sha.update((repr(value) if isinstance(value, _PLAIN) else type(value).__name__).encode())


def _described(loss: Any) -> str:
    """Name and settings of a function, or of an object that is called like one."""
    if isinstance(loss, partial):
        named = [f"{name}={_setting(value)}" for name, value in loss.keywords.items()]
        return f"{_described(loss.func)}({', '.join([*map(_setting, loss.args), *named])})"
    if not hasattr(loss, "__qualname__"):
        named = type(loss).__repr__ is not object.__repr__
        return _ADDRESS.sub("", repr(loss)) if named else type(loss).__qualname__
    named = getattr(loss, "__kwdefaults__", None) or {}
    defaults = [*(getattr(loss, "__defaults__", None) or ()), *named.values()]
    cells = [cell.cell_contents for cell in getattr(loss, "__closure__", None) or ()]
    known = [repr(value) for value in [*defaults, *cells] if isinstance(value, _PLAIN)]
    return f"{loss.__qualname__}{f' with {known}' if known else ''}"


def _setting(value: Any) -> str:
    return repr(value) if isinstance(value, _PLAIN) else type(value).__name__


def _code_digest(loss: Any) -> str:
    loss = loss.func if isinstance(loss, partial) else loss
    code = getattr(loss if hasattr(loss, "__code__") else type(loss).__call__, "__code__", None)
    return "unknown" if code is None else digest(_instructions(code))


def _instructions(code: CodeType) -> list[Any]:
    parts: list[Any] = [code.co_code.hex(), code.co_names]
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            parts.append(_instructions(constant))
        elif isinstance(constant, frozenset):  # which has no order
            parts.append(sorted(map(repr, constant)))
        else:
            parts.append(repr(constant))
    return parts


def _first_difference(old: str, new: str) -> tuple[str, str]:
    """The first line of each that the other has not."""
    lines = list(difflib.ndiff(old.splitlines(), new.splitlines()))
    gone = next((line[2:].strip() for line in lines if line.startswith("- ")), "nothing")
    come = next((line[2:].strip() for line in lines if line.startswith("+ ")), "nothing")
    return gone, come
