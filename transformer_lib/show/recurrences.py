"""Drawings of what came before attention: the LSTM's cell, and one model that reads and writes.

As in `show.drawings`, all of it is read off a run: which number multiplies which, what is called
how often, names, shapes and weights.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from transformer_lib.show.canvas import WIDTH, Canvas
from transformer_lib.show.runs import Event, watch
from transformer_lib.show.streams import shape_of

_QUARTERS = ("1st", "2nd", "3rd", "4th")


def memory_cell(formula: Callable, x: Tensor, h: Tensor, c: Tensor, *weights: Tensor) -> Canvas:
    """Draw one step of a cell: its memory along the top, its gates below.

    Args:
        formula: a function of x, h, c and the weights that gives the new h first, as a gate times
            tanh of the new c; the new c is a sum of what is kept and what is written.
        x: (batch, width), what is read.
        h: (batch, hidden), the state.
        c: (batch, hidden), the memory.
        *weights: more arguments.

    Returns:
        A `Canvas`.

    Raises:
        ValueError: if the run shows another structure.
    """
    run = watch(formula, x, h, c, *weights)
    operations = run.operations()
    made = {id(event.got): event for event in operations}
    show, squashed = _gate_and(run.got, made, "tanh")
    memory = made.get(id(squashed.given[0]))
    if memory is None or memory.name != "add":
        raise ValueError("formula must add what it writes to what it keeps; no sum was seen")
    terms = [memory.given[0], memory.given[1]]
    kept = [term for term in terms if _holds(term, c, made)]
    if len(kept) != 1:
        raise ValueError(f"formula must keep c in one of two terms, got it in {len(kept)}")
    (written,) = (term for term in terms if term is not kept[0])
    forget = None if kept[0] is c else _gate_and(kept[0], made)[0]
    write, candidate = _gate_and(written, made, "tanh")
    gates = {"keeps": forget, "writes": write, "candidate": candidate, "shows": show}
    gates = {role: event for role, event in gates.items() if event is not None}
    places = {
        role: int(event.given[0].storage_offset() // c.size(-1)) for role, event in gates.items()
    }
    products = [e.given[0] for e in operations if e.name == "matmul"]
    read = [name for name, one in (("x W", x), ("h U", h)) if any(p is one for p in products)]
    z = next(e.got for e in reversed(operations) if e.got.size(-1) == len(gates) * c.size(-1))
    found = Canvas(
        "A memory cell",
        f"Memory c, {shape_of(c)}, runs along the top: "
        + ("times a gate, " if forget else "kept whole, ")
        + "plus a gate times a candidate. The state h is a gate times tanh of it. "
        + " ".join(
            f"What {role} is the {_QUARTERS[place]} part." for role, place in places.items()
        ),
    )
    _draw_memory(found, c, squashed.given[0], run.got, forget=forget is not None)
    for role, event in gates.items():
        at = {"keeps": 40, "writes": 124, "candidate": 200, "shows": 282}[role]
        found.box(at, 186, 70, 24, event.name, "plain")
        found.text(at + 5, 156, role, "left")
        found.line((at, 232), (at, 200))
        found.text(at + 5, 217, _QUARTERS[places[role]], "left shape")
    found.box(161, 252, 314, 40, " + ".join([*read, "b"]), "weights score", note=shape_of(z))
    for middle, name, value in ((112, "x", x), (242, "h", h)):
        found.line((middle, 296), (middle, 274))
        found.text(middle - 40, 306, f"{name} {shape_of(value)}", "right shape")
        found.grid(middle - 34, 300, value[:1], "score", cell=_side(value))
    return found


def _draw_memory(sheet: Canvas, c: Tensor, new: Tensor, out: Tensor, *, forget: bool) -> None:
    """The line along the top, and how the state comes off it."""
    sheet.text(4, 12, f"c {shape_of(c)}", "left shape")
    sheet.grid(4, 24, c[:1], "score", cell=_side(c))
    sheet.text(356, 12, "new c", "right shape")
    sheet.grid(318, 24, new[:1], "score", cell=_side(new))
    sheet.line((4, 60), (356, 60), kind="stream", tip=False)
    if forget:
        _times(sheet, 40, 60)
        sheet.line((40, 174), (40, 72))
    sheet.plus(162, 60)
    sheet.line((162, 109), (162, 72))
    _times(sheet, 162, 120)
    sheet.line((124, 174), (124, 120), (151, 120))
    sheet.line((200, 174), (200, 120), (173, 120))
    sheet.line((240, 60), (240, 79))
    sheet.box(240, 92, 52, 24, "tanh", "plain")
    sheet.line((240, 104), (240, 120), (271, 120))
    _times(sheet, 282, 120)
    sheet.line((282, 174), (282, 132))
    sheet.line((293, 120), (315, 120))
    sheet.text(356, 102, "new h", "right shape")
    sheet.grid(318, 114, out[:1], "score", cell=_side(out))


def _times(sheet: Canvas, x: float, y: float) -> None:
    """Where two tensors are multiplied, number by number."""
    sheet.box(x, y, 20, 20, "⊙", "plain")


def _side(value: Tensor) -> float:
    """How wide a number's square is."""
    return min(14, 38 / value.size(-1))


