"""The exercises of chapter 22: streams, what a memory saves where, a mask, and a count.

from transformer_lib.exercises.chapter_22 import check

check(1, mine)
"""

import torch
from torch import Tensor

from transformer_lib.exercises.marking import Exercise, Mark, mark


def check(number: int, mine) -> Mark:
    """Mark an answer.

    Args:
        number: of the exercise: 1, `streams(ids, batch_size, seg_len)`, a text cut into segments
            that go on; 2, `saved(without, with_memory, seg_len)`, the bits that a memory saves at
            each place of a segment; 3, `mask(q_len, mem_len)`, the last `mem_len` positions for
            every query; 4, `ratio(length, d_model)`, multiplications of a window over those of a
            memory.
        mine: the function.

    Raises:
        ValueError: if there is no such exercise, or `mine` is not a function.
    """
    return mark(EXERCISES, number, mine)


def _size(least: int = 2, most: int = 6) -> int:
    return int(torch.randint(least, most, ()))


def _draw_text() -> tuple[Tensor, int, int]:
    batch_size, seg_len = _size(), _size()
    return torch.randint(99, (batch_size * seg_len * _size(),)), batch_size, seg_len


def _small_text() -> tuple[Tensor, int, int]:
    return torch.arange(12), 2, 3


def _draw_bits() -> tuple[Tensor, Tensor, int]:
    seg_len = _size()
    without, with_memory = torch.rand(2, seg_len * _size(), dtype=torch.float64)
    return without, with_memory, seg_len


def _small_bits() -> tuple[Tensor, Tensor, int]:
    return torch.tensor([8.0, 2.0, 6.0, 3.0]).double(), torch.tensor([2.0, 2, 2, 2]).double(), 2


def _draw_lengths() -> tuple[int, int]:
    return _size(), _size(2, 7)


def _draw_sizes() -> tuple[Tensor, Tensor]:
    return torch.randint(64, 4000, (6,)).double(), torch.randint(16, 1024, (6,)).double()


def _small_sizes() -> tuple[Tensor, Tensor]:
    return torch.tensor([12.0, 120.0]).double(), torch.tensor([1.0, 10.0]).double()


def _streams(ids: Tensor, batch_size: int, seg_len: int) -> Tensor:
    return ids.view(batch_size, -1, seg_len).transpose(0, 1)


def _saved(without: Tensor, with_memory: Tensor, seg_len: int) -> Tensor:
    return (without - with_memory).view(-1, seg_len).mean(dim=0)


def _distance(q_len: int, mem_len: int) -> Tensor:
    """How far each query stands behind each key, (q_len, mem_len + q_len)."""
    return torch.arange(mem_len, mem_len + q_len)[:, None] - torch.arange(mem_len + q_len)


def _mask(q_len: int, mem_len: int) -> Tensor:
    distance = _distance(q_len, mem_len)
    return (distance >= 0) & (distance < mem_len)


def _ratio(length: Tensor, d_model: Tensor) -> Tensor:
    window = length * (12 * d_model**2 + length * d_model)
    return window / (12 * d_model**2 + 3 * length * d_model)


# --- properties ------------------------------------------------------------------------------


def _goes_on(function, given: tuple) -> bool:
    ids, batch_size, seg_len = given
    segments = function(torch.arange(len(ids)), batch_size, seg_len)
    return torch.equal(segments[1:, :, 0], segments[:-1, :, -1] + 1)


def _nothing_is_lost(function, given: tuple) -> bool:
    ids, batch_size, seg_len = given
    segments = function(torch.arange(len(ids)), batch_size, seg_len)
    return torch.equal(segments.flatten().sort().values, torch.arange(len(ids)))


def _alike_is_nothing(function, given: tuple) -> bool:
    without, _, seg_len = given
    return not function(without, without, seg_len).any()


def _place_by_place(function, given: tuple) -> bool:
    """Bits that are saved at the first place of every segment stand there."""
    without, _, seg_len = given
    first = (torch.arange(len(without)) % seg_len == 0).double()
    wanted = (torch.arange(seg_len) == 0).double()
    return torch.allclose(function(without, without - first, seg_len), wanted)


def _all_see_as_many(function, given: tuple) -> bool:
    return bool((function(*given).sum(dim=1) == given[1]).all())


def _sees_itself(function, given: tuple) -> bool:
    q_len, mem_len = given
    return bool(function(q_len, mem_len)[torch.arange(q_len), torch.arange(q_len) + mem_len].all())


def _of_a_wide_model(function, given: tuple) -> bool:
    length, d_model = given
    return torch.allclose(function(length, d_model * 1e6), length, rtol=1e-3)


