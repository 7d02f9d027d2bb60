"""The exercises of chapter 19: context left by a stride, a border's price, and gains in a group.

from transformer_lib.exercises.chapter_19 import check

check(1, mine)
"""

import math

import torch
from torch import Tensor

from transformer_lib.exercises.marking import Exercise, Mark, draw_size, mark


def check(number: int, mine) -> Mark:
    """Mark an answer.

    Args:
        number: of the exercise: 1, `behind(window, stride)`, the mean context of a character that
            counts; 2, `border(table)`, what a border costs in bits; 3, `gains(short, long)`, the
            relative gain of each model of a group.
        mine: the function.

    Raises:
        ValueError: if there is no such exercise, or `mine` is not a function.
    """
    return mark(EXERCISES, number, mine)


def _draw_strides() -> tuple[Tensor, Tensor]:
    stride = torch.randint(1, 9, (6,))
    return stride + torch.randint(1, 9, (6,)), stride


def _small_strides() -> tuple[Tensor, Tensor]:
    return torch.tensor([4, 4]), torch.tensor([4, 2])


def _draw_table() -> tuple[Tensor]:
    return (5 * torch.rand(draw_size(3, 7), draw_size(3, 7), dtype=torch.float64),)


def _small_table() -> tuple[Tensor]:
    return (torch.randint(1, 5, (3, 2)).double(),)


def _draw_group() -> tuple[Tensor, Tensor]:
    return tuple(3 * torch.rand(2, draw_size(2, 5), draw_size(3, 7), dtype=torch.float64))


def _small_group() -> tuple[Tensor, Tensor]:
    return tuple(torch.randint(1, 5, (2, 2, 2)).double())


def _border(table: Tensor) -> Tensor:
    bits = table.mean(dim=1) / math.log(2)
    return (bits - bits[-1]).sum()


def _gains(short: Tensor, long: Tensor) -> Tensor:
    return _gained(short.min(dim=0).values, long)


def _gained(b: Tensor, long: Tensor) -> Tensor:
    """The gains over any baseline b."""
    return 1 - (torch.minimum(b, long).mean(dim=-1) - b.mean(dim=-1)).exp()


# --- properties ------------------------------------------------------------------------------


def _all_behind_where_it_slides_by_one(function, given: tuple) -> bool:
    window, stride = given
    return torch.equal(function(window, torch.ones_like(stride)).long(), window)


def _between_the_ends(function, given: tuple) -> bool:
    found, (window, stride) = function(*given), given
    return bool(((found >= window - stride + 1) & (found <= window)).all())


def _no_use_no_price(function, given: tuple) -> bool:
    (table,) = given
    return abs(function(table[-1:].expand_as(table)).item()) < 1e-9


def _twice_the_losses_twice_the_price(function, given: tuple) -> bool:
    (table,) = given
    return torch.allclose(function(2 * table), 2 * function(table))


def _nothing_new_no_gain(function, given: tuple) -> bool:
    short, _ = given
    return bool(function(short, short).abs().max() < 1e-9)


def _never_negative(function, given: tuple) -> bool:
    return bool((function(*given) > -1e-9).all())


EXERCISES = {
    1: Exercise(
        right=lambda window, stride: window - (stride - 1) / 2,
        draw=_draw_strides,
        small=_small_strides,
        mistakes={
            "that is the mean in chunks, whatever the stride is.": lambda window, stride: (
                (window + 1) / 2
            ),
            "the least that a character has. The others of its stride have more.": (
                lambda window, stride: window - stride + 1.0
            ),
            "the most that a character has: only the last of its stride has it.": (
                lambda window, stride: window.double()
            ),
            "half a character too little. The contexts go from W − s + 1 to W, both ends "
            "included.": lambda window, stride: window - stride / 2,
            "that is missing on average. Take it from the window.": lambda window, stride: (
                (stride - 1) / 2
            ),
        },
        properties={
            "With a stride of 1 each character has the whole window behind it.": (
                _all_behind_where_it_slides_by_one
            ),
            "It must lie from W − s + 1 to W.": _between_the_ends,
        },
    ),
    2: Exercise(
        right=_border,
        draw=_draw_table,
        small=_small_table,
        mistakes={
            "that is in nats. A bit is ln 2 of them.": lambda table: _border(table) * math.log(2),
            "the extra bits of *one* character, on average. A border is paid for at all places "
            "behind it.": lambda table: _border(table) / len(table),
            "what the first place pays, alone.": lambda table: (
                (table[0] - table[-1]).mean() / math.log(2)
            ),
            "added up over the characters too. Each place behind a border is taken by one "
            "character: take their mean.": lambda table: _border(table) * table.size(1),
            "all that the chunk costs. Without a border its characters cost something too: what "
            "the last row says.": lambda table: table.mean(dim=1).sum() / math.log(2),
            "places that gain are left out. What they save belongs into the sum.": lambda table: (
                (table - table[-1]).mean(dim=1).clamp(min=0).sum() / math.log(2)
            ),
        },
        properties={
            "Where context changes nothing, a border costs nothing.": _no_use_no_price,
            "Of twice the losses it must be twice the price.": _twice_the_losses_twice_the_price,
        },
    ),
    3: Exercise(
        right=_gains,
        draw=_draw_group,
        small=_small_group,
        mistakes={
            "each model is compared with itself. The baseline at a position is the best that "
            "anyone does there.": lambda short, long: (
                1 - (torch.minimum(short, long).mean(-1) - short.mean(-1)).exp()
            ),
            "what the longer context loses is counted too: min(b, l) is missing.": (
                lambda short, long: 1 - (long.mean(-1) - short.min(dim=0).values.mean()).exp()
            ),
            "the baseline is the model that is best on average. At each position it may be "
            "another.": lambda short, long: _gained(short[short.mean(dim=-1).argmin()], long),
            "the gain of the whole group, for every model of it. Only its own longer context "
            "counts for a model.": lambda short, long: _gains(
                short, long.min(dim=0).values.expand_as(long)
            ),
            "a difference of perplexities: divide it by the one before.": lambda short, long: (
                _gains(short, long) * short.min(dim=0).values.mean().exp()
            ),
            "a difference of losses. It is their perplexities that are compared.": (
                lambda short, long: -torch.log1p(-_gains(short, long))
            ),
            "exp is taken before the mean. A perplexity is exp of a mean loss.": (
                lambda short, long: (
                    1
                    - torch.minimum(short.min(dim=0).values, long).exp().mean(-1)
                    / short.min(dim=0).values.exp().mean()
                )
            ),
        },
        properties={
            "The same losses once more must gain nothing.": _nothing_new_no_gain,
            "A gain is never negative.": _never_negative,
        },
    ),
}
