"""Losses that several recipes share."""

import torch
import torch.nn.functional as F
from torch import Tensor

from transformer_lib import checks


def token_loss(
    logits: Tensor, targets: Tensor, *, pad_id: int, label_smoothing: float = 0.0
) -> Tensor:
    """Mean cross-entropy of the tokens that are not padding, in nats.

    With label smoothing ε the target gives 1 - ε to the right token and spreads ε over *all*
    classes, the right one and padding included, as `torch.nn.CrossEntropyLoss` does. (The
    Transformer's first code spread it over all but the right token and padding: its losses are
    other numbers. §5.4 of the paper: smoothing hurts perplexity and helps BLEU.)

    Args:
        logits: (batch, seq_len, vocab_size).
        targets: ids (batch, seq_len).
        pad_id: targets with this id do not count.
        label_smoothing: ε.

    Returns:
        Scalar; 0, with a gradient of 0, where all is padding.

    Raises:
        ValueError: if `logits` are no numbers with a point, `targets` no ids of int64, they differ
            in batch, length or device, or `label_smoothing` is not in [0, 1).
    """
    mean = _cross_entropy(logits, targets, pad_id, label_smoothing, "mean")
    return mean if (targets != pad_id).any() else logits.sum() * 0.0


def token_sum(
    logits: Tensor, targets: Tensor, *, pad_id: int, label_smoothing: float = 0.0
) -> tuple[Tensor, Tensor]:
    """The same as a sum, and how many tokens it is over: what `train` takes for one large batch.

    Where a step has several batches of unequal length, or several processes, a mean of means would
    give each token of a short batch more weight than each of a long one.

    Args:
        logits: (batch, seq_len, vocab_size).
        targets: ids (batch, seq_len).
        pad_id: targets with this id do not count.
        label_smoothing: as for `token_loss`.

    Returns:
        Two scalars.

    Raises:
        ValueError: as `token_loss`.
    """
    summed = _cross_entropy(logits, targets, pad_id, label_smoothing, "sum")
    return summed, (targets != pad_id).sum()


def _cross_entropy(
    logits: Tensor, targets: Tensor, pad_id: int, label_smoothing: float, reduction: str
) -> Tensor:
    checks.probability(label_smoothing=label_smoothing)
    checks.whole(pad_id=pad_id)
    checks.floating("logits", logits)
    if not isinstance(targets, Tensor) or targets.dtype != torch.int64:
        got = targets.dtype if isinstance(targets, Tensor) else type(targets).__name__
        raise ValueError(f"targets must be a tensor of int64, got {got}")
    if targets.device != logits.device:
        raise ValueError(f"targets must be on {logits.device}, as logits, got {targets.device}")
    if logits.shape[:-1] != targets.shape:
        raise ValueError(
            f"targets must have the shape of logits without the last axis, "
            f"{tuple(logits.shape[:-1])}, got {tuple(targets.shape)}"
        )
    if targets.device.type == "cpu":  # elsewhere the look would wait for the device
        counted = targets.masked_fill(targets == pad_id, 0).reshape(1, -1)
        checks.ids("targets", counted, logits.size(-1))
    return F.cross_entropy(
        logits.flatten(0, -2),
        targets.flatten(),
        ignore_index=pad_id,
        label_smoothing=label_smoothing,
        reduction=reduction,
    )