def _gate_and(product: Tensor, made: dict[int, Event], other: str = "") -> tuple[Event, Event]:
    """A product's factor that is a sigmoid, and its other one, which is made by `other`."""
    event = made.get(id(product))
    if event is not None and event.name == "mul":
        factors = [made.get(id(event.given[i])) for i in (0, 1)]
        for gate, rest in (factors, factors[::-1]):
            fits = not other or (rest is not None and rest.name == other)
            if gate is not None and gate.name == "sigmoid" and fits:
                return gate, rest
    raise ValueError(
        f"formula must multiply a sigmoid with {other or 'c'}, got {event and event.name}"
    )


def _holds(term: Tensor, c: Tensor, made: dict[int, Event]) -> bool:
    """Whether a term is c, or c times something."""
    event = made.get(id(term))
    return term is c or (event is not None and any(given is c for given in event.given.values()))


def reader_and_writer(
    model: nn.Module,
    source: Tensor,
    target: Tensor,
    *,
    letters: Sequence[str],
    sounds: Sequence[str],
) -> Canvas:
    """Draw a model that reads one sequence and writes another, from a run of it.

    What is called once for each token stands in a dashed frame, with how often; the weights that
    a softmax gave inside it are drawn, a row for each call.

    Args:
        model: of a source and a target; it is run.
        source: ids (1, source_len).
        target: ids (1, target_len).
        letters: what is read, source_len texts.
        sounds: what each row of weights chooses, target_len texts.

    Returns:
        A `Canvas`.

    Raises:
        ValueError: if the texts are not as many as the ids.
    """
    for name, texts, ids in (("letters", letters, source), ("sounds", sounds, target)):
        if len(texts) != ids.size(1):
            raise ValueError(f"{name} must be {ids.size(1)}, one for each id, got {len(texts)}")
    run = watch(model, source, target)
    parts = run.parts()
    calls = [part.name for part in parts]
    first = {name: parts[calls.index(name)] for name in dict.fromkeys(calls)}
    begin = next(i for i, part in enumerate(first.values()) if _is_given(part, target))
    reading, writing = list(first.values())[:begin], list(first.values())[begin + 1 :]
    loop = [part for part in writing if calls.count(part.name) > 1]
    rest = [part for part in writing if part not in loop]
    count = calls.count(loop[0].name) if loop else 1
    weights = [e.got for part in loop for e in run.operations(part.name) if e.name == "softmax"]
    sheet = Canvas(
        f"{type(model).__name__}: reads {source.size(1)} tokens, writes {target.size(1)}",
        f"{_names(reading)} read the source. {_names(list(first.values())[begin : begin + 1])} "
        "takes the target. "
        + (f"{count} times, once for each token: {_names(loop)}. " if loop else "")
        + f"Then, once for all tokens: {_names(rest)}. Each name is an attribute of the model.",
    )
    sheet.text(92, 12, f"source {shape_of(source)}", "shape")
    sheet.text(268, 12, f"target {shape_of(target)}", "shape")
    left = _column(sheet, reading, 92, 20, 160)
    right = _column(sheet, [list(first.values())[begin]], 268, 20, 160)
    y = max(left, right) + 16
    for x, bottom in ((92, left), (268, right)):
        sheet.line((x, bottom), (x, y - 2))
    if loop:
        y = _draw_loop(sheet, loop, count, weights, y, letters, sounds)
    else:
        sheet.line((92, y), (268, y), kind="stream", tip=False)  # both go into what follows
    _column(sheet, rest, 180, y, 200)
    return sheet


def _draw_loop(sheet, loop, count, weights, y, letters, sounds) -> float:
    """The frame around what is done once a token; returns where it ends."""
    start, side = y, min(18.0, 160 / len(letters))
    sheet.text(14, y + 14, f"{count} times, once for each token", "left")
    y = _column(sheet, loop[:1], 180, y + 22, 220) if weights else y + 22
    if weights:
        table = torch.cat(weights)
        x = WIDTH / 2 - side * len(letters) / 2
        sheet.text(x - 8, y + 8, "its weights", "right shape")
        for i, letter in enumerate(letters):
            sheet.text(x + side * (i + 0.5), y + 8, letter, "shape")
        for i, sound in enumerate(sounds):
            sheet.text(x - 8, y + 18 + side * (i + 0.5), sound, "right shape")
        sheet.grid(x, y + 18, table, "score", cell=side)
        y += 18 + side * len(sounds)
    y = _column(sheet, loop[bool(weights) :], 180, y, 220)
    sheet.frame(4, start, WIDTH - 8, y + 10 - start)
    return y + 10


def _column(sheet: Canvas, parts: Sequence[Event], x: float, y: float, width: float) -> float:
    """Boxes under one another, each with the shape of what it gives; returns where they end."""
    for part in parts:
        sheet.line((x, y), (x, y + 12))
        note = f"{type(part.part).__name__} · {part.num_weights:,}"
        said = f"{part.name}, {part.num_weights:,} weights"
        sheet.box(x, y + 30, width, 36, part.own_name, "weights score", note=note, said=said)
        got = part.got if isinstance(part.got, Tensor) else part.got.data  # of packed rows: all
        sheet.text(x, y + 57, shape_of(got), "shape")
        y += 64
    return y


def _is_given(part: Event, ids: Tensor) -> bool:
    return any(given is ids for given in part.given.values())


def _names(parts: Sequence[Event]) -> str:
    return ", ".join(part.own_name for part in parts)
