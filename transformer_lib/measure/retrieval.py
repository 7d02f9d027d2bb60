"""Retrieval: how often does the right one come first, or among the first few?"""

from collections.abc import Sequence

import torch
from torch import Tensor

from transformer_lib import checks


def ranks(scores: Tensor, right: Tensor | None = None) -> Tensor:
    """Count the candidates that are put before the right one.

    Of candidates with the same score as the right one half are counted as before it, rounded up:
    a model that gives all the same score has learnt nothing, and is not to look perfect.

    Args:
        scores: of each query for each candidate (queries, candidates).
        right: the place of the right candidate of each query (queries,); by default query n's is
            candidate n.

    Returns:
        (queries,): 0 where the right one comes first.

    Raises:
        ValueError: if the shapes do not go together, a score is NaN, or there is no query.
    """
    checks.floating("scores", scores, dims=2)
    if scores.isnan().any():
        raise ValueError("scores must be numbers, got NaN")
    if right is None:
        right = torch.arange(len(scores), device=scores.device)
    checks.row("right", right, scores.size(1), of="candidates", least=1)
    if len(right) != len(scores):
        raise ValueError(f"right must be one for each of {len(scores)} queries, got {len(right)}")
    own = scores.gather(1, right[:, None].long())  # (queries, 1)
    before, ties = (scores > own).sum(dim=1), (scores == own).sum(dim=1) - 1
    return before + (ties + 1) // 2


def recall_at(
    scores: Tensor, right: Tensor | None = None, *, k: Sequence[int] = (1, 5)
) -> tuple[float, ...]:
    """Measure the share of queries whose right candidate is among the first k, for each k.

    It depends on how many candidates there are: say so beside it.

    Args:
        scores: of each query for each candidate (queries, candidates).
        right: as in `ranks`.
        k: how many of the first are looked at.

    Raises:
        ValueError: as `ranks`; or if a k is less than 1.
    """
    checks.several(k=k)
    for number in k:
        checks.at_least(1, k=number)
    place = ranks(scores, right)
    return tuple((place < number).double().mean().item() for number in k)
