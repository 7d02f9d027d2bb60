"""How sure a share of right answers is, and whether one model's is better than another's."""

from typing import NamedTuple

import torch
from torch import Tensor

from transformer_lib import checks


class Accuracy(NamedTuple):
    """A share of right answers with its interval.

    Attributes:
        share: right answers, of all.
        low: where the interval begins.
        high: where it ends.
    """

    share: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{100 * self.share:.1f} % ({100 * self.low:.1f} to {100 * self.high:.1f})"


class Paired(NamedTuple):
    """Two models on the same questions.

    Attributes:
        only_first: questions that the first alone answers right.
        only_second: questions that the second alone answers right.
        p: how probable a split at least as uneven is, if both are equally good.
    """

    only_first: int
    only_second: int
    p: float


def accuracy(right: Tensor, *, confidence: float = 0.95) -> Accuracy:
    """The share of right answers, with Wilson's interval.

        (k + z²/2 ± z √(k (n - k) / n + z²/4)) / (n + z²)

    for k right of n. It stays between 0 and 1, and does not shrink to a point where all are right.
    It says how much another sample of questions would move the share, not another training.

    Args:
        right: boolean (count,), for each question whether the answer is right.
        confidence: how often such an interval holds the share of all questions there could be.

    Raises:
        ValueError: if `right` is not such a row or is empty, or `confidence` is not in [0, 1).

    Source: Wilson 1927, "Probable inference, the law of succession, and statistical inference".
    """
    from scipy.stats import binomtest  # slow to import, and only needed here

    _check(right=right)
    checks.probability(confidence=confidence)
    test = binomtest(int(right.sum()), len(right))
    low, high = test.proportion_ci(confidence, method="wilson")
    return Accuracy(test.statistic, float(low), float(high))


def better(first: Tensor, second: Tensor) -> Paired:
    """Compare two models on the same questions: McNemar's test, exact.

    Questions that both answer right, or both wrong, say nothing about which is better. Of the
    others, if the models were equally good, each would be a toss of a coin.

    Args:
        first: boolean (count,), for each question whether the first model is right.
        second: the same for the second.

    Raises:
        ValueError: if they are not boolean rows of one length.

    Source: McNemar 1947, "Note on the sampling error of the difference between correlated
    proportions or percentages".
    """
    from scipy.stats import binomtest

    _check(first=first, second=second)
    one, two = int((first & ~second).sum()), int((second & ~first).sum())
    return Paired(one, two, float(binomtest(one, one + two).pvalue) if one + two else 1.0)


def _check(**rows: Tensor) -> None:
    for name, value in rows.items():
        if (
            not isinstance(value, Tensor)
            or value.dtype != torch.bool
            or value.dim() != 1
            or value.is_meta
        ):
            raise ValueError(f"{name} must be a boolean row, (count,), got {value!r}")
        if not len(value):
            raise ValueError(f"{name} must hold at least one answer, got none")
    lengths = {name: len(value) for name, value in rows.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"{' and '.join(rows)} must be of one length, got {lengths}")
