"""Attention rollout: how much of each input token is in each output token, through all layers."""

from collections.abc import Mapping

import torch
from torch import Tensor


def attention_rollout(maps: Mapping[str, Tensor]) -> Tensor:
    """Follow the attention of a stack down to the tokens that it read.

        rollout = A_L · … · A_2 · A_1,  A_l = (mean of the heads of layer l + I) / 2

    The identity stands for the residual connection, which carries every token past the attention.
    This is bookkeeping of where tokens looked, not of what changed the output: values,
    feed-forward blocks and norms do not enter.

    Args:
        maps: the weights (batch, heads, seq_len, seq_len) of every layer, the first layer first, as
            `collect_attention` gives them for a stack of self-attention.

    Returns:
        (batch, seq_len, seq_len): row i says how token i at the end is made up of those at the
        start. Where every row of the weights adds up to 1, so do these.

    Raises:
        ValueError: if there is no map, or they are not square or of different shapes.

    Source: Abnar and Zuidema 2020, "Quantifying Attention Flow in Transformers", §3.
    """
    shapes = {name: tuple(weights.shape) for name, weights in maps.items()}
    square = all(len(shape) == 4 and shape[-1] == shape[-2] for shape in shapes.values())
    if not square or len({(shape[0], shape[-1]) for shape in shapes.values()}) != 1:
        raise ValueError(
            f"maps must be one or more of shape (batch, heads, seq_len, seq_len), got {shapes}"
        )
    rollout = None
    for weights in maps.values():
        mean = weights.mean(dim=1)  # (batch, seq_len, seq_len)
        layer = (mean + torch.eye(mean.size(-1), dtype=mean.dtype, device=mean.device)) / 2
        rollout = layer if rollout is None else layer @ rollout
    return rollout
