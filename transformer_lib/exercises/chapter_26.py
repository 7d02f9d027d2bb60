"""The exercises of chapter 26: keys in a window, shared heads, all pairs that fade.

from transformer_lib.exercises.chapter_26 import check

check(1, mine)
"""

import torch
from torch import Tensor

from transformer_lib.exercises.marking import Exercise, Mark, mark


def check(number: int, mine) -> Mark:
    """Mark an answer.

    Args:
        number: of the exercise: 1, `keys_seen(length, window)`; 2, `spread_heads(k, num_heads)`;
            3, `fading(q, k, v, log_decay)`.
        mine: the function.

    Raises:
        ValueError: if there is no such exercise, or `mine` is not a function.
    """
    return mark(EXERCISES, number, mine)


def _counts(length: int, window: int, least: int = 0) -> Tensor:
    return (torch.arange(length) + 1).clamp(least, window)


def _sizes(longest: int) -> tuple[int, int]:
    window = int(torch.randint(2, longest // 2 + 1, ()))
    return int(torch.randint(window + 2, longest + 3, ())), window


def _keys(width: int) -> tuple[Tensor, int]:
    return torch.randint(10, (1, 2, 2, width)).double(), 4 * int(torch.randint(1, 3, ()))


def _series(length: int, width: int) -> tuple[Tensor, ...]:
    q, k, v = torch.randn(3, length, width, dtype=torch.float64)
    return q, k, v, -torch.rand(length, dtype=torch.float64) * 3


def _faded(q: Tensor, k: Tensor, v: Tensor, log_decay: Tensor, extra: Tensor | int = 0) -> Tensor:
    total = log_decay.cumsum(0)
    fades = total[:, None] - total + extra
    hidden = torch.ones(len(q), len(q), dtype=torch.bool).triu(1)
    return ((q @ k.T) * fades.masked_fill(hidden, -torch.inf).exp()) @ v


def _grows_to_the_window(function, given: tuple) -> bool:
    """The first query sees itself alone, the last a whole window."""
    found = function(*given)
    return int(found[0]) == 1 and int(found[-1]) == given[1]


def _neighbours_share(function, given: tuple) -> bool:
    found = function(*given)
    return torch.equal(found[:, 0], found[:, 1])


def _past_stays(function, given: tuple) -> bool:
    """What comes later changes no earlier output."""
    shorter = function(*(x[:-1] for x in given))
    return torch.allclose(function(*given)[:-1], shorter, atol=1e-6)


EXERCISES = {
    1: Exercise(
        right=_counts,
        draw=lambda: _sizes(20),
        small=lambda: _sizes(6),
        mistakes={
            "the window does not count the query's own position: it sees one key too many.": (
                lambda n, w: _counts(n, w + 1)
            ),
            "the first queries have no whole window behind them.": (
                lambda n, w: _counts(n, w, least=w)
            ),
            "this is causal attention without a window.": lambda n, w: _counts(n, n),
            "the query's own position is left out.": lambda n, w: _counts(n, w) - 1,
            "it looks to both sides: no query sees what comes later.": (
                lambda n, w: _counts(n, w) + _counts(n, w).flip(0) - 1
            ),
        },
        properties={
            "The first query sees itself alone, the last a whole window.": _grows_to_the_window
        },
    ),
    2: Exercise(
        right=lambda k, num_heads: k.repeat_interleave(num_heads // k.size(1), dim=1),
        draw=lambda: _keys(3),
        small=lambda: _keys(1),
        mistakes={
            "the heads are laid out as 0 1 0 1 …: neighbours must share, 0 0 … 1 1 ….": (
                lambda k, h: k.repeat(1, h // k.size(1), 1, 1)
            ),
            "all heads read the first head of keys.": (lambda k, h: k[:, :1].expand(-1, h, -1, -1)),
            "all heads read the mean of the heads of keys.": (
                lambda k, h: k.mean(1, keepdim=True).expand(-1, h, -1, -1)
            ),
        },
        properties={"Neighbouring heads share their keys.": _neighbours_share},
    ),
    3: Exercise(
        right=_faded,
        draw=lambda: _series(int(torch.randint(4, 9, ())), 3),
        small=lambda: tuple(x.round() for x in _series(3, 1)),
        mistakes={
            "nothing hides the future, and it grows instead of fading.": (
                lambda q, k, v, a: ((q @ k.T) * (a.cumsum(0)[:, None] - a.cumsum(0)).exp()) @ v
            ),
            "nothing fades: this is linear attention.": lambda q, k, v, a: _faded(q, k, v, 0 * a),
            "the factor of token j itself counts too: it fades only what came before it.": (
                lambda q, k, v, a: _faded(q, k, v, a, a)
            ),
            "the logarithms were taken for the factors.": (
                lambda q, k, v, a: _faded(q, k, v, a.abs().clamp_min(1e-9).log())
            ),
        },
        properties={"What comes later changes no earlier output.": _past_stays},
    ),
}
