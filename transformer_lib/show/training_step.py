"""A drawing of one training step: what is kept in the forward pass, and what is computed again.

Read off a run, forward and backward: which layers were called in which order, which of their
inputs autograd kept, and how much it kept while each of them ran.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from transformer_lib import checks
from transformer_lib.show.canvas import Canvas
from transformer_lib.show.streams import shape_of

_TOP, _ROW = 50, 54  # where the first layer's input is, and how far it is to the next
_LEFT, _RIGHT, _BACK = 98, 252, 346  # the forward pass, what runs again, the way of the gradient
_WIDTH, _HEIGHT = 108, 36  # of a layer's box


@dataclass
class _Call:
    """A layer's turn, and the bytes that autograd kept meanwhile, by the address of each block."""

    layer: int
    kept: dict[int, int] = field(default_factory=dict)

    def said(self, unit: int) -> str:
        """How much was kept, in units of so many bytes."""
        units = sum(self.kept.values()) / unit
        return f"keeps {units:.0f} unit{'s' * (round(units) != 1)}" if self.kept else "keeps none"


def training_step(
    layers: Sequence[nn.Module], x: Tensor, forward: Callable[[Tensor], Tensor]
) -> Canvas:
    """Draw a training step over a chain of layers, from a run of it.

    Args:
        layers: in the order in which `forward` calls them, each once.
        x: what goes in, (batch, seq_len, d_model); its size is the unit.
        forward: runs the layers, with checkpoints or without.

    Returns:
        A `Canvas`: at the left the forward pass, a square at each input that is kept; beside it
        what the backward pass runs again.

    Raises:
        ValueError: if x holds no features, `layers` no layers, or they are called in another order.
    """
    if not isinstance(layers, Sequence) or not all(isinstance(p, nn.Module) for p in layers):
        raise ValueError(f"layers must be a list of modules, got {layers!r}")
    if not callable(forward):
        raise ValueError(f"forward must be a function, got {forward!r}")
    checks.floating("x", x, dims=3)
    first, again, kept = _watch(layers, x.detach().requires_grad_(), forward)
    if (order := [call.layer for call in first]) != [*range(len(layers))] or not order:
        raise ValueError(f"forward must call the layers in order, each once, got {order}")
    inputs = ", ".join(str(layer + 1) for layer in kept) or "no layer"
    sheet = Canvas(
        f"One training step of {len(layers)} layers",
        f"The forward pass calls layers 1 to {len(layers)}; each {first[0].said(x.nbytes)}. Kept: "
        f"the input of {inputs}. The backward pass runs again: "
        + (", ".join(f"{c.layer + 1} ({c.said(x.nbytes)})" for c in again) or "nothing")
        + ".",
    )
    _draw_forward(sheet, first, kept, x)
    _draw_again(sheet, again, len(first), x.nbytes)
    return sheet


def _watch(layers, x: Tensor, forward) -> tuple[list[_Call], list[_Call], list[int]]:
    """The calls of the forward pass, those of the backward pass, and whose input is kept."""
    calls, running, packed, read = [], [], set(), []
    weights = {_address(t) for part in layers for t in [*part.parameters(), *part.buffers()]}

    def pack(tensor: Tensor) -> Tensor:
        if (key := _address(tensor)) not in weights:
            packed.add(key)
            if running:
                running[-1].kept[key] = tensor.untyped_storage().nbytes()
        return tensor

    def enter(layer: int) -> Callable:
        def note(module, given):
            calls.append(_Call(layer))
            running.append(calls[-1])
            read.append(given[0])  # held, so that no later tensor gets its address

        return note

    def leave(module, given, got):
        running.pop()

    with ExitStack() as after:
        for parameter in {p for part in layers for p in part.parameters()}:
            after.callback(setattr, parameter, "grad", parameter.grad)
            parameter.grad = None
        for layer, part in enumerate(layers):
            after.enter_context(part.register_forward_pre_hook(enter(layer)))
            after.enter_context(part.register_forward_hook(leave))
        after.enter_context(saved_tensors_hooks(pack, lambda tensor: tensor))
        y = forward(x)
        first, inputs, kept = [*calls], [*read], {*packed}
        y.sum().backward()
    whose = [c.layer for c, t in zip(first, inputs, strict=True) if _address(t) in kept]
    return first, calls[len(first) :], whose


def _address(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def _draw_forward(sheet: Canvas, calls: list[_Call], kept: list[int], x: Tensor) -> None:
    """The stream, a square where it is kept, and the way of the gradient from the loss."""
    bottom = _TOP + _ROW * len(calls)
    sheet.text(_LEFT, 12, "forward pass", "name")
    sheet.text(_LEFT + 14, _TOP - 14, f"x {shape_of(x)}", "left shape")
    for call in calls:
        y = _TOP + _ROW * call.layer
        sheet.line((_LEFT, y - 9), (_LEFT, y + 9), kind="stream", tip=False)
        _box(sheet, call, _LEFT, call.layer + 1, "score", x.nbytes)
        if call.layer in kept:
            said = f"the input of layer {call.layer + 1} is kept"
            sheet.box(_LEFT, y, 15, 15, "", "cell query", said=said)
            sheet.text(_LEFT - 12, y, "kept", "right query")
    sheet.line((_LEFT, bottom - 9), (_LEFT, bottom + 8), kind="stream", tip=False)
    sheet.text(_LEFT, bottom + 20, "loss", "name")
    sheet.line((_LEFT + 22, bottom + 20), (_BACK, bottom + 20), (_BACK, 26))
    sheet.text(_BACK + 8, 12, "gradient", "right name")


def _draw_again(sheet: Canvas, calls: list[_Call], before: int, unit: int) -> None:
    """What the backward pass runs, beside the first run; turns are counted on."""
    if calls:
        sheet.text(_RIGHT - 20, 12, "run again", "name")
    for place, call in enumerate(calls):
        y = _TOP + _ROW * call.layer
        if place and calls[place - 1].layer == call.layer - 1:
            sheet.line((_RIGHT, y - 9), (_RIGHT, y + 9), kind="stream", tip=False)
        else:  # a segment, from the input that was kept
            sheet.line((_LEFT + 9, y), (_RIGHT, y), (_RIGHT, y + 9))
        _box(sheet, call, _RIGHT, before + place + 1, "key", unit)


def _box(sheet: Canvas, call: _Call, middle: float, turn: int, hue: str, unit: int) -> None:
    """A layer, whose turn it was: filled where something is kept, and dashed where nothing is."""
    y = _TOP + _ROW * (call.layer + 0.5)
    kind = f"weights {hue}" if call.kept else "frame"
    said = f"turn {turn}: layer {call.layer + 1} {call.said(unit)}"
    name, note = f"layer {call.layer + 1}", call.said(unit)
    sheet.box(middle, y, _WIDTH, _HEIGHT, name, kind, note=note, said=said)
    sheet.text(middle - _WIDTH / 2 - 6, y, f"{turn}", "right shape")
