"""The exercises of chapter 5: a maximum without padding, what reaches whom, the last real token.

from transformer_lib.exercises.chapter_05 import check

check(1, mine)
"""

import torch
from torch import Tensor

from transformer_lib.exercises.marking import Exercise, Mark, draw_size, mark


def check(number: int, mine) -> Mark:
    """Mark an answer.

    Args:
        number: of the exercise: 1, `pool(y, real)`, the largest value of each feature over the real
            tokens, (batch, d_model); 2, `reach(masks)`, which inputs can move which outputs of a
            stack with the masks (num_layers, seq_len, seq_len); 3, `last(y, real)`, the output at
            each text's last real token. y is (batch, seq_len, d_model), and real is True at tokens
            and False at padding, (batch, seq_len).
        mine: the function.

    Raises:
        ValueError: if there is no such exercise, or `mine` is not a function.
    """
    return mark(EXERCISES, number, mine)


def _draw_texts() -> tuple[Tensor, Tensor]:
    """Outputs of texts of several lengths; the first fills its row, the second is one token."""
    batch, seq_len = draw_size(3, 6), draw_size(4, 7)
    lengths = torch.randint(2, seq_len + 1, (batch, 1))
    lengths[0], lengths[1] = seq_len, 1
    y = torch.randn(batch, seq_len, draw_size(2, 5), dtype=torch.float64)
    return y, torch.arange(seq_len) < lengths


def _small_texts() -> tuple[Tensor, Tensor]:
    return torch.randint(-3, 4, (1, 3, 2)).double(), torch.tensor([[True, True, False]])


def _draw_masks() -> tuple[Tensor]:
    seq_len = draw_size(5, 8)
    return (torch.rand(draw_size(2, 4), seq_len, seq_len) < 1.2 / seq_len,)


def _small_masks() -> tuple[Tensor]:
    return (torch.rand(2, 3, 3) < 0.3,)


def _largest(y: Tensor, real: Tensor) -> Tensor:
    return y.masked_fill(~real[..., None], -torch.inf).amax(dim=1)


def _at(y: Tensor, place: Tensor) -> Tensor:
    return y[torch.arange(len(y)), place.clamp(0, y.size(1) - 1)]


def _mean(y: Tensor, real: Tensor) -> Tensor:
    return (y * real[..., None]).sum(dim=1) / real.sum(dim=1, keepdim=True)


def _ways(masks, residual: bool = True) -> Tensor:
    """In how many ways each input comes to each output, through the layers in this order."""
    ways = torch.eye(masks[0].size(-1), dtype=torch.float64)
    for mask in masks:
        ways = mask.double() @ ways + (ways if residual else 0)
    return ways


def _reach(masks: Tensor) -> Tensor:
    return _ways(masks) > 0


# --- properties ------------------------------------------------------------------------------


def _padding_is_left_out(function, given: tuple) -> bool:
    y, real = given
    return torch.equal(function(y + 5 * ~real[..., None], real), function(y, real))


def _order_is_left_out(function, given: tuple) -> bool:
    """The first two tokens change places in all texts that have two."""
    y, real = given
    other = torch.where(real[:, 1, None, None], torch.cat([y[:, :2].flip(1), y[:, 2:]], dim=1), y)
    return torch.equal(function(other, real), function(y, real))


def _before_is_left_out(function, given: tuple) -> bool:
    y, real = given
    other = y.clone()
    other[:, 0] += 5 * (real.sum(dim=1, keepdim=True) > 1)
    return torch.equal(function(other, real), function(y, real))


def _each_keeps_itself(function, given: tuple) -> bool:
    return bool(function(*given).diagonal().bool().all())


def _layers_add_up(function, given: tuple) -> bool:
    (masks,) = given
    return bool(function(masks).bool()[masks.any(dim=0)].all())


EXERCISES = {
    1: Exercise(
        right=_largest,
        draw=_draw_texts,
        small=_small_texts,
        mistakes={
            "padding is set to zero; where all values are negative, that zero is the largest.": (
                lambda y, real: (y * real[..., None]).amax(dim=1)
            ),
            "padding is read too.": lambda y, real: y.amax(dim=1),
            "that is the mean of the real tokens.": _mean,
            "it is the largest of the padding: the mask is turned round.": lambda y, real: _largest(
                y, ~real
            ),
            "it is the largest absolute value; the sign is lost.": lambda y, real: _largest(
                y.abs(), real
            ),
        },
        properties={
            "What the padding holds must not matter.": _padding_is_left_out,
            "The order of the tokens must not matter.": _order_is_left_out,
        },
    ),
    2: Exercise(
        right=_reach,
        draw=_draw_masks,
        small=_small_masks,
        mistakes={
            "the residual connection is missing: a token keeps what it has.": (
                lambda masks: _ways(masks, residual=False) > 0
            ),
            "the layers come in the opposite order. What layer 2 reads, layer 1 wrote.": (
                lambda masks: _reach(masks.flip(0))
            ),
            "that is what some layer shows directly. What is shown there has read before.": (
                lambda masks: masks.any(dim=0) | _reach(masks & False)
            ),
            "rows and columns have changed places: a row is an output.": lambda masks: (
                _reach(masks).T
            ),
            "it counts the ways, and should say whether there is one.": _ways,
            "that is the last layer alone.": lambda masks: _reach(masks[-1:]),
            "that is the first layer alone.": lambda masks: _reach(masks[:1]),
        },
        properties={
            "A token's own input must reach it: there is a residual connection.": (
                _each_keeps_itself
            ),
            "What one layer lets a token see must reach it.": _layers_add_up,
        },
    ),
    3: Exercise(
        right=lambda y, real: _at(y, real.sum(dim=1) - 1),
        draw=_draw_texts,
        small=_small_texts,
        mistakes={
            "that is the last place, which is padding in all texts but the longest.": (
                lambda y, real: y[:, -1]
            ),
            "it is one place too far: places are counted from 0.": lambda y, real: _at(
                y, real.sum(dim=1)
            ),
            "it is one place too early.": lambda y, real: _at(y, real.sum(dim=1) - 2),
            "that is the first token.": lambda y, real: y[:, 0],
            "that is the mean of the real tokens.": _mean,
        },
        properties={
            "What the padding holds must not matter.": _padding_is_left_out,
            "The tokens before the last one must not matter.": _before_is_left_out,
        },
    ),
}
