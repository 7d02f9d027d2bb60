"""The exercises of chapter 20: what is remembered, a mask behind a memory, and how far it reaches.

from transformer_lib.exercises.chapter_20 import check

check(1, mine)
"""

import torch
from torch import Tensor

from transformer_lib.exercises.marking import Exercise, Mark, draw_size, mark
from transformer_lib.layers.masks import causal_mask


def check(number: int, mine) -> Mark:
    """Mark an answer.

    Args:
        number: of the exercise: 1, `remember(old, x, mem_len)`, the states that are kept; 2,
            `mask(q_len, k_len)`, what each query may see of memory and segment; 3,
            `reach(num_layers, mem_len, seg_len)`, how many letters back a segment's last one can
            see.
        mine: the function.

    Raises:
        ValueError: if there is no such exercise, or `mine` is not a function.
    """
    return mark(EXERCISES, number, mine)


def _draw_states() -> tuple[Tensor, Tensor, int]:
    width, old_len, seg_len = draw_size(), draw_size(3), draw_size(3)
    mem_len = 0 if torch.rand(()) < 0.25 else draw_size(1, old_len + seg_len)
    old = torch.randn(2, old_len, width, dtype=torch.float64)
    return old, torch.randn(2, seg_len, width, dtype=torch.float64), mem_len


def _small_states() -> tuple[Tensor, Tensor, int]:
    old = torch.tensor([[[1.0], [2.0]]]).double()
    return old, old + 2, draw_size(0, 4)


def _draw_lengths() -> tuple[int, int]:
    q_len = draw_size()
    return q_len, q_len + draw_size(1, 5)


def _draw_stacks() -> tuple[Tensor, Tensor, Tensor]:
    return tuple(torch.randint(least, 9, (6,)) for least in (1, 1, 2))


def _remember(old: Tensor, x: Tensor, mem_len: int) -> Tensor:
    both = torch.cat([old, x], dim=1)
    return both[:, max(0, both.size(1) - mem_len) :]


def _reach(num_layers: Tensor, mem_len: Tensor, seg_len: Tensor) -> Tensor:
    rounded = -(-mem_len // seg_len) * seg_len
    return (num_layers - 1) * rounded + mem_len + seg_len - 1


# --- properties ------------------------------------------------------------------------------


def _as_long_as_asked(function, given: tuple) -> bool:
    old, x, mem_len = given
    return function(*given).size(1) == min(mem_len, old.size(1) + x.size(1))


def _newest_is_last(function, given: tuple) -> bool:
    old, x, _ = given
    return torch.equal(function(old, x, 1), x[:, -1:])


def _sees_itself(function, given: tuple) -> bool:
    q_len, k_len = given
    seen = function(q_len, k_len)
    return bool(seen[torch.arange(q_len), torch.arange(k_len - q_len, k_len)].all())


def _memory_is_open(function, given: tuple) -> bool:
    q_len, k_len = given
    return bool(function(q_len, k_len)[:, : k_len - q_len].all())


def _one_layer(function, given: tuple) -> bool:
    num_layers, mem_len, seg_len = given
    return torch.equal(function(num_layers * 0 + 1, mem_len, seg_len), mem_len + seg_len - 1)


EXERCISES = {
    1: Exercise(
        right=_remember,
        draw=_draw_states,
        small=_small_states,
        mistakes={
            "right, but for mem_len = 0 it keeps everything: [-0:] is [0:].": (
                lambda old, x, mem_len: torch.cat([old, x], dim=1)[:, -mem_len:]
            ),
            "only the new segment is looked at, and a longer memory forgets what was older.": (
                lambda old, x, mem_len: x[:, max(0, x.size(1) - mem_len) :]
            ),
            "the oldest states are kept, and should be the latest.": lambda old, x, mem_len: (
                torch.cat([old, x], dim=1)[:, :mem_len]
            ),
            "the new states stand before the old ones, and should stand behind them.": (
                lambda old, x, mem_len: _remember(x, old, mem_len)
            ),
            "nothing new is remembered.": lambda old, x, mem_len: old[
                :, max(0, old.size(1) - mem_len) :
            ],
        },
        properties={
            "As many states must be kept as mem_len says, if there are so many.": _as_long_as_asked,
            "The newest state must stand last.": _newest_is_last,
        },
    ),
    2: Exercise(
        right=causal_mask,
        draw=_draw_lengths,
        small=lambda: (2, 4),
        mistakes={
            "the triangle is in the wrong corner: at the top left, where the oldest states are.": (
                lambda q_len, k_len: torch.ones(q_len, k_len, dtype=torch.bool).tril()
            ),
            "no query sees itself: the triangle begins one place too early.": (
                lambda q_len, k_len: torch.ones(q_len, k_len, dtype=torch.bool).tril(
                    k_len - q_len - 1
                )
            ),
            "each query sees one place of the future.": lambda q_len, k_len: torch.ones(
                q_len, k_len, dtype=torch.bool
            ).tril(k_len - q_len + 1),
            "it is turned round: True hides, and should let through.": lambda q_len, k_len: (
                ~causal_mask(q_len, k_len)
            ),
            "it shows the memory alone, and nothing of the query's own segment.": (
                lambda q_len, k_len: (torch.arange(k_len) < k_len - q_len).repeat(q_len, 1)
            ),
            "it hides nothing: the segment's future is seen.": lambda q_len, k_len: torch.ones(
                q_len, k_len, dtype=torch.bool
            ),
        },
        properties={
            "Each query must see itself, and queries are the last of the keys.": _sees_itself,
            "All of the memory must be seen.": _memory_is_open,
        },
    ),
    3: Exercise(
        right=_reach,
        draw=_draw_stacks,
        small=lambda: tuple(torch.tensor([n]) for n in (draw_size(1, 4), draw_size(1, 6), 4)),
        mistakes={
            "that is layers × memory, without the rest of the segment.": lambda n, m, s: n * m,
            "right for memories of whole segments. A state in the midst of a segment had seen the "
            "memory of that segment, from its start.": lambda n, m, s: n * m + s - 1,
            "the last step is rounded up too, and there the memory is just as long as it is.": (
                lambda n, m, s: n * (-(-m // s) * s) + s - 1
            ),
            "the steps are rounded down to whole segments, and should be rounded up.": (
                lambda n, m, s: (n - 1) * (m // s * s) + m + s - 1
            ),
            "one too many: the last letter itself is not counted.": lambda n, m, s: (
                _reach(n, m, s) + 1
            ),
        },
        properties={
            "One layer sees its memory and the rest of the segment.": _one_layer,
        },
    ),
}
