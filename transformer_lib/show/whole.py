"""Whole models as a run shows them: Figure 1 of Vaswani et al. 2017, the book's map; one stack."""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from transformer_lib.show.canvas import Canvas
from transformer_lib.show.runs import Event, Run, same, watch
from transformer_lib.show.streams import Column, shape_of, weights_said

# The chapter that derives each kind of part.
CHAPTERS = {
    "MultiHeadAttention": "02_multi_head",
    "SinusoidalPositions": "03_positions",
    "LearnedPositions": "03_positions",
    "FeedForward": "04_blocks",
    "LayerNorm": "04_blocks",
    "Embedding": "07_transformer",
}


def transformer(
    model: nn.Module, source: Tensor, target: Tensor, *, lit: Sequence[str] = (), small=False
) -> Canvas:
    """Draw an encoder-decoder model: every box leads to its chapter.

    The encoder is the part whose result another part, the decoder, reads beside its own input.

    Args:
        model: it is run.
        source: ids (batch, source_len).
        target: ids (batch, target_len).
        lit: classes of parts to be lit ("FeedForward"), or their names ("cross_attention"), which
            say "you are here".
        small: a miniature, without text and links.

    Returns:
        A `Canvas`.

    Raises:
        ValueError: if no part reads what another gave, or nothing in the model has a class or
            name to be lit.
    """
    run = watch(model, source, target)
    parts = [event for event in run.events if event.part is not None]
    known = {type(event.part).__name__ for event in parts} | {event.own_name for event in parts}
    if unknown := set(lit) - known:
        raise ValueError(f"lit must name parts or their classes, got {sorted(unknown)}")
    encoder, decoder = _readers(run)
    flow = _flow(run, source, encoder.got), _flow(run, target, run.got)
    c = Canvas(
        f"{type(model).__name__}: encoder and decoder",
        f"Left, the source, {shape_of(source)}: {_said(flow[0])}. Right, the target, "
        f"{shape_of(target)}: {_said(flow[1])}. What the encoder gives, {shape_of(encoder.got)}, "
        f"is read in every layer of the decoder. Out come logits, {shape_of(run.got)}.",
        small=small,
    )
    links = {} if small else {name: f"{chapter}.ipynb" for name, chapter in CHAPTERS.items()}
    style = {"width": 136, "small": True, "links": links, "lit": lit}
    left = Column(c, stream=20, middle=100, **style)
    right = Column(c, stream=340, middle=260, **style)
    for column, text, events in (
        (left, f"source {shape_of(source)}", flow[0]),
        (right, f"target {shape_of(target)}", flow[1]),
    ):
        column.begin(text)
        for event in events:
            if event in (encoder, decoder):
                column.draw_stack(run, run.parts(event.name))
            elif event.part is None:
                column.on_stream(event, _operation(event, model))
            else:
                column.on_stream(event)
    left.end(shape_of(encoder.got))
    right.end(f"logits {shape_of(run.got)}")
    bend = left.y + 30
    c.line((20, left.y + 24), (20, bend), (180, bend), (180, right.readers[0][1]), tip=False)
    for edge, y in right.readers:
        c.line((180, y), (edge - 2, y))
    return c


def one_stream(model: nn.Module, given: Tensor) -> Canvas:
    """Draw a model of a single stack, from what it is given to its logits.

    Args:
        model: a decoder-only or encoder-only model; it is run.
        given: ids (batch, seq_len), or whatever else its first part reads.

    Returns:
        A `Canvas`.

    Raises:
        ValueError: if what comes out is not made, step by step, from what was given.
    """
    run = watch(model, given)
    flow = _flow(run, given, run.got)
    if not flow or not same(flow[-1].got, run.got):
        raise ValueError("model must make its output from what it is given, part by part")
    c = Canvas(
        f"{type(model).__name__}: one stack",
        f"{shape_of(given)} goes through {_said(flow)}. Out come logits, {shape_of(run.got)}. "
        f"{weights_said([event for event in flow if event.part is not None])}",
    )
    column = Column(c, stream=40, middle=204, width=220)
    column.begin(f"given {shape_of(given)}")
    shape = given.shape
    for event in flow:
        if event.part is None:
            column.on_stream(event, _operation(event, model))
        elif any(_is_stack(run, part) for part in run.parts(event.name)):  # one level is enough
            for part in run.parts(event.name):
                column.on_stream(part)
        elif len(run.parts(event.name)) > 1:
            column.draw_stack(run, run.parts(event.name))
        else:
            column.on_stream(event)
        if event.got.shape != shape and event is not flow[-1]:
            shape = event.got.shape
            column.pass_on(shape_of(event.got))
    column.end(f"logits {shape_of(run.got)}")
    return c


def _is_stack(run: Run, event: Event) -> bool:
    """Whether two neighbours among its parts are of one kind and have parts of their own."""
    kinds = [type(part.part) if run.parts(part.name) else None for part in run.parts(event.name)]
    return any(one is other is not None for one, other in pairwise(kinds))


def _readers(run: Run) -> tuple[Event, Event]:
    """The part whose result another reads beside its own input, and that other."""
    parts = run.parts()
    for decoder in parts:
        for encoder in parts:
            if any(same(encoder.got, tensor) for tensor in decoder.tensors[1:]):
                return encoder, decoder
    raise ValueError("model must have a part that reads what another gave, as a decoder does")


def _flow(run: Run, ids: Tensor, end: Tensor) -> list[Event]:
    """From ids to a result: the parts and operations through which the numbers went, in order."""
    flow, now = [], ids
    for event in run.events:
        given = [value for value in event.given.values() if isinstance(value, Tensor)]
        made = event.where == "" and event.got.is_floating_point() and not same(event.got, now)
        if made and any(same(now, tensor) for tensor in given):
            flow.append(event)
            now = event.got
        if same(now, end):
            break
    return flow


def _operation(event: Event, model: nn.Module) -> str:
    """What stands in the pill of an operation: a factor, or the matrix it multiplies with."""
    other = event.given.get(1)
    if event.name == "linear":
        return f"{next(n for n, p in model.named_parameters() if p is other).split('.')[0]}ᵀ"
    if event.name == "mul" and isinstance(other, float):
        return f"× √{other * other:.4g}"
    return event.name


def _said(flow: list[Event]) -> str:
    return ", ".join(event.own_name if event.part is not None else event.name for event in flow)
