"""The exercises of chapter 7: the loss over real places, and the shift between two sequences.

from transformer_lib.exercises.chapter_07 import check

check(1, mine)
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from transformer_lib.exercises.marking import Exercise, Mark, mark
from transformer_lib.training.losses import token_loss

PAD, BOS, EOS = 0, 1, 2


def check(number: int, mine) -> Mark:
    """Mark an answer.

    Args:
        number: of the exercise: 1, `loss(logits, targets)`, the cross-entropy (1,) of logits
            (batch, length, symbols) over all targets (batch, length) that are not 0; 2,
            `shift(sounds)`, from ids (batch, length), filled up with 0, what the decoder reads and
            what it should predict, (2, batch, length + 1), with 1 for BOS and 2 for EOS.
        mine: the function.

    Raises:
        ValueError: if there is no such exercise, or `mine` is not a function.
    """
    return mark(EXERCISES, number, mine)


# --- sequences of several lengths ------------------------------------------------------------


def _rows(batch: int, length: int, symbols: int) -> Tensor:
    """Ids from 3 on, the first row as long as can be, the others shorter and filled with 0."""
    ids = torch.randint(3, symbols, (batch, length))
    ends = torch.randint(1, length, (batch, 1))
    ends[0] = length
    return ids.masked_fill(torch.arange(length) >= ends, PAD)


def _draw_rows() -> tuple[Tensor]:
    batch, length = (int(torch.randint(2, 6, ())) for _ in range(2))
    return (_rows(batch, length + 1, 9),)


def _small_rows() -> tuple[Tensor]:
    return (_rows(2, 3, 6),)


def _draw_logits() -> tuple[Tensor, Tensor]:
    (targets,) = _draw_rows()
    return torch.randn(*targets.shape, 9, dtype=torch.float64), targets


def _small_logits() -> tuple[Tensor, Tensor]:
    return torch.randint(-2, 3, (2, 3, 6)).double(), _rows(2, 3, 6)


# --- the loss --------------------------------------------------------------------------------


def _loss(logits: Tensor, targets: Tensor) -> Tensor:
    return token_loss(logits, targets, pad_id=PAD).view(1)


def _each(logits: Tensor, targets: Tensor) -> Tensor:
    """The loss at every place, (batch, length)."""
    return F.cross_entropy(logits.transpose(1, 2), targets, reduction="none")


def _of_everything(logits: Tensor, targets: Tensor) -> Tensor:
    return _each(logits, targets).mean().view(1)


def _by_all_places(logits: Tensor, targets: Tensor) -> Tensor:
    return (_each(logits, targets) * (targets != PAD)).mean().view(1)


def _sum(logits: Tensor, targets: Tensor) -> Tensor:
    return _each(logits, targets)[targets != PAD].sum().view(1)


def _mean_of_means(logits: Tensor, targets: Tensor) -> Tensor:
    real = targets != PAD
    return ((_each(logits, targets) * real).sum(dim=1) / real.sum(dim=1)).mean().view(1)


def _other_axis(logits: Tensor, targets: Tensor) -> Tensor:
    log_p = logits.log_softmax(dim=1).gather(-1, targets[..., None]).squeeze(-1)
    return -log_p[targets != PAD].mean().view(1)


def _padding_is_ignored(function, given: tuple) -> bool:
    """More padding behind all rows changes nothing."""
    logits, targets = given
    more = torch.cat([logits, torch.ones_like(logits[:, :1])], dim=1)
    return torch.allclose(function(more, F.pad(targets, (0, 1))), function(*given), atol=1e-6)


def _every_token_is_alike(function, given: tuple) -> bool:
    """All rows at once, or one row after the other in a single one: the same tokens."""
    logits, targets = given
    joined = function(logits.flatten(0, 1)[None], targets.flatten()[None])
    return torch.allclose(joined, function(*given), atol=1e-6)


# --- the shift -------------------------------------------------------------------------------


def _shift(sounds: Tensor) -> Tensor:
    reads = F.pad(sounds, (1, 0), value=BOS)
    says = F.pad(sounds, (0, 1))
    says[torch.arange(len(sounds)), (sounds != PAD).sum(dim=1)] = EOS
    return torch.stack([reads, says])


def _forgotten(sounds: Tensor) -> Tensor:
    says = _shift(sounds)[1]
    return torch.stack([says, says])


def _end_behind_padding(sounds: Tensor) -> Tensor:
    return torch.stack([_shift(sounds)[0], F.pad(sounds, (0, 1), value=EOS)])


def _no_end(sounds: Tensor) -> Tensor:
    return torch.stack([_shift(sounds)[0], F.pad(sounds, (0, 1))])


def _starts_with_end(sounds: Tensor) -> Tensor:
    return torch.stack([F.pad(sounds, (1, 0), value=EOS), _shift(sounds)[1]])


def _one_apart(function, given: tuple) -> bool:
    reads, says = function(*given)
    there = reads[:, 1:] != PAD
    return torch.equal(reads[:, 1:][there], says[:, :-1][there])


def _ends_once(function, given: tuple) -> bool:
    _, says = function(*given)
    return bool(((says == EOS).sum(dim=1) == 1).all())


EXERCISES = {
    1: Exercise(
        right=_loss,
        draw=_draw_logits,
        small=_small_logits,
        mistakes={
            "padding is learned as if it were a sound. Leave its places out.": _of_everything,
            "padding costs nothing, and is still counted: the sum is divided by all places, "
            "not by the real ones.": _by_all_places,
            "it is a sum, which grows with the batch. Divide by the number of real places.": _sum,
            "it is a mean of the rows' means: a token of a short word counts for more. Sum over "
            "all rows, then divide once.": _mean_of_means,
            "the softmax runs along the sequence, not over the symbols.": _other_axis,
        },
        properties={
            "Padding behind all rows may not change the loss.": _padding_is_ignored,
            "Every real token counts alike, in whichever row it stands.": _every_token_is_alike,
        },
    ),
    2: Exercise(
        right=_shift,
        draw=_draw_rows,
        small=_small_rows,
        mistakes={
            "the decoder reads what it should predict: the shift is forgotten, and the loss goes "
            "to zero.": _forgotten,
            "EOS stands behind the padding. It belongs right behind the last sound.": (
                _end_behind_padding
            ),
            "there is no EOS: the model never learns to stop.": _no_end,
            "the decoder begins with EOS, and BOS is nowhere.": _starts_with_end,
        },
        properties={
            "What is read at a place was to be predicted one place before.": _one_apart,
            "Each row is told once to end.": _ends_once,
        },
    ),
}
