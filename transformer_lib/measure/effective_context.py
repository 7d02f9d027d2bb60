"""How far a model really looks: the relative effective context length (RECL) of a group of models.

A single model's perplexity over the length of its context flatters weak models: who wastes the
last few words has much to gain from more of them. Here every model of a group must improve on
what the *best* of them knows with the short context.
"""

from collections.abc import Sequence
from numbers import Integral

import torch
from torch import Tensor

from transformer_lib import checks


def relative_gains(losses: Tensor, *, ratio: float = 1.0) -> Tensor:
    """By which part of the group's best perplexity each model lowers it with a longer context.

        b(c, t)     = min over models of l_i(c, t)
        f_i(c, c')  = mean over t in T of min(b(c, t), l_i(c', t))
        g_i(c, c')  = (exp f_i(c, c) - exp f_i(c, c')) / exp f_i(c, c)

    where l_i(c, t) is the loss of model i at position t with exactly c tokens of context, and T
    holds the positions with the largest b(c, t). Only what beats the baseline counts, so a gain is
    never negative; f_i(c, c) is the mean of b(c, t), the same for all models.

    Args:
        losses: -log p in nats, (models, contexts, positions): every model at the same positions,
            the contexts in growing order.
        ratio: r, the part of the positions that T holds, in (0, 1]; at least one position.

    Returns:
        g of each model for each step from one context to the next, (models, contexts - 1), in
        float64.

    Raises:
        ValueError: if `losses` have another shape, fewer than two contexts, or a value that is not
            finite; if `ratio` is not in (0, 1].

    Source: Dai et al. 2019, Appendix C.
    """
    if not isinstance(losses, Tensor) or losses.is_meta:
        raise ValueError(f"losses must be a tensor of numbers, got {losses!r}")
    if losses.dim() != 3 or losses.size(1) < 2 or 0 in losses.shape:
        raise ValueError(
            f"losses must be (models, contexts, positions), none of them 0 and at least two "
            f"contexts, got {tuple(losses.shape)}"
        )
    if not losses.is_floating_point() or not losses.isfinite().all():
        bad = "NaN or infinite ones" if losses.is_floating_point() else str(losses.dtype)
        raise ValueError(f"losses must be finite floating-point numbers, got {bad}")
    checks.fraction(ratio=ratio)
    losses = losses.double()
    best = losses.min(dim=0).values[:-1]  # (contexts - 1, positions), b at the short context
    hardest = best.argsort(dim=-1, descending=True, stable=True)  # of equals the first
    hardest = hardest[:, : max(1, round(ratio * losses.size(-1)))]  # T, for each short context
    baseline = best.gather(-1, hardest)
    longer = losses[:, 1:].gather(-1, hardest.expand(len(losses), -1, -1))
    saved = (baseline - torch.minimum(baseline, longer)).mean(dim=-1)  # f(c, c) - f(c, c')
    return -torch.expm1(-saved)


def effective_context_length(
    losses: Tensor, lengths: Sequence[int], *, ratio: float = 1.0, threshold: float = 0.01
) -> list[int]:
    """The RECL of each model of a group: the first context whose next step gains too little.

    The paper's lengths grow by a fixed step Δ. The result depends on it, as on the ratio, the
    threshold and the group: compare numbers only where all four are the same.

    Args:
        losses: as in `relative_gains`.
        lengths: the contexts of the losses, in tokens, in growing order.
        ratio: as in `relative_gains`.
        threshold: a gain below it is too little.

    Returns:
        A length for each model. The last one, where every step gained enough, says no more than
        "at least".

    Raises:
        ValueError: as `relative_gains`; if `lengths` do not grow, or are not as many as the
            contexts; if `threshold` is not positive.

    Source: Dai et al. 2019, Appendix C, where the threshold is 0.01.
    """
    checks.positive(threshold=threshold)
    gains = relative_gains(losses, ratio=ratio)
    lengths = lengths.tolist() if isinstance(lengths, Tensor) else lengths
    whole = isinstance(lengths, Sequence) and all(
        isinstance(length, Integral) and not isinstance(length, bool) for length in lengths
    )
    if (
        not whole
        or len(lengths) != losses.size(1)
        or sorted(set(lengths)) != list(lengths)
        or lengths[0] < 0
    ):
        raise ValueError(
            f"lengths must be {losses.size(1)} growing numbers, one for each context of losses, "
            f"got {lengths}"
        )
    return [
        next((c for c, gain in zip(lengths, row, strict=False) if gain < threshold), lengths[-1])
        for row in gains.tolist()
    ]
