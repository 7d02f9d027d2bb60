"""A run, watched: which parts of a module were called and which operations done, on what."""

import contextlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode


@dataclass(frozen=True, eq=False)
class Event:
    """The call of a part, or an operation on tensors.

    Args:
        where: the part inside which it happened, by its dotted name; "" for the whole.
        name: the part's dotted name ("encoder.layers.0"), or the operation's ("softmax").
        given: the arguments, by name those of a part, by place those of an operation.
        got: the result; the first, where there are several.
        part: the module that was called; None for an operation.
    """

    where: str
    name: str
    given: dict
    got: Tensor
    part: nn.Module | None = None

    @property
    def tensors(self) -> list[Tensor]:
        """The arguments that hold features, in order: no ids, no masks."""
        given = self.given.values()
        return [v for v in given if isinstance(v, Tensor) and v.is_floating_point()]

    @property
    def own_name(self) -> str:
        """The name of the attribute, without those of its owners."""
        return self.name.removeprefix(f"{self.where}.")

    @property
    def num_weights(self) -> int:
        """How many weights the part holds."""
        return sum(p.numel() for p in self.part.parameters())


@dataclass(frozen=True, eq=False)
class Run:
    """What happened, in order, between what was given and what came out."""

    events: list[Event]
    got: Tensor

    def parts(self, where: str = "") -> list[Event]:
        """The calls inside a part, less those that hand on what they were given (dropout)."""
        return [
            event
            for event in self.events
            if event.part is not None
            and event.where == where
            and not (event.tensors and same(event.tensors[0], event.got))
        ]

    def operations(self, where: str = "") -> list[Event]:
        """The operations inside a part, and in none of its own parts."""
        return [e for e in self.events if e.part is None and e.where == where]


def watch(run: nn.Module | Callable, *inputs, **named) -> Run:
    """Call `run` in evaluation mode, without gradients, and note what it does.

    Args:
        run: a module or a function.
        *inputs: its arguments.
        **named: more of them.
    """
    events, inside = [], [""]
    modules = dict(run.named_modules()) if isinstance(run, nn.Module) else {}
    training = {module: module.training for module in modules.values()}

    def enter(name):
        return lambda module, args, kwargs: inside.append(name)

    def leave(name):
        def note(module, args, kwargs, got):
            inside.pop()
            given = dict(inspect.signature(module.forward).bind(*args, **kwargs).arguments)
            events.append(Event(inside[-1], name, given, _first(got), module))

        return note

    class Operations(TorchFunctionMode):
        def __torch_function__(self, function, types, args=(), kwargs=None):
            got = function(*args, **(kwargs or {}))
            if isinstance(got, Tensor):
                name = function.__name__.strip("_")
                events.append(Event(inside[-1], name, dict(enumerate(args)) | (kwargs or {}), got))
            return got

    with contextlib.ExitStack() as stack:
        for name, module in modules.items():
            if name:
                for hook in (
                    module.register_forward_pre_hook(enter(name), with_kwargs=True),
                    module.register_forward_hook(leave(name), with_kwargs=True),
                ):
                    stack.callback(hook.remove)
            stack.callback(setattr, module, "training", training[module])
            module.training = False
        stack.enter_context(torch.no_grad())
        stack.enter_context(Operations())
        got = _first(run(*inputs, **named))
    return Run(events, got)


def same(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors hold the same numbers in the same shape."""
    return a.shape == b.shape and a.dtype == b.dtype and torch.equal(a, b)


def _first(got) -> Tensor:
    return got[0] if isinstance(got, tuple) else got
