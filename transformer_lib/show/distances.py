"""Drawings of relative attention: a score as four terms that add up, and the shift by counting.

As in `show.drawings`, all of it is read off a run: nothing is drawn that was not computed.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from transformer_lib import checks
from transformer_lib.layers.masks import causal_mask
from transformer_lib.layers.relative import RelativeAttention, relative_shift
from transformer_lib.show.canvas import WIDTH, Canvas
from transformer_lib.show.streams import shape_of

_NEAR = 1e-4  # how far the terms' softmax may be from the layer's weights


@torch.no_grad()
def four_terms(layer: RelativeAttention, x: Tensor, memory: Tensor) -> Canvas:
    """Draw the scores of a layer's first head, and the four terms whose sum they are.

    In the first row the query asks, in the second a constant; in the first column for what a key
    holds, in the second for how far away it is. All five have one scale.

    Args:
        layer: it is run, and the softmax of the sum must be the weights that it gives.
        x: the segment (1, q_len, d_model).
        memory: what stands before it (1, mem_len, d_model).

    Returns:
        A `Canvas`.

    Raises:
        ValueError: if `layer` is of another kind or computes something else.
    """
    if not isinstance(layer, RelativeAttention):
        raise ValueError(f"layer must be a RelativeAttention, got {type(layer).__name__}")
    checks.features("memory", memory, layer.d_model, like=layer.q_proj.weight)
    weights = layer(x, memory, return_weights=True)[1][0, 0]
    terms = _terms(layer, x, memory)
    scores = sum(terms.values())
    mask = causal_mask(*scores.shape)
    gap = (scores.masked_fill(~mask, -torch.inf).softmax(dim=-1) - weights).abs().max().item()
    if not gap < _NEAR:
        raise ValueError(f"layer must weigh by the sum of the four terms, it is {gap:.1e} off")
    q_len, k_len = scores.shape
    pair = [*(term[-1, 0].item() for term in terms.values()), scores[-1, 0].item()]
    said = " + ".join(f"{value:.2f}" for value in pair[:4]).replace("+ -", "− ")
    said = f"{said} = {pair[4]:.2f}".replace("-", "−")
    c = Canvas(
        f"A relative score in four terms: {q_len} queries, {k_len} keys",
        f"{', '.join(terms)}, each {shape_of(scores)}, add up to the scores; under them the "
        f"weights. Of the last query and the first key: {said}. What lies ahead of a query is "
        "hatched.",
    )
    cell = min(16, 80 / k_len)
    wide, high, down = k_len * cell, q_len * cell, q_len * cell + 40
    peak = max(table.abs().max().item() for table in (scores, *terms.values()))
    for i, (name, term) in enumerate(terms.items()):
        x_term, y_term = 8 + i % 2 * (wide + 30), 48 + i // 2 * down
        c.text(x_term + wide / 2, y_term - 12, name, "name")
        c.grid(x_term, y_term, term, "score", cell=cell, mask=mask, peak=peak)
    for i, name in enumerate(("content", "distance")):
        c.text(8 + i * (wide + 30) + wide / 2, 12, name, "shape")
    for i in range(3):
        c.text(23 + wide, 48 + (high + i * down) / 2, "+", "name")
    edge, left = 42 + 2 * wide, WIDTH - 8 - wide
    bottom = 48 + down + high
    c.line((edge, 48), (edge + 6, 48), (edge + 6, bottom), (edge, bottom), tip=False)
    c.text((edge + 6 + left) / 2, (48 + bottom) / 2, "=", "name")
    c.text(left + wide / 2, 36, "scores", "name")
    c.grid(left, 48, scores, "score", cell=cell, mask=mask, peak=peak)
    c.line((left + wide / 2, 50 + high), (left + wide / 2, 64 + high))
    c.text(left + wide / 2, 36 + down, "weights", "name")
    c.grid(left, 48 + down, weights, "score", cell=cell, mask=mask)
    c.text(WIDTH / 2, 66 + down + high, "last query, first key: " + said, "tight")
    return c


def _terms(layer: RelativeAttention, x: Tensor, memory: Tensor) -> dict[str, Tensor]:
    """The four parts of the first head's scores, over √head_dim, each (q_len, k_len)."""
    head = slice(0, layer.head_dim)
    seen = torch.cat([memory, x], dim=1)
    q, k = layer.q_proj(x)[0, :, head], layer.k_proj(seen)[0, :, head] / math.sqrt(layer.head_dim)
    r = layer.rows(x, len(k) + 1)[0]  # (head_dim, k_len + 1), over √head_dim already
    u, v = (bias[head].expand_as(q) for bias in (layer.content_bias, layer.position_bias))
    return {
        "(a) q · k": q @ k.T,
        "(b) q · r": relative_shift(q @ r),
        "(c) u · k": u @ k.T,
        "(d) v · r": relative_shift(v @ r),
    }


