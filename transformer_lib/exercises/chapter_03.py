"""The exercises of chapter 3: waves of a piece of text, rotary by neighbours, prices of distance.

from transformer_lib.exercises.chapter_03 import check

check(1, mine)
"""

import torch
from torch import Tensor

from transformer_lib.exercises.marking import Exercise, Mark, draw_size, mark
from transformer_lib.layers.positions import Rotary, SinusoidalPositions


def check(number: int, mine) -> Mark:
    """Mark an answer.

    Args:
        number: of the exercise: 1, `rows(length, d_model, offset)`, the sinusoids of a piece of
            text that begins at a position, (length, d_model); 2, `turn(x)`, rotary positions of
            (heads, seq_len, head_dim) with neighbours as pairs; 3, `prices(q_len, k_len,
            num_heads)`, ALiBi's (num_heads, q_len, k_len) for the last q_len of k_len positions.
        mine: the function.

    Raises:
        ValueError: if there is no such exercise, or `mine` is not a function.
    """
    return mark(EXERCISES, number, mine)


def _draw_piece() -> tuple[int, int, int]:
    return draw_size(), 2 * draw_size(), draw_size(1, 40)


def _small_piece() -> tuple[int, int, int]:
    return 2, 4, draw_size(1, 4)


def _draw_heads() -> tuple[Tensor]:
    return (torch.randn(draw_size(), draw_size(3), 2 * draw_size(), dtype=torch.float64),)


def _small_heads() -> tuple[Tensor]:
    return (torch.randint(-3, 4, (1, 2, 4)).double(),)


def _draw_lengths() -> tuple[int, int, int]:
    q_len = draw_size()
    return q_len, q_len + draw_size(1), draw_size(2, 9)


def _small_lengths() -> tuple[int, int, int]:
    return 1, 3, 2


# --- the waves -------------------------------------------------------------------------------


def _angles(length: int, d_model: int, offset: int = 0, *, factor: float = 1.0) -> Tensor:
    pairs = torch.arange(0, d_model, 2, dtype=torch.float64)
    speeds = 10000.0 ** (-factor * pairs / d_model)
    return torch.arange(offset, offset + length, dtype=torch.float64)[:, None] * speeds


def _interleave(first: Tensor, second: Tensor) -> Tensor:
    return torch.stack([first, second], dim=-1).flatten(-2)


def _rows(length: int, d_model: int, offset: int) -> Tensor:
    zeros = torch.zeros(length, d_model, dtype=torch.float64)
    return SinusoidalPositions(d_model)(zeros, offset)


def _waves(length: int, d_model: int, offset: int, *, factor: float = 1.0) -> Tensor:
    angles = _angles(length, d_model, offset, factor=factor)
    return _interleave(angles.sin(), angles.cos())


def _starts_at_zero(length: int, d_model: int, offset: int) -> Tensor:
    return _rows(length, d_model, 0)


def _cosine_first(length: int, d_model: int, offset: int) -> Tensor:
    angles = _angles(length, d_model, offset)
    return _interleave(angles.cos(), angles.sin())


def _halves(length: int, d_model: int, offset: int) -> Tensor:
    angles = _angles(length, d_model, offset)
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


def _speed_each(length: int, d_model: int, offset: int) -> Tensor:
    """Each feature has a speed of its own, where the two of a pair should share one."""
    speeds = 10000.0 ** (-torch.arange(d_model, dtype=torch.float64) / d_model)
    angles = torch.arange(offset, offset + length, dtype=torch.float64)[:, None] * speeds
    out = angles.sin()
    out[:, 1::2] = angles[:, 1::2].cos()
    return out


# --- turning ---------------------------------------------------------------------------------


def _neighbours(x: Tensor, angles: Tensor) -> Tensor:
    first, second = x[..., ::2], x[..., 1::2]
    sin, cos = angles.sin(), angles.cos()
    return _interleave(first * cos - second * sin, first * sin + second * cos)


def _turn(x: Tensor) -> Tensor:
    return _neighbours(x, _angles(x.size(-2), x.size(-1)))


def _turn_back(x: Tensor) -> Tensor:
    return _neighbours(x, -_angles(x.size(-2), x.size(-1)))


def _turn_by_head(x: Tensor) -> Tensor:
    return _neighbours(x, _angles(x.size(0), x.size(-1))[:, None])


def _turn_as_one(x: Tensor) -> Tensor:
    return _neighbours(x, torch.arange(x.size(-2), dtype=torch.float64)[:, None])


def _multiplied(x: Tensor) -> Tensor:
    """Each feature times its own cosine or sine, and nothing of its neighbour."""
    angles = _angles(x.size(-2), x.size(-1))
    return x * _interleave(angles.cos(), angles.sin())


def _added(x: Tensor) -> Tensor:
    angles = _angles(x.size(-2), x.size(-1))
    return x + _interleave(angles.sin(), angles.cos())


# --- prices ----------------------------------------------------------------------------------


def _priced(distance: Tensor, slopes: Tensor) -> Tensor:
    return -slopes[:, None, None] * distance.double()


def _distance(q_len: int, k_len: int, start: int) -> Tensor:
    return torch.arange(start, start + q_len)[:, None] - torch.arange(k_len)


