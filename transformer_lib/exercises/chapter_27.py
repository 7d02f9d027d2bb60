"""The exercises of chapter 27: blocks of four bits, rows in halves, shared keys, a sentence's mean.

from transformer_lib.exercises.chapter_27 import check

check(1, mine)
"""

import torch
from torch import Tensor

from transformer_lib.exercises.marking import Exercise, Mark, draw_size, mark
from transformer_lib.models.bert import mean_of_tokens


def check(number: int, mine) -> Mark:
    """Mark an answer.

    Args:
        number: of the exercise: 1, `unpack(scale, lowest, codes)`, from (n,), (n,) and bytes
            (n, 16) to numbers (n, 32); 2, `halves(rows, heads)`, from pairs of neighbours to
            halves, head by head; 3, `share(keys, times)`, keys (kv_heads, k_len, head_dim) for
            `times` as many heads; 4, `mean(features, real)`, without padding.
        mine: the function.

    Raises:
        ValueError: if there is no such exercise, or `mine` is not a function.
    """
    return mark(EXERCISES, number, mine)


def _random(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64)


def _whole(*shape: int) -> Tensor:
    return torch.randint(-3, 4, shape).double()


# --- 1: blocks of four bits ------------------------------------------------------------------


def _bytes(n: int) -> Tensor:
    return torch.randint(256, (n, 16), dtype=torch.uint8)


def _codes(codes: Tensor) -> Tensor:
    return torch.cat([codes % 16, codes // 16], dim=1).double()


def _unpack(scale: Tensor, lowest: Tensor, codes: Tensor) -> Tensor:
    return scale[:, None] * _codes(codes) + lowest[:, None]


def _alternating(codes: Tensor) -> Tensor:
    return torch.stack([codes % 16, codes // 16], dim=2).flatten(1).double()


def _zeros_are_lowest(function, given: tuple) -> bool:
    scale, lowest, codes = given
    out = function(scale, lowest, torch.zeros_like(codes))
    return torch.allclose(out, lowest[:, None].expand(-1, 32), atol=1e-6)


# --- 2: rows in halves -----------------------------------------------------------------------


def _halves(rows: Tensor, heads: int) -> Tensor:
    return rows.unflatten(0, (heads, -1, 2)).transpose(1, 2).flatten(0, 2)


def _undone(rows: Tensor, heads: int) -> Tensor:
    return rows.unflatten(0, (heads, 2, -1)).transpose(1, 2).flatten(0, 2)


def _first_stays(function, given: tuple) -> bool:
    return torch.equal(function(*given)[0], given[0][0])


def _no_row_leaves_its_head(function, given: tuple) -> bool:
    rows, heads = given
    out, width = function(rows, heads), len(rows) // heads
    return all(
        torch.allclose(*(x[i * width : (i + 1) * width].sum(0) for x in (rows, out)))
        for i in range(heads)
    )


# --- 3 and 4 ---------------------------------------------------------------------------------


def _share(keys: Tensor, times: int) -> Tensor:
    return keys.repeat_interleave(times, 0)


def _neighbours_share(function, given: tuple) -> bool:
    out = function(*given)
    return torch.equal(out[0], out[1])


def _draw_means() -> tuple[Tensor, Tensor]:
    lengths = torch.randint(1, 4, (3,))
    return _random(3, 5, 4), torch.arange(5) < lengths[:, None]


def _small_means() -> tuple[Tensor, Tensor]:
    return _whole(1, 3, 2), torch.tensor([[True, True, False]])


def _padding_is_not_seen(function, given: tuple) -> bool:
    features, real = given
    return torch.allclose(
        function(features + 9.0 * ~real[..., None], real), function(*given), atol=1e-6
    )


EXERCISES = {
    1: Exercise(
        right=_unpack,
        draw=lambda: (_random(n := draw_size()), _random(n), _bytes(n)),
        small=lambda: (_whole(1), _whole(1), _bytes(1)),
        mistakes={
            "the two codes of a byte stand side by side, and should be 16 numbers apart.": (
                lambda d, m, q: d[:, None] * _alternating(q) + m[:, None]
            ),
            "the high half of a byte comes first, and the low half should.": (
                lambda d, m, q: d[:, None] * _codes(q).roll(16, 1) + m[:, None]
            ),
            "8 is taken off each code, as in Q4_0; here the lowest number is in the file.": (
                lambda d, m, q: d[:, None] * (_codes(q) - 8) + m[:, None]
            ),
            "the lowest number is multiplied by the scale too.": (
                lambda d, m, q: d[:, None] * (_codes(q) + m[:, None])
            ),
            "the lowest number is left out.": lambda d, m, q: d[:, None] * _codes(q),
        },
        properties={"A code of zero is the lowest number of its block.": _zeros_are_lowest},
    ),
    2: Exercise(
        right=_halves,
        draw=lambda: (_random(4 * draw_size() * (heads := draw_size()), 3), heads),
        small=lambda: (_whole(8, 1), 1),
        mistakes={
            "all rows are taken for one head. Each head has halves of its own.": (
                lambda rows, heads: _halves(rows, 1)
            ),
            "it goes from halves to pairs: that is the way back.": _undone,
            "the halves have changed places.": lambda rows, heads: (
                rows.unflatten(0, (heads, -1, 2)).transpose(1, 2).flip(1).flatten(0, 2)
            ),
            "nothing has moved.": lambda rows, heads: rows,
        },
        properties={
            "The first row stays where it is.": _first_stays,
            "No row may leave its head.": _no_row_leaves_its_head,
        },
    ),
    3: Exercise(
        right=_share,
        draw=lambda: (_random(draw_size(), draw_size(), 3), draw_size()),
        small=lambda: (_whole(2, 1, 1), 2),
        mistakes={
            "the whole list of heads is repeated: heads 0 and 1 should share, and do not.": (
                lambda keys, times: keys.repeat(times, 1, 1)
            ),
        },
        properties={"Neighbouring heads share their keys.": _neighbours_share},
    ),
    4: Exercise(
        right=mean_of_tokens,
        draw=_draw_means,
        small=_small_means,
        mistakes={
            "padding is averaged too: a sentence's vector depends on who stands beside it.": (
                lambda features, real: features.mean(1)
            ),
            "the sum leaves out padding, but is divided by the length of the batch.": (
                lambda features, real: (features * real[..., None]).mean(1)
            ),
            "that is the sum: it grows with the sentence.": lambda features, real: (
                features * real[..., None]
            ).sum(1),
            "that is the first token alone.": lambda features, real: features[:, 0],
        },
        properties={"What stands at padding must not matter.": _padding_is_not_seen},
    ),
}
