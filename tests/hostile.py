"""What nobody should give: wrong kinds of numbers, tensors of other types and shapes, and worse."""

import inspect
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

NAN, INF = float("nan"), float("inf")

SCALARS = {
    int: ["8", None, [1], 1.5, True, NAN, INF, -1],
    float: ["0.5", None, [0.5], True, NAN, INF, -1.0],
    bool: [None, "yes", 2],
    str: [None, 5, ["a"], "no such name"],
}
OBJECTS = [None, 5, "text", object()]


def hostile(argument: str, parameter: inspect.Parameter, good: Any) -> Iterator[tuple[str, Any]]:
    """Values that nobody should give for an argument, each with what to call it."""
    default = parameter.default
    written = str(parameter.annotation)
    may_be_none = default is None or "None" in written or good is None
    if isinstance(good, torch.Tensor) or (good is None and "Tensor" in written):
        values = _tensors(good) if isinstance(good, torch.Tensor) else []
        values += [(repr(value)[:30], value) for value in (5, "text", [[1.0]])]
        values += [("array", np.ones((2, 3))), *([] if may_be_none else [("None", None)])]
        yield from values
        return
    example = good if good is not None or default is parameter.empty else default
    kind = next((k for k in (bool, int, float, str) if isinstance(example, k)), None)
    if kind is None:
        kind = next(
            (
                k
                for k in (bool, int, float, str)
                if re.match(rf"{k.__name__}\b|<class '{k.__name__}'>", written)
            ),
            None,
        )
    values = SCALARS.get(kind, OBJECTS)
    for value in values:
        if not (value is None and may_be_none) and value != example:
            yield repr(value) if type(value) is not object else "object()", value


def _tensors(good: torch.Tensor) -> list[tuple[str, Any]]:
    """Other types, other shapes, another device, ids that are in no vocabulary."""
    changed = {
        "bool": good.bool(), "complex64": good.to(torch.complex64), "meta": good.to("meta"),
        "extra axis": good[None], "no axis": good.flatten()[0],
    }  # fmt: skip
    if good.is_floating_point():
        changed |= {"int64": good.long(), "half": good.half(), "float64": good.double()}
        changed |= {"NaN": torch.full_like(good, NAN)}
    elif good.dtype != torch.bool:
        changed |= {"float32": good.float(), "uint8": good.to(torch.uint8)}
        changed |= (
            {"too high": good + 10**6, "negative": good - 10**6}
            if good.dtype == torch.int64
            else {}
        )
    else:
        changed |= {"float32": good.float(), "int64": good.long()}
    return [(name, x) for name, x in changed.items() if x.dtype != good.dtype or name in
            ("meta", "extra axis", "no axis", "NaN", "too high", "negative")]  # fmt: skip
