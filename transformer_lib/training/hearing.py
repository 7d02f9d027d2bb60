"""What passes through a model while it computes a loss, heard from outside.

Hooks hear the vectors that are made of ids, the features and what the model returns; the targets
are heard where the loss calls cross-entropy, dead units where an activation function is called.
Nothing is asked of the model's class, nor of the layout of a batch.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

ACTIVATIONS = {"relu", "relu_", "gelu", "silu"}
TINY = 1e-6  # GELU's tail is never quite 0


@dataclass
class Heard:
    """One forward pass, its graph included.

    Attributes:
        tokens: ids (batch, len) that the model was given, and the vectors (batch, len, width) that
            were made of them: a pair for each table that was asked.
        output: the first tensor of numbers in what the model returned.
        features: the last tensor of the vectors' shape that one of its parts returned.
        silent: for each call of an activation function the share of the units that it made 0
            for all tokens.
        targets: the classes that cross-entropy was given, one row; None where it was not called.
        counted: which of them count.
        classes: how many there are.
    """

    tokens: list[tuple[Tensor, Tensor]] = field(default_factory=list)
    output: Tensor | None = None
    features: Tensor | None = None
    silent: list[float] = field(default_factory=list)
    targets: Tensor | None = None
    counted: Tensor | None = None
    classes: int | None = None

    @property
    def written(self) -> tuple[Tensor, Tensor] | None:
        """Those tokens whose places are the output's: what a model that writes has read."""
        shape = None if self.output is None else self.output.shape[:2]
        there = [pair for pair in self.tokens if pair[0].shape == shape]
        return there[-1] if there and self.output.dim() == 3 else None


@contextmanager
def hear(model: nn.Module) -> Iterator[Heard]:
    """Hear what passes through a model and into cross-entropy.

        with hear(model) as heard:
            loss(model, batch)

    Args:
        model: it computes as it would without.

    Yields:
        What was heard, complete at the end of the block.

    Raises:
        ValueError: if `model` is not a module.
    """
    if not isinstance(model, nn.Module):
        raise ValueError(f"model must be a module, got {type(model).__name__}")
    heard = Heard()
    given: list[Tensor] = []

    def on_start(_, args, kwargs):
        given.extend(x for x in (*args, *kwargs.values()) if _is_ids(x))

    def on_end(_, args, out):
        heard.output = _first(out)

    def on_part(part):
        def hook(_, args, out):
            vectors = _first(out)
            if vectors is None or vectors.dim() != 3:
                return None
            ids = args[0] if args and _is_ids(args[0]) else None
            if ids is not None and ids.shape == vectors.shape[:2] and _is_table(part):
                if given and not any(ids.shape == x.shape and (ids == x).all() for x in given):
                    return None
                if not vectors.requires_grad:  # a table that is not trained
                    out = vectors = vectors.detach().requires_grad_()
                heard.tokens = [pair for pair in heard.tokens if pair[0] is not ids]
                heard.tokens.append((ids, vectors))
                return out
            if heard.tokens and vectors.shape == heard.tokens[-1][1].shape:
                heard.features = vectors.detach()
            return None

        return hook

    handles = [
        model.register_forward_pre_hook(on_start, with_kwargs=True),
        model.register_forward_hook(on_end),
    ]
    for part in model.modules():
        if part is not model:
            handles.append(part.register_forward_hook(on_part(part)))
    try:
        with _Functions(heard):
            yield heard
    finally:
        for handle in handles:
            handle.remove()


class _Functions(TorchFunctionMode):
    """Hears activation functions, and the first call of cross-entropy."""

    def __init__(self, heard: Heard):
        super().__init__()
        self._heard = heard

    def __torch_function__(self, function: Callable, types: Any, args=(), kwargs=None):
        kwargs = kwargs or {}
        out = function(*args, **kwargs)
        if getattr(function, "__name__", "") in ACTIVATIONS:
            zero = out.detach().flatten(0, -2).abs() < TINY
            self._heard.silent.append(zero.all(0).float().mean().item())
        if function is F.cross_entropy and self._heard.targets is None:
            given = {**dict(zip(("input", "target"), args, strict=False)), **kwargs}
            logits, targets = given["input"], given["target"]
            if not targets.is_floating_point():  # classes, not shares of them
                self._heard.classes = logits.size(1 if logits.dim() > 1 else 0)
                self._heard.targets = targets.flatten()
                self._heard.counted = self._heard.targets != given.get("ignore_index", -100)
        return out


def _is_ids(x: Any) -> bool:
    whole = isinstance(x, Tensor) and not x.is_floating_point() and not x.is_complex()
    return whole and x.dim() == 2


def _is_table(part: nn.Module) -> bool:
    """Whether it only looks up: a table, several with their maps, or a class without parts."""
    inner = [m for m in part.modules() if m is not part and not any(m.children())]
    return all(isinstance(m, nn.Embedding | nn.Linear) for m in inner)


def _first(out: Any) -> Tensor | None:
    """The first tensor of numbers in what a module returns."""
    if isinstance(out, Tensor):
        return out if out.is_floating_point() else None
    parts = out.values() if isinstance(out, dict) else out if isinstance(out, list | tuple) else ()
    return next((x for x in map(_first, parts) if x is not None), None)
