"""Attention maps of a whole model, and how they add up from layer to layer."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from transformer_lib.layers.multi_head import MultiHeadAttention


@contextmanager
def collect_attention(model: nn.Module) -> Iterator[dict[str, Tensor]]:
    """Collect the attention maps of a whole model from its real forward pass.

        with collect_attention(model) as maps:
            model(x)

    The weights come from the very computation that makes the output, masks included, never from
    a second pass. The model's outputs do not change.

    Args:
        model: any module that holds attention layers.

    Yields:
        A dictionary from the name of each attention layer in `model` to its weights
        (batch, heads, q_len, k_len), detached, of its latest call.

    Raises:
        ValueError: if `model` is not a module or holds no attention layer.
    """
    if not isinstance(model, nn.Module):
        raise ValueError(f"model must be a module, got {type(model).__name__}")
    layers = {name: m for name, m in model.named_modules() if isinstance(m, MultiHeadAttention)}
    if not layers:
        raise ValueError(f"model must hold an attention layer, got {type(model).__name__}")
    maps: dict[str, Tensor] = {}
    asked: list[bool] = []  # did the caller want the weights too? (a stack: one entry a call)

    def ask(layer, args, kwargs):
        asked.append(kwargs.get("return_weights", False))
        return args, {**kwargs, "return_weights": True}

    def keep(name):
        def hook(layer, args, result):
            maps[name] = result[1].detach()
            return result if asked.pop() else result[0]

        return hook

    handles = []
    try:
        for name, layer in layers.items():
            handles.append(layer.register_forward_pre_hook(ask, with_kwargs=True))
            handles.append(layer.register_forward_hook(keep(name), prepend=True))
        yield maps
    finally:
        for handle in handles:
            handle.remove()


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
        ValueError: if there is no map, they are not square or of different shapes, or one holds
            NaN or infinity.

    Source: Abnar and Zuidema 2020, "Quantifying Attention Flow in Transformers", §3.
    """
    if not isinstance(maps, Mapping) or not all(isinstance(w, Tensor) for w in maps.values()):
        raise ValueError(f"maps must be a dict of tensors, got {type(maps).__name__}")
    shapes = {name: tuple(weights.shape) for name, weights in maps.items()}
    square = all(len(shape) == 4 and shape[-1] == shape[-2] for shape in shapes.values())
    if not square or len({(shape[0], shape[-1]) for shape in shapes.values()}) != 1:
        raise ValueError(
            f"maps must be one or more of shape (batch, heads, seq_len, seq_len), got {shapes}"
        )
    bad = [name for name, w in maps.items() if not (w.is_floating_point() and w.isfinite().all())]
    if bad:
        raise ValueError(f"maps must be finite numbers of floating point, got others in {bad}")
    rollout = None
    for weights in maps.values():
        mean = weights.mean(dim=1)  # (batch, seq_len, seq_len)
        layer = (mean + torch.eye(mean.size(-1), dtype=mean.dtype, device=mean.device)) / 2
        rollout = layer if rollout is None else layer @ rollout
    return rollout
