"""The contrastive loss: of all that stands in the batch, what belongs to this?"""

import torch
import torch.nn.functional as F
from torch import Tensor

from transformer_lib import checks


def contrastive_loss(
    a: Tensor, b: Tensor, scale: Tensor | float = 1.0, *, same: Tensor | None = None
) -> Tensor:
    """Mean cross-entropy of finding the partner, in both directions, in nats.

        S = scale · A Bᵀ,  loss = (CE(S, rows) + CE(Sᵀ, columns)) / 2

    Row n of `a` belongs to row n of `b`. Both should have length 1, so that `a @ b.T` are cosines.

    Args:
        a: (batch, width).
        b: (batch, width).
        scale: by what the cosines are multiplied before the softmax: 1 / temperature.
        same: boolean (batch, batch): which rows of `a` and `b` belong together where a row has
            several partners; they share its probability evenly. By default the diagonal.

    Returns:
        A scalar.

    Raises:
        ValueError: if `a` and `b` are not as many vectors of one width and type, `scale` is no
            positive number, or `same` is no such mask or leaves a row or a column without a
            partner.

    Source: Radford et al. 2021, "CLIP", Figure 3; van den Oord et al. 2018 for one direction.
    """
    _check(a, b, scale, same)
    with torch.autocast(a.device.type, enabled=False):  # bfloat16 would round what scale enlarges
        scores = scale * a @ b.T  # (batch, batch)
    if same is None:
        rows = columns = torch.arange(len(a), device=a.device)
    else:
        rows, columns = (_shares(mask).to(scores) for mask in (same, same.T))
    return (F.cross_entropy(scores, rows) + F.cross_entropy(scores.T, columns)) / 2


def _shares(same: Tensor) -> Tensor:
    """Probabilities of equal size for all partners of a row."""
    return same.double() / same.sum(dim=1, keepdim=True)


def _check(a: Tensor, b: Tensor, scale: Tensor | float, same: Tensor | None) -> None:
    checks.floating("a", a, dims=2)
    checks.floating("b", b, dims=2)
    if a.shape != b.shape or not len(a):
        raise ValueError(
            f"a and b must be as many vectors of one width, got {tuple(a.shape)}, {tuple(b.shape)}"
        )
    checks.like("a", a, b=b)
    if not isinstance(scale, Tensor):
        checks.positive(scale=scale)
    elif scale.dim() or not scale.is_floating_point():
        raise ValueError(f"scale must be a number, got {tuple(scale.shape)} of {scale.dtype}")
    if same is not None:
        _check_same(same, len(a))


def _check_same(same: Tensor, batch: int) -> None:
    mask = isinstance(same, Tensor) and same.dtype == torch.bool and not same.is_meta
    if not mask or same.shape != (batch, batch):
        found = (tuple(same.shape), same.dtype) if isinstance(same, Tensor) else same
        raise ValueError(f"same must be a boolean mask ({batch}, {batch}), got {found}")
    if not (same.any(dim=0).all() and same.any(dim=1).all()):
        raise ValueError("same must give each row and each column a partner, got one without")
