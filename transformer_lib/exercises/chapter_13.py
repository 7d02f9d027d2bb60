"""The exercises of chapter 13: matches that count once, brevity, and shares of a belief.

from transformer_lib.exercises.chapter_13 import check

check(1, mine)
"""

import torch
from torch import Tensor

from transformer_lib.exercises.marking import Exercise, Mark, draw_size, mark

KINDS = 6  # different words in what is drawn


def check(number: int, mine) -> Mark:
    """Mark an answer.

    Args:
        number: of the exercise: 1, `precision(written, reference)`, the share of the written words
            that stand in the reference, each there counting once; 2, `brevity(made, wanted)`, of
            the lengths of all sentences; 3, `believe(p)`, for p (source words, target words) how
            each target word is shared out among the source words.
        mine: the function.

    Raises:
        ValueError: if there is no such exercise, or `mine` is not a function.
    """
    return mark(EXERCISES, number, mine)


# --- what is drawn ---------------------------------------------------------------------------


def _draw_words() -> tuple[Tensor, Tensor]:
    return torch.randint(0, KINDS, (draw_size(3, 9),)), torch.randint(0, KINDS, (draw_size(3, 9),))


def _small_words() -> tuple[Tensor, Tensor]:
    return torch.tensor([7, 7, 7, 4]), torch.tensor([7, 5, 4, 7, 6])


def _draw_lengths() -> tuple[Tensor, Tensor]:
    made, wanted = torch.randint(3, 20, (2, draw_size(3, 9)), dtype=torch.float64)
    return (made, wanted) if torch.rand(()) < 0.3 else (made, wanted + 5)


def _small_lengths() -> tuple[Tensor, Tensor]:
    return torch.tensor([4.0, 4.0]).double(), torch.tensor([3.0, 7.0]).double()


def _draw_belief() -> tuple[Tensor]:
    return (torch.rand(draw_size(3, 9), draw_size(3, 9), dtype=torch.float64) + 0.1,)


def _small_belief() -> tuple[Tensor]:
    return (torch.tensor([[1.0, 3.0], [1.0, 1.0]]).double(),)


# --- right and wrong answers -------------------------------------------------------------------


def _counts(words: Tensor) -> Tensor:
    return torch.bincount(words, minlength=10)


def _precision(written: Tensor, reference: Tensor) -> Tensor:
    matches = torch.minimum(_counts(written), _counts(reference)).sum()
    return matches.double() / len(written)


def _brevity(made: Tensor, wanted: Tensor) -> Tensor:
    return (1 - wanted.sum() / made.sum()).exp().clamp(max=1.0)


def _believe(p: Tensor) -> Tensor:
    return p / p.sum(dim=0)


def _order_is_nothing(function, given: tuple) -> bool:
    """The words of the reference in another order change nothing."""
    written, reference = given
    return torch.allclose(function(written, reference), function(written, reference.flip(0)))


def _at_most_one(function, given: tuple) -> bool:
    """Too much is not punished here."""
    return bool(function(given[0] + 100, given[1]) == 1)


def _each_is_one(function, given: tuple) -> bool:
    """Each target word is shared out whole."""
    return torch.allclose(function(*given).sum(dim=0), torch.ones(()).double())


EXERCISES = {
    1: Exercise(
        _precision,
        _draw_words,
        _small_words,
        {
            "a word of the reference counts as often as it is written.": lambda w, r: (
                torch.isin(w, r).double().mean()
            ),
            "divided by the length of the reference: that is recall.": lambda w, r: (
                _precision(w, r) * len(w) / len(r)
            ),
            "the number of matches, not their share.": lambda w, r: _precision(w, r) * len(w),
            "each kind of word counts once, however often it stands in both.": lambda w, r: (
                ((_counts(w) > 0) & (_counts(r) > 0)).sum().double() / len(w)
            ),
        },
        {"The order of the reference's words must not count.": _order_is_nothing},
    ),
    2: Exercise(
        _brevity,
        _draw_lengths,
        _small_lengths,
        {
            "what is too long is rewarded: the factor exceeds 1.": lambda m, w: (
                1 - w.sum() / m.sum()
            ).exp(),
            "the mean of the sentences' factors; lengths must be added up first.": lambda m, w: (
                (1 - w / m).exp().clamp(max=1.0).mean()
            ),
            "made and wanted are swapped.": lambda m, w: _brevity(w, m),
            "the ratio of the lengths, without the exponential.": lambda m, w: (
                m.sum() / w.sum()
            ).clamp(max=1.0),
        },
        {"The factor must be 1 where too much was written.": _at_most_one},
    ),
    3: Exercise(
        _believe,
        _draw_belief,
        _small_belief,
        {
            "each source word is shared out among the target words.": lambda p: (
                p / p.sum(dim=1, keepdim=True)
            ),
            "divided by the sum of the whole table.": lambda p: p / p.sum(),
            "a softmax: p is a probability already, and no logarithm.": lambda p: p.softmax(dim=0),
            "nothing is divided.": lambda p: p,
        },
        {"The shares of a target word must add up to 1.": _each_is_one},
    ),
}
