"""One segment in a layer with a memory: who reads what, and what is remembered after it."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from transformer_lib import checks
from transformer_lib.show.canvas import WIDTH, Canvas
from transformer_lib.show.runs import same, watch
from transformer_lib.show.streams import shape_of

_ROLES = {"q_proj": "query", "k_proj": "key", "v_proj": "value"}
_LEFT = 4


def memory_layer(
    layer: nn.Module,
    x: Tensor,
    memory: Tensor | None,
    kept: Tensor,
    *,
    text: Sequence[str],
    start: int,
    head: int = 0,
) -> Canvas:
    """Draw what a layer with a memory does with one segment of a text.

    Each thing stands under the tokens that it was made from: a projection reaches over those that
    it has read, a weight stands in the column of its key.

    Args:
        layer: the layer; it is run. Its attention is `self_attention`.
        x: the segment (1, seq_len, d_model).
        memory: what its attention has read before, (1, mem_len, d_model); None at the beginning.
        kept: what is remembered after the segment, (1, any length, d_model).
        text: a string for each token of the whole text.
        start: the place of the segment's first token in it.
        head: whose weights are drawn.

    Returns:
        A `Canvas`.

    Raises:
        ValueError: if the layer does not attend, the segment or its memory is not in the text,
            `kept` is not the last of what was read, or there is no such head.
    """
    if not isinstance(getattr(layer, "self_attention", None), nn.Module):
        raise ValueError(f"layer must have a self_attention, got {type(layer).__name__}")
    checks.floating("x", x, dims=3)
    if memory is not None:
        checks.floating("memory", memory, dims=3)
    checks.floating("kept", kept, dims=3)
    checks.whole(start=start, head=head)
    if not isinstance(text, Sequence) or not all(isinstance(token, str) for token in text):
        raise ValueError(f"text must be strings, one for each token, got {text!r}")
    run = watch(layer, x, memory)
    attention = next(event for event in run.parts() if event.own_name == "self_attention")
    read = attention.tensors[0]
    old = 0 if memory is None else memory.size(1)
    first, end = start - old, start + x.size(1)
    if not 0 <= first < end <= len(text):
        raise ValueError(
            f"memory and x must lie in the text's {len(text)} tokens, got {first} to {end}"
        )
    both = read if memory is None else torch.cat([memory, read], dim=1)
    if kept.requires_grad or not same(kept, both[:, max(0, both.size(1) - kept.size(1)) :]):
        raise ValueError("kept must be the last of memory and segment, without a gradient")
    with torch.no_grad():
        weights = attention.part(**attention.given, return_weights=True)[1][0]
    checks.one_of(range(len(weights)), head=head)

    cell = (WIDTH - 2 * _LEFT) / len(text)
    c = Canvas(
        f"A segment of {x.size(1)} tokens behind a memory of {old}",
        f"Queries are made of the {x.size(1)} tokens of the segment, keys and values of "
        f"{both.size(1)}. Weights {shape_of(weights[head])}: the memory is open to all queries, "
        f"the segment up to each query's own place. Then {kept.size(1)} are remembered.",
    )

    def span(begin: int, stop: int) -> tuple[float, float]:
        """The middle and the width of what reaches over some tokens."""
        return _LEFT + cell * (begin + stop) / 2, cell * (stop - begin)

    said = "no memory yet" if memory is None else f"memory {shape_of(memory)}, no gradient"
    c.text(_LEFT, 12, said, "left shape key")
    c.text(WIDTH - _LEFT, 12, f"x {shape_of(x)}", "right shape query")
    for i, token in enumerate(text):
        if first <= i < end:
            c.box(
                span(i, i + 1)[0], 36, cell, 24, "", f"weights {'query' if i >= start else 'key'}"
            )
        c.text(span(i, i + 1)[0], 36, token, "shape")
    y = 72
    calls = run.parts("self_attention")
    for name, role in _ROLES.items():
        seen = [e for e in calls if e.own_name == name]
        begin = start if all(same(e.tensors[0], read) for e in seen) else first
        stop = end if any(same(e.tensors[0], read) for e in seen) else start
        size = (1, sum(e.got.size(1) for e in seen), seen[0].got.size(2))
        middle, width = span(begin, stop)
        c.box(middle, y, width, 36, name, f"weights {role}", note=str(size))
        y += 42
    rows = next(e.got for e in calls if e.own_name == "r_proj")
    note = f"{len(rows)} distances {shape_of(rows)}"
    c.box(WIDTH / 2, y, 236, 36, "r_proj", "weights score", note=note)
    y += 34
    c.text(_LEFT, y, f"weights of head {head + 1} {shape_of(weights[head])}", "left shape")
    left = _LEFT + cell * (end - weights.size(-1))
    c.grid(left, y + 14, weights[head], "score", cell=cell, mask=weights[head] != 0)
    y += 14 + cell * x.size(1) + 26
    middle, width = span(start, end)
    c.box(middle, y, width, 36, "out_proj", "weights score", note=shape_of(attention.got))
    middle, width = span(end - kept.size(1), end)
    c.box(middle, y + 46, width, 36, "next memory", "weights key", note=shape_of(kept))
    return c
