"""Drawings of what the code does: each is made from a run of it, and shows what happened there.

Nothing is drawn from memory. Names are those of the attributes, shapes those of the tensors that
passed, and a norm, a plus or a factor stands where the run had one.
"""

from collections.abc import Callable

from torch import Tensor, nn

from transformer_lib.show.canvas import Canvas
from transformer_lib.show.products import draw_products
from transformer_lib.show.runs import Event, Run, watch
from transformer_lib.show.steps import attends, attention_steps, behind, factors_of, query_of
from transformer_lib.show.streams import (
    Column,
    alike,
    from_elsewhere,
    put,
    segments,
    shape_of,
    weights_said,
)


def attention(formula: Callable, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None):
    """Draw one head of attention, number for number.

    Each product stands where its two factors meet: rows come from the left, columns from above.

    Args:
        formula: a function of q, k, v and, where one is given, the mask; it is run.
        q: (q_len, head_dim).
        k: (k_len, head_dim).
        v: (k_len, v_dim).
        mask: boolean (q_len, k_len), True = may attend.

    Returns:
        A `Canvas`, which a notebook shows.

    Raises:
        ValueError: if `formula` does not multiply two matrices and their result with a third, as
            plain operations.
    """
    run = watch(formula, *((q, k, v) if mask is None else (q, k, v, mask)))
    scores, steps, output = _two_products(run, q)
    product = query_of(scores, run.operations())[1]
    scores, weights, out = scores.got, output.given[0], run.got
    steps_said = ", then ".join(steps) or "nothing"
    c = Canvas(
        f"Attention: {len(q)} queries, {len(k)} keys",
        f"q, {tuple(q.shape)}, stands left of the scores, {tuple(scores.shape)}, and the transpose "
        f"of k, {tuple(k.T.shape)}, above them: {product}. Between scores and weights: "
        f"{steps_said}. Left of the output, {tuple(out.shape)}, stand the weights, and above it v, "
        f"{tuple(v.shape)}.",
    )
    names = {"q": "q", "k": "kᵀ", "v": "v", "product": product, "between": "weights"}
    shut = None if mask is None else weights != 0
    draw_products(c, (q, k, v), (scores, weights, out), steps, names, shut)
    return c


def feed_forward(formula: Callable, x: Tensor, w_1: Tensor, w_2: Tensor) -> Canvas:
    """Draw a feed-forward block, number for number, as `attention` is drawn.

    A column of w_1 is what a hidden unit responds to, and the row of w_2 what it then adds: its key
    and its value, and the token is the query.

    Args:
        formula: a function of x, w_1 and w_2; it is run.
        x: (seq_len, d_model).
        w_1: (d_model, d_ff).
        w_2: (d_ff, d_model), or any other width.

    Returns:
        A `Canvas`.

    Raises:
        ValueError: if `formula` does not multiply x and w_1, and the result with w_2, as plain
            operations on matrices.
    """
    run = watch(formula, x, w_1, w_2)
    sums, steps, output = _two_products(run, x)
    sums, hidden, out = sums.got, output.given[0], run.got
    c = Canvas(
        f"A feed-forward block of {w_1.size(1)} hidden units",
        f"x, {shape_of(x)}, stands left of its products with the columns of W₁, {shape_of(w_1)}. "
        f"Between them and the hidden units: {', then '.join(steps) or 'nothing'}. The hidden "
        f"units, {shape_of(hidden)}, stand left of the output, {shape_of(out)}, and above it W₂, "
        f"{shape_of(w_2)}.",
    )
    names = {"q": "x", "k": "W₁", "v": "W₂", "product": "x W₁", "between": "hidden"}
    draw_products(c, (x, w_1.T, w_2), (sums, hidden, out), steps, names)
    return c


def _two_products(run: Run, x: Tensor) -> tuple[Event, list[str], Event]:
    """The two products of a formula and the names of the steps between them."""
    found = attention_steps(run.operations())
    if found is None or x.dim() != 2:
        raise ValueError(
            "formula must make scores by one matrix product, and its output from them by another, "
            f"on matrices; got the operations {[event.name for event in run.operations()]}"
        )
    return found