EXERCISES = {
    1: Exercise(
        right=_streams,
        draw=_draw_text,
        small=_small_text,
        mistakes={
            "the rows follow each other inside a segment, and row b of the next one does not go "
            "on where row b ended: a memory would be another row's.": (
                lambda ids, batch_size, seg_len: ids.view(-1, batch_size, seg_len)
            ),
            "each row takes every batch_size-th token, and no row is a text any more.": (
                lambda ids, batch_size, seg_len: (
                    ids.view(-1, batch_size).T.reshape(batch_size, -1, seg_len).transpose(0, 1)
                )
            ),
            "the streams are right, and the axes are not: segments come first, then rows.": (
                lambda ids, batch_size, seg_len: ids.view(batch_size, -1, seg_len)
            ),
        },
        properties={
            "Every token must be read once.": _nothing_is_lost,
            "Row b must go on where row b of the segment before ended.": _goes_on,
        },
    ),
    2: Exercise(
        right=_saved,
        draw=_draw_bits,
        small=_small_bits,
        mistakes={
            "the sign is turned: what is saved is what it cost without, less what it costs with.": (
                lambda without, with_memory, seg_len: -_saved(without, with_memory, seg_len)
            ),
            "that is a mean for each segment, over its places; the places should stay.": (
                lambda without, with_memory, seg_len: (
                    (without - with_memory).view(-1, seg_len).mean(dim=1)
                )
            ),
            "the text is cut into seg_len pieces, and should be cut into pieces of seg_len.": (
                lambda without, with_memory, seg_len: (
                    (without - with_memory).view(seg_len, -1).mean(dim=1)
                )
            ),
            "those are sums over the segments, and should be means.": (
                lambda without, with_memory, seg_len: (
                    (without - with_memory).view(-1, seg_len).sum(dim=0)
                )
            ),
            "that is what the places cost with the memory, and not what it saves.": (
                lambda without, with_memory, seg_len: with_memory.view(-1, seg_len).mean(dim=0)
            ),
        },
        properties={
            "Where both cost the same, nothing is saved.": _alike_is_nothing,
            "What is saved at the first places of segments must stand first.": _place_by_place,
        },
    ),
    3: Exercise(
        right=_mask,
        draw=_draw_lengths,
        small=lambda: (2, 2),
        mistakes={
            "the memory is open to all: a late query sees more than an early one.": (
                lambda q_len, mem_len: _distance(q_len, mem_len) >= 0
            ),
            "one too many: each query sees itself and mem_len others.": lambda q_len, mem_len: (
                (_distance(q_len, mem_len) >= 0) & (_distance(q_len, mem_len) <= mem_len)
            ),
            "no query sees itself: its own position is one of the mem_len.": (
                lambda q_len, mem_len: (
                    (_distance(q_len, mem_len) >= 1) & (_distance(q_len, mem_len) <= mem_len)
                )
            ),
            "the future is open: the window has no end at the query.": lambda q_len, mem_len: (
                _distance(q_len, mem_len) < mem_len
            ),
            "queries are counted from the first key, and stand behind the memory.": (
                lambda q_len, mem_len: (
                    (_distance(q_len, mem_len) >= mem_len)
                    & (_distance(q_len, mem_len) < 2 * mem_len)
                )
            ),
            "it is turned round: True hides, and should let through.": lambda q_len, mem_len: (
                ~_mask(q_len, mem_len)
            ),
        },
        properties={
            "Each query must see itself.": _sees_itself,
            "Every query must see mem_len positions.": _all_see_as_many,
        },
    ),
    4: Exercise(
        right=_ratio,
        draw=_draw_sizes,
        small=_small_sizes,
        mistakes={
            "it is upside down: the window is the slower.": lambda length, d_model: (
                1 / _ratio(length, d_model)
            ),
            "the window is causal: its tokens see half of it on average.": lambda length, d_model: (
                length
                * (12 * d_model**2 + 2 * length * d_model)
                / (12 * d_model**2 + 3 * length * d_model)
            ),
            "the scores of positions are left out: they cost as much again as those of contents.": (
                lambda length, d_model: (
                    length
                    * (12 * d_model**2 + length * d_model)
                    / (12 * d_model**2 + 2 * length * d_model)
                )
            ),
            "one token of the window is counted, and the window reads all of them anew.": (
                lambda length, d_model: (
                    (12 * d_model**2 + length * d_model) / (12 * d_model**2 + 3 * length * d_model)
                )
            ),
            "attention is left out on both sides.": lambda length, d_model: length + 0 * d_model,
        },
        properties={
            "For a very wide model attention is nothing beside the linear maps, and the ratio is "
            "the length.": _of_a_wide_model,
        },
    ),
}
