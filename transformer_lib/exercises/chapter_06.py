"""The exercises of chapter 6: the shifted loss, a prefix that sees itself, and words all right.

from transformer_lib.exercises.chapter_06 import check

check(1, mine)
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from transformer_lib.exercises.marking import Exercise, Mark, draw_size, mark
from transformer_lib.layers.masks import causal_mask

PAD = 0


def check(number: int, mine) -> Mark:
    """Mark an answer.

    Args:
        number: of the exercise: 1, `loss(logits, target)`, of what was said against what should
            have been; 2, `mask(length, prefix)`, where a prefix sees itself; 3,
            `words_right(guessed, says)`, the share of words without a mistake. PAD is 0.
        mine: the function.

    Raises:
        ValueError: if there is no such exercise, or `mine` is not a function.
    """
    return mark(EXERCISES, number, mine)


def _words(count: int, length: int, vocab_size: int) -> Tensor:
    """Ids (count, length): words of several lengths, the longest first, and PAD behind them."""
    ids = torch.randint(1, vocab_size, (count, length))
    ends = torch.randint(3, length + 1, (count, 1))
    ends[0] = length
    return ids.masked_fill(torch.arange(length) >= ends, PAD)


def _draw_target() -> tuple[Tensor, Tensor]:
    target = _words(draw_size(3, 7), draw_size(5, 9), vocab_size := draw_size(5, 9))
    count, length = target.shape
    return torch.randn(count, length - 1, vocab_size, dtype=torch.float64), target


def _draw_guesses() -> tuple[Tensor, Tensor]:
    says = _words(draw_size(5, 9), draw_size(4, 7), 9)
    guessed = torch.where(says == PAD, torch.randint(1, 9, says.shape), says)
    wrong = torch.rand(says.shape) < 0.12
    return torch.where(wrong, (guessed + 1) % 9, guessed), says


def _small_guesses() -> tuple[Tensor, Tensor]:
    says = torch.tensor([[3, 4, 2], [5, 2, 0]])
    return says + (torch.rand(2, 3) < 0.4) * 1, says


def _loss(logits: Tensor, says: Tensor, **options) -> Tensor:
    return F.cross_entropy(logits.flatten(0, 1), says.flatten(), **options)


def _prefix(length: int, prefix: int) -> Tensor:
    return (torch.arange(length) < prefix).expand(length, length)


def _words_right(guessed: Tensor, says: Tensor) -> Tensor:
    return ((guessed == says) | (says == PAD)).all(dim=1).double().mean()


# --- properties ------------------------------------------------------------------------------


def _padding_is_not_asked(function, given: tuple) -> bool:
    logits, target = given
    other = logits + 5.0 * (target[:, 1:] == PAD)[..., None] * torch.randn_like(logits)
    return torch.allclose(function(other, target), function(logits, target), atol=1e-6)


def _first_is_not_asked(function, given: tuple) -> bool:
    logits, target = given
    other = target.clone()
    other[:, 0] = 1
    return torch.allclose(function(logits, other), function(logits, target), atol=1e-6)


def _prefix_is_open(function, given: tuple) -> bool:
    length, prefix = given
    return bool(function(length, prefix)[:, :prefix].all())


def _rest_is_causal(function, given: tuple) -> bool:
    length, prefix = given
    seen = function(length, prefix)[:, prefix:]
    return torch.equal(seen, causal_mask(length)[:, prefix:])


def _padding_is_no_letter(function, given: tuple) -> bool:
    guessed, says = given
    other = torch.where(says == PAD, guessed + 1, guessed)
    return torch.equal(function(other, says), function(guessed, says))


def _all_right(function, given: tuple) -> bool:
    return function(given[1], given[1]).item() == 1


EXERCISES = {
    1: Exercise(
        right=lambda logits, target: _loss(logits, target[:, 1:], ignore_index=PAD),
        draw=_draw_target,
        small=lambda: (torch.randint(-2, 3, (1, 2, 3)).double(), torch.tensor([[1, 2, 0]])),
        mistakes={
            "nothing is shifted: the model is asked for the letter that it reads.": (
                lambda logits, target: _loss(logits, target[:, :-1], ignore_index=PAD)
            ),
            "padding is asked for too: what comes after the end is nobody's business.": (
                lambda logits, target: _loss(logits, target[:, 1:])
            ),
            "nothing is shifted, and padding is asked for too.": lambda logits, target: _loss(
                logits, target[:, :-1]
            ),
            "it is shifted by two: the next letter but one is asked for.": (
                lambda logits, target: _loss(logits[:, :-1], target[:, 2:], ignore_index=PAD)
            ),
            "it is the sum over all letters, and should be the mean.": lambda logits, target: _loss(
                logits, target[:, 1:], ignore_index=PAD, reduction="sum"
            ),
            "padding costs nothing, but is counted: the sum is divided by all places.": (
                lambda logits, target: _loss(
                    logits, target[:, 1:], ignore_index=PAD, reduction="none"
                ).mean()
            ),
            "the last place alone is asked, as in writing; in training all places are.": (
                lambda logits, target: F.cross_entropy(
                    logits[:, -1], target[:, -1], ignore_index=PAD
                )
            ),
        },
        properties={
            "What is said where padding should follow must not matter.": _padding_is_not_asked,
            "BOS is never asked for.": _first_is_not_asked,
        },
    ),
    2: Exercise(
        right=lambda length, prefix: causal_mask(length) | _prefix(length, prefix),
        draw=lambda: (n := draw_size(4, 9), draw_size(1, n)),
        small=lambda: (3, 2),
        mistakes={
            "it is causal everywhere: the prefix does not see what follows in it.": (
                lambda length, prefix: causal_mask(length)
            ),
            "a mask is narrowed with &; to let more through takes |.": lambda length, prefix: (
                causal_mask(length) & _prefix(length, prefix)
            ),
            "the prefix sees everything, and should be seen by everything.": (
                lambda length, prefix: causal_mask(length) | _prefix(length, prefix).T
            ),
            "it is turned round: True hides, and should let through.": lambda length, prefix: (
                ~(causal_mask(length) | _prefix(length, prefix))
            ),
            "it hides nothing.": lambda length, prefix: torch.ones(
                length, length, dtype=torch.bool
            ),
            "the prefix is one token too long.": lambda length, prefix: (
                causal_mask(length) | _prefix(length, prefix + 1)
            ),
            "the prefix is one token too short.": lambda length, prefix: (
                causal_mask(length) | _prefix(length, prefix - 1)
            ),
        },
        properties={
            "Every token must see the whole prefix.": _prefix_is_open,
            "Behind the prefix a token must be seen by itself and by what comes later.": (
                _rest_is_causal
            ),
        },
    ),
    3: Exercise(
        right=_words_right,
        draw=_draw_guesses,
        small=_small_guesses,
        mistakes={
            "these are the letters right, the flattering measure.": lambda guessed, says: (
                (guessed == says)[says != PAD].double().mean()
            ),
            "what is written behind the end counts as a mistake.": lambda guessed, says: (
                (guessed == says).all(dim=1).double().mean()
            ),
            "these are the letters right, and padding counts as letters.": (
                lambda guessed, says: (guessed == says).double().mean()
            ),
            "a word is right with any letter right; all must be.": lambda guessed, says: (
                ((guessed == says) & (says != PAD)).any(dim=1).double().mean()
            ),
            "it is the share of words with a mistake.": lambda guessed, says: (
                1 - _words_right(guessed, says)
            ),
            "it is the number of words, and should be their share.": lambda guessed, says: (
                _words_right(guessed, says) * len(says)
            ),
        },
        properties={
            "What is written behind the end must not matter.": _padding_is_no_letter,
            "If all is right, the share is one.": _all_right,
        },
    ),
}