def multi_head(layer: nn.Module, *inputs: Tensor, **named) -> Canvas:
    """Draw a layer of several heads: projections, split, attention of all heads, concatenation.

    Which projection is the query's is not read off its name: it is the one whose numbers became
    the left factor of the scores.

    Args:
        layer: the layer, or a module whose last part it is; it is run. What stands before it, such
            as positions, is drawn above.
        *inputs: its arguments, x (batch, q_len, d_model) first.
        **named: more of them. With `return_weights=True` our layer computes the formula step by
            step, and the steps are drawn; without, the fused kernel is one box.

    Returns:
        A `Canvas`.

    Raises:
        ValueError: if no attention is seen in the run.
    """
    run = watch(layer, *inputs, **named)
    front, inside = _front(run)
    parts = run.parts(inside)
    factors, steps, weights = factors_of(run.operations(inside), parts)
    *before, last = parts
    columns = {role: behind(factor, before) for role, factor in factors.items()}
    heads = factors["query"].size(1)
    x = front[-1].got if front else inputs[0]
    c = Canvas(
        f"{heads} heads of attention",
        f"From {shape_of(x)} "
        + "".join(f"behind {part.own_name}, " for part in front)
        + ", ".join(f"{_names(calls)} makes the {role}" for role, calls in columns.items())
        + f", each cut into {heads} heads, {shape_of(factors['query'])}. In every head: "
        + ", ".join(steps)
        + f". The heads, side by side, {shape_of(run.got)}, go through {last.own_name}. "
        + weights_said(parts),
    )
    at = {"query": 60, "key": 180, "value": 300}
    sources = {id(call[0].tensors[0]) for call in columns.values()}
    c.text(180, 12, f"x {shape_of(x)}", "shape")
    top = 22
    for part in front:
        c.line((180, top), (180, top + 12))
        put(c, part, 180, top + 30, 150, 36, _kind(part))
        top += 48
    if len(sources) > 1:
        other = columns["key"][0].tensors[0]
        c.text(300, top + 8, f"other {shape_of(other)}", "shape")
    bottoms = []
    for role, calls in columns.items():
        own = calls[0].tensors[0] is columns["query"][0].tensors[0]
        start = (180, top) if own else (300, top + 18)
        y = top + 48
        c.line(start, (start[0], top + 26), (at[role], top + 26), (at[role], y - 20))
        for i, call in enumerate(calls):
            if i:
                c.line((at[role], y + 18), (at[role], y + 34))
                y += 52
            put(c, call, at[role], y, 114, 36, _kind(call, role))
        bottoms.append(y + 18)
    y = max(bottoms)
    for role, bottom in zip(columns, bottoms, strict=True):
        c.line((at[role], bottom), (at[role], y + 30))
        c.text(at[role], y + 42, shape_of(factors[role]), f"shape {role}")
        c.line((at[role], y + 52), (at[role], y + 70))
    y += 70
    height = 34 + 30 * len(steps) + (22 if weights is not None else 0)
    for shadow in range(min(heads, 4) - 1, -1, -1):  # the heads behind one another
        c.box(180 + 5 * shadow, y + height / 2 - 5 * shadow, 320, height, "", "weights score")
    c.text(180, y + 14, f"{heads} heads, each of them", "name")
    for i, step in enumerate(steps):
        c.pill(180, y + 40 + 30 * i, step)
    y += height
    if weights is not None:
        c.text(180, y - 12, f"weights {shape_of(weights)}", "shape")
    c.line((180, y), (180, y + 18), tip=False)
    c.text(180, y + 28, f"heads side by side {shape_of(last.tensors[0])}", "shape")
    c.line((180, y + 38), (180, y + 56))
    y += 74
    put(c, last, 180, y, 150, 36, _kind(last))
    c.line((180, y + 18), (180, y + 38))
    c.text(180, y + 50, f"output {shape_of(run.got)}", "shape")
    return c


def layer(module: nn.Module, *inputs: Tensor, **named) -> Canvas:
    """Draw a layer around its residual stream.

    Pre-norm, post-norm, or no norm at all is what the run showed: a plus stands where the sum of
    what went in and what a part gave was found in the next tensor.

    Args:
        module: a layer of an encoder or a decoder; it is run.
        *inputs: its arguments, x (batch, seq_len, d_model) first.
        **named: more of them.

    Returns:
        A `Canvas`.

    Raises:
        ValueError: if a part reads a tensor that is no sum of those before it.
    """
    run = watch(module, *inputs, **named)
    parts, x = run.parts(), inputs[0]
    pairs = segments(x, parts, run.got)
    c = Canvas(
        f"{type(module).__name__}: {_names(parts)}",
        f"A stream of shape {shape_of(x)} runs straight down. "
        + " ".join(
            f"What {_names(aside)} makes of it is added to it." for _, aside in pairs if aside
        )
        + f" {weights_said(parts)}",
    )
    column = Column(c, stream=40, middle=204, width=220)
    column.begin(f"x {_axes(x)}")
    column.draw(pairs)
    column.end(shape_of(run.got))
    return c


def stack(module: nn.Module, *inputs: Tensor, **named) -> Canvas:
    """Draw a stack of layers, those that are alike once, with their number.

    Args:
        module: an encoder or a decoder; it is run.
        *inputs: its arguments, x (batch, seq_len, d_model) first.
        **named: more of them.

    Returns:
        A `Canvas`.

    Raises:
        ValueError: as `layer`.
    """
    run = watch(module, *inputs, **named)
    groups = alike(run, run.parts())
    c = Canvas(
        f"{type(module).__name__}: a stack",
        f"A stream of shape {shape_of(inputs[0])} runs through "
        + ", then ".join(
            f"{count} × {_names(run.parts(part.name)) or part.own_name}" for count, part in groups
        )
        + f". {weights_said(run.parts())}",
    )
    inner = [part for layer in run.parts() for part in run.parts(layer.name)]
    narrow = any(from_elsewhere(part) is not None for part in inner)  # room for what comes in
    column = Column(c, stream=40, middle=174 if narrow else 204, width=160 if narrow else 220)
    column.begin(f"x {_axes(inputs[0])}")
    column.draw_stack(run, run.parts())
    column.end(shape_of(run.got))
    return c


def _front(run: Run) -> tuple[list[Event], str]:
    """The parts before the last, if it is that which attends, and its name; else none, and ""."""
    *front, last = run.parts() or [None]
    if last is None or attends(run.operations()) or not attends(run.operations(last.name)):
        return [], ""
    return front, last.name


def _kind(part: Event, role: str = "score") -> str:
    """How a part's box looks: in its colour, or empty where it has no weights."""
    return f"weights {role}" if part.num_weights else "plain"


def _axes(x: Tensor) -> str:
    """The shape in words: (batch 2, seq_len 10, d_model 512)."""
    names = ("batch", "seq_len", "d_model")
    return f"({', '.join(f'{name} {size}' for name, size in zip(names, x.shape, strict=True))})"


def _names(parts: list[Event]) -> str:
    return ", ".join(part.own_name for part in parts)