def shift_steps(shift: Callable[[Tensor], Tensor], q_len: int, k_len: int) -> Canvas:
    """Draw how scores by distance become scores by key when a line is cut into other rows.

    Every number is followed from where it stood to where `shift` puts it. The darker a cell, the
    later its query; the number in it is its distance.

    Args:
        shift: from (q_len, k_len + 1) to (q_len, k_len); it is run.
        q_len: queries.
        k_len: keys, of which the queries are the last.

    Returns:
        A `Canvas`.

    Raises:
        ValueError: if `shift` does more than to skip some numbers and count anew.
    """
    if not callable(shift):
        raise ValueError(f"shift must be a function, got {shift!r}")
    checks.at_least(1, q_len=q_len)
    checks.at_least(q_len, k_len=k_len)
    before = torch.arange(q_len * (k_len + 1))  # a name for each number
    after = shift(before.view(q_len, k_len + 1))
    skipped = int(after.flatten()[0])
    if not torch.equal(after, before[skipped : skipped + q_len * k_len].view(q_len, k_len)):
        raise ValueError(f"shift must cut the line of numbers anew, got {after.tolist()}")
    c = Canvas(
        f"The shift: {q_len} queries, {k_len} keys",
        f"Scores by distance, rows of {k_len + 1}, lie in memory as one line. After {skipped} that "
        f"are skipped it is cut into rows of {k_len}: under each key stands its distance. What is "
        "hatched lies ahead of its query and belongs to the next one.",
    )
    side = min(20, (WIDTH - 76) / (k_len + 1))
    line = (WIDTH - 12) / len(before)
    c.text(4, 10, "1  one row a query, a column a distance", "left name")
    _rows(c, before.view(q_len, k_len + 1), k_len, 24, side)
    y = 24 + q_len * side + 22
    said = f"2  one line in memory; skip {skipped}, then rows of {k_len}"
    c.text(4, y, said, "left name")
    for n in range(len(before)):
        _number(c, 6 + n * line, y + 34, (line, 18), n, k_len, pale=n < skipped)
    for row in range(q_len):
        for start, many, at, name in (
            (row * (k_len + 1), k_len + 1, y + 30, "query"),
            (skipped + row * k_len, k_len, y + 56, "row"),
        ):
            left, right = 8 + start * line, 4 + (start + many) * line
            c.line((left, at), (right, at), tip=False)
            c.text((left + right) / 2, at + (10 if name == "row" else -8), f"{name} {row}", "shape")
    y += 56 + 34
    c.text(4, y, "3  the same numbers: a column a key", "left name")
    mem_len = k_len - q_len
    for j in range(k_len):
        name = f"m{j}" if j < mem_len else f"x{j - mem_len}"
        c.text(72 + (j + 0.5) * side, y + 18, name, "shape")
    _rows(c, after, k_len, y + 28, side, causal_mask(q_len, k_len))
    return c


def _rows(c: Canvas, names: Tensor, k_len: int, top: float, side: float, mask=None) -> None:
    """A table of numbers by their names, a row for each query."""
    for i, row in enumerate(names.tolist()):
        c.text(66, top + (i + 0.5) * side, f"query {i}", "right shape")
        for j, n in enumerate(row):
            _number(c, 72 + j * side, top + i * side, (side, side), n, k_len)
            if mask is not None and not mask[i, j]:
                c.grid(72 + j * side, top + i * side, torch.zeros(1, 1), "score", cell=side,
                       mask=torch.zeros(1, 1))  # fmt: skip


def _number(c: Canvas, x, y, size, n: int, k_len: int, *, pale: bool = False) -> None:
    """One score: its query by the shade, its distance by the number."""
    query, column = divmod(n, k_len + 1)
    shade = 0.02 if pale else 0.1 + 0.12 * query
    c.parts.append(
        f'<rect x="{x:g}" y="{y:g}" width="{size[0]:g}" height="{size[1]:g}" class="cell score" '
        f'fill-opacity="{shade:.2f}"><title>query {query}, distance {k_len - column}</title></rect>'
    )
    c.text(x + size[0] / 2, y + size[1] / 2, str(k_len - column))