def _slopes(num_heads: int, first: int = 1, total: float = 8.0) -> Tensor:
    heads = torch.arange(first, first + num_heads, dtype=torch.float64)
    return 2.0 ** (-total * heads / num_heads)


def _prices(q_len: int, k_len: int, num_heads: int) -> Tensor:
    return _priced(_distance(q_len, k_len, k_len - q_len).abs(), _slopes(num_heads))


def _from_zero(q_len: int, k_len: int, num_heads: int) -> Tensor:
    return _priced(_distance(q_len, k_len, 0).abs(), _slopes(num_heads))


def _with_slopes(make):
    return lambda q_len, k_len, num_heads: _priced(
        _distance(q_len, k_len, k_len - q_len).abs(), make(num_heads)
    )


def _future_is_paid(q_len: int, k_len: int, num_heads: int) -> Tensor:
    return _priced(_distance(q_len, k_len, k_len - q_len), _slopes(num_heads))


# --- properties ------------------------------------------------------------------------------


def _one_long(function, given: tuple) -> bool:
    """Each pair of features is a point on the circle."""
    pairs = function(*given).unflatten(-1, (-1, 2)).square().sum(-1)
    return torch.allclose(pairs, torch.ones_like(pairs))


def _pieces(function, given: tuple) -> bool:
    length, d_model, offset = given
    whole = function(offset + length, d_model, 0)
    return torch.allclose(whole[offset:], function(length, d_model, offset))


def _keeps_length(function, given: tuple) -> bool:
    (x,) = given
    return torch.allclose(function(x).norm(dim=-1), x.norm(dim=-1))


def _distance_alone(function, given: tuple) -> bool:
    """Equal vectors: a score of two of them depends on how far apart they stand."""
    (x,) = given
    turned = function(x[:, :1].expand_as(x).clone())
    scores = turned @ turned.mT
    return torch.allclose(scores[:, 1:, 1:], scores[:, :-1, :-1])


def _costs_nothing(function, given: tuple) -> bool:
    """A query and its own key."""
    q_len, k_len, _ = given
    own = function(*given).diagonal(k_len - q_len, dim1=-2, dim2=-1)
    return torch.allclose(own, torch.zeros_like(own))


def _farther_costs_more(function, given: tuple) -> bool:
    last = function(*given)[:, -1]
    return bool((last.diff(dim=-1) > 0).all())


EXERCISES = {
    1: Exercise(
        right=_rows,
        draw=_draw_piece,
        small=_small_piece,
        mistakes={
            "the offset is not used: every piece begins at position 0.": _starts_at_zero,
            "cosines stand where sines should: the sine comes first in each pair.": _cosine_first,
            "all sines come first, and then all cosines. Here they take turns.": _halves,
            "the exponent has its 2 twice: speeds fall by the square of what they should.": (
                lambda length, d_model, offset: _waves(length, d_model, offset, factor=2.0)
            ),
            "each feature has a speed of its own. The two of a pair share one.": _speed_each,
            "speeds rise from pair to pair: the exponent lacks its minus.": (
                lambda length, d_model, offset: _waves(length, d_model, offset, factor=-1.0)
            ),
        },
        properties={
            "sin² + cos² must be 1 in each pair.": _one_long,
            "A piece must have the rows that it has in the whole.": _pieces,
        },
    ),
    2: Exercise(
        right=_turn,
        draw=_draw_heads,
        small=_small_heads,
        mistakes={
            "features i and i + head_dim / 2 are pairs, as in the library. The paper pairs "
            "neighbours.": lambda x: Rotary(x.size(-1))(x),
            "the vectors turn backwards: the minus stands in the other line.": _turn_back,
            "the angle grows from head to head, and should from position to position.": (
                _turn_by_head
            ),
            "all pairs turn at the speed of the first.": _turn_as_one,
            "each feature is multiplied by itself alone. A turn mixes the two of a pair.": (
                _multiplied
            ),
            "the waves are added. Rotary turns instead.": _added,
        },
        properties={
            "A turn must not change a vector's length.": _keeps_length,
            "Scores of equal vectors must depend on their distance alone.": _distance_alone,
        },
    ),
    3: Exercise(
        right=_prices,
        draw=_draw_lengths,
        small=_small_lengths,
        mistakes={
            "the queries begin at position 0. They are the last of the keys.": _from_zero,
            "distance is rewarded: the sign is wrong.": lambda *sizes: -_prices(*sizes),
            "what comes later is paid for: the distance lacks its absolute value.": (
                _future_is_paid
            ),
            "heads are counted from 0: the first slope should be 2^(-8 / num_heads).": (
                _with_slopes(lambda num_heads: _slopes(num_heads, first=0))
            ),
            "the slopes are 2^(-h), whatever the number of heads.": (
                _with_slopes(lambda num_heads: _slopes(num_heads, total=float(num_heads)))
            ),
            "the slopes run from gentle to steep, and should from steep to gentle.": (
                _with_slopes(lambda num_heads: _slopes(num_heads).flip(0))
            ),
        },
        properties={
            "A query's own place must cost nothing.": _costs_nothing,
            "What is farther from the last query must cost more.": _farther_costs_more,
        },
    ),
}
