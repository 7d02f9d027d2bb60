"""The exercises of chapter 8: a temperature, a filter for the tail, and a fair price of length.

from transformer_lib.exercises.chapter_08 import check

check(1, mine)
"""

import torch
from torch import Tensor

from transformer_lib.exercises.marking import Exercise, Mark, draw_size, mark


def check(number: int, mine) -> Mark:
    """Mark an answer.

    Args:
        number: of the exercise: 1, `sharpen(p, T)`, probabilities at a temperature; 2,
            `min_p(logits, share)`, logits of what has at least this share of the likeliest one's
            probability, -inf for the rest; 3, `score(log_p, length, alpha)`, by which beams of
            unequal length are compared.
        mine: the function.

    Raises:
        ValueError: if there is no such exercise, or `mine` is not a function.
    """
    return mark(EXERCISES, number, mine)


def _draw_p() -> tuple[Tensor, Tensor]:
    T = torch.rand((), dtype=torch.float64) * 2 + 0.2
    return torch.randn(draw_size(3, 7), dtype=torch.float64).softmax(dim=-1), T


def _small_p() -> tuple[Tensor, Tensor]:
    return torch.tensor([0.5, 0.25, 0.25]).double(), torch.tensor(0.5).double()


def _draw_logits() -> tuple[Tensor, Tensor]:
    share = torch.rand((), dtype=torch.float64) * 0.3 + 0.05
    return 2 * torch.randn(draw_size(2, 4), draw_size(4, 8), dtype=torch.float64), share


def _small_logits() -> tuple[Tensor, Tensor]:
    return torch.tensor([[0.0, 2.0, -3.0], [4.0, 0.0, 3.0]]).double(), torch.tensor(0.1).double()


def _draw_scores() -> tuple[Tensor, Tensor, Tensor]:
    length = torch.randint(1, 30, (6,)).double()
    return -10 * torch.rand(6).double(), length, torch.rand((), dtype=torch.float64) + 0.2


def _small_scores() -> tuple[Tensor, Tensor, Tensor]:
    length = torch.tensor([1.0, 7.0]).double()
    return torch.tensor([-2.0, -4.0]).double(), length, torch.tensor(1.0).double()


def _sharpen(p: Tensor, T: Tensor) -> Tensor:
    return (p.log() / T).softmax(dim=-1)


def _min_p(logits: Tensor, share: Tensor) -> Tensor:
    floor = logits.amax(dim=-1, keepdim=True) + share.log()
    return logits.masked_fill(logits < floor, -torch.inf)


def _kept(logits: Tensor, share: Tensor) -> Tensor:
    return ~_min_p(logits, share).isinf()


def _score(log_p: Tensor, length: Tensor, alpha: Tensor) -> Tensor:
    return log_p / ((5 + length) / 6) ** alpha


# --- properties ------------------------------------------------------------------------------


def _sums_to_one(function, given: tuple) -> bool:
    return bool(torch.isclose(function(*given).sum(), torch.ones(()).double()))


def _one_changes_nothing(function, given: tuple) -> bool:
    p, T = given
    return torch.allclose(function(p, T * 0 + 1), p)


def _the_likeliest_stays(function, given: tuple) -> bool:
    best = given[0].argmax(dim=-1, keepdim=True)
    return bool(function(*given).gather(-1, best).isfinite().all())


def _kept_logits_are_unchanged(function, given: tuple) -> bool:
    found, logits = function(*given), given[0]
    return torch.equal(found[found.isfinite()], logits[found.isfinite()])


def _no_price_at_zero(function, given: tuple) -> bool:
    log_p, length, alpha = given
    return torch.allclose(function(log_p, length, alpha * 0), log_p)


def _one_token_is_free(function, given: tuple) -> bool:
    log_p, length, alpha = given
    return torch.allclose(function(log_p, length * 0 + 1, alpha), log_p)


EXERCISES = {
    1: Exercise(
        right=_sharpen,
        draw=_draw_p,
        small=_small_p,
        mistakes={
            "the temperature is turned round: a low one flattens here.": lambda p, T: (
                p.log() * T
            ).softmax(dim=-1),
            "the powers are right, and no longer sum to one.": lambda p, T: p ** (1 / T),
            "the softmax is taken of probabilities. Logits are their logarithms.": lambda p, T: (
                p / T
            ).softmax(dim=-1),
            "all are divided by T and scaled back: nothing has changed.": lambda p, T: p.clone(),
            "that is greedy, whatever T is.": lambda p, T: (p == p.amax()).double(),
        },
        properties={
            "Probabilities must sum to one.": _sums_to_one,
            "At T = 1 nothing must change.": _one_changes_nothing,
        },
    ),
    2: Exercise(
        right=_min_p,
        draw=_draw_logits,
        small=_small_logits,
        mistakes={
            "each is compared with the share itself, and not with the share of the likeliest.": (
                lambda logits, share: logits.masked_fill(logits.softmax(dim=-1) < share, -torch.inf)
            ),
            "logits are compared. A share of a probability is a difference of logits.": (
                lambda logits, share: logits.masked_fill(
                    logits < share * logits.amax(dim=-1, keepdim=True), -torch.inf
                )
            ),
            "what is dropped gets logit 0, which is a logit like any other. It must be −∞.": (
                lambda logits, share: logits * _kept(logits, share)
            ),
            "it is turned round: the unlikely ones are kept.": lambda logits, share: (
                logits.masked_fill(_kept(logits, share), -torch.inf)
            ),
            "one bar for all rows. Each row has its own likeliest token.": (
                lambda logits, share: logits.masked_fill(
                    logits < logits.amax() + share.log(), -torch.inf
                )
            ),
            "those are probabilities, and logits are asked for.": lambda logits, share: _min_p(
                logits, share
            ).softmax(dim=-1),
        },
        properties={
            "The likeliest token of a row must stay.": _the_likeliest_stays,
            "What is kept must keep its logit.": _kept_logits_are_unchanged,
        },
    ),
    3: Exercise(
        right=_score,
        draw=_draw_scores,
        small=_small_scores,
        mistakes={
            "log p is divided by the length itself: the 5 and the 6 are missing.": (
                lambda log_p, length, alpha: log_p / length**alpha
            ),
            "only the sum is raised to α: the 6 stands outside.": lambda log_p, length, alpha: (
                log_p / ((5 + length) ** alpha / 6)
            ),
            "α multiplies, and should be an exponent.": lambda log_p, length, alpha: (
                log_p / (alpha * (5 + length) / 6)
            ),
            "log p is multiplied: that punishes long answers twice.": (
                lambda log_p, length, alpha: log_p * ((5 + length) / 6) ** alpha
            ),
            "the end token is counted twice: length has it already.": (
                lambda log_p, length, alpha: _score(log_p, length + 1, alpha)
            ),
            "α is left out: that is plain log p.": lambda log_p, length, alpha: log_p.clone(),
        },
        properties={
            "With alpha = 0 it must be log p.": _no_price_at_zero,
            "An answer of one token must keep its log p.": _one_token_is_free,
        },
    ),
}
