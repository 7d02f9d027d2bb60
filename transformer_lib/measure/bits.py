"""Bits per character: how many bits each token of a text costs a model that reads it."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from transformer_lib import checks
from transformer_lib.data.streams import IGNORED, Streams


@torch.inference_mode()
def bits_with_memory(
    read: Callable[..., tuple[Tensor, Any]],
    ids: Tensor,
    *,
    seg_len: int,
    batch_size: int = 1,
    **options,
) -> Tensor:
    """How many bits each token of a text costs, read segment by segment with a memory.

    The mean is bits per character, where tokens are characters.

    Args:
        read: a model in evaluation mode, or what is called like one: `model.read` is faster.
        ids: the text, (length,), at least two tokens.
        seg_len: number of tokens that are read at a time.
        batch_size: the text is cut into as many streams, read side by side, each of which begins
            with nothing behind it. More is faster; 1 is exact.
        options: further arguments of `read`, such as `mem_len`, `same_length` and `clamp_len`.

    Returns:
        -log2 p, computed in the model's type and kept in float64, (length - 1,), in the order of
        the text: all but the first token.

    Raises:
        ValueError: as `Streams`, and if `read` is a model in training mode.
    """
    _check_model("read", read)
    streams = Streams(ids, batch_size=batch_size, seg_len=seg_len)
    memory, bits = None, []
    for n in range(streams.segments_per_epoch):
        segment = streams[n]
        losses, memory = read(segment.inputs, memory, targets=segment.targets, **options)
        bits.append(losses.double() / math.log(2))
    return torch.cat(bits, dim=1)[streams.targets != IGNORED]


def bits_in_chunks(
    score: Callable[[Tensor], Tensor], tokens: Tensor, *, window: int, batch_size: int = 32
) -> Tensor:
    """How many bits each token of a text costs, the text cut into chunks that are read alone.

    The mean is bits per character, where tokens are characters. It depends on the window: a chunk
    starts with nothing behind it, so token i of a chunk is judged by i others. (What does not fill
    the last chunk is read with those before it.)

    Args:
        score: from ids (batch, length) to logits (batch, length, vocab_size), those at t for the
            token at t + 1; a model in evaluation mode, or a function. (Whether a model that is
            hidden in a function is being trained cannot be seen.)
        tokens: ids (length,) of the text, at least two.
        window: number of tokens that are read at a time.
        batch_size: number of chunks read side by side.

    Returns:
        -log2 p in float32, computed so whatever the type of the logits, (length - 1,): all but
        the first token, which nothing comes before.

    Raises:
        ValueError: if `tokens` are not such a row or negative (as -100, or other padding), `score`
            is a model in training mode, or `window` or `batch_size` is less than 1.
    """
    return bits_sliding(score, tokens, window=window, stride=window, batch_size=batch_size)


def bits_sliding(
    score: Callable[[Tensor], Tensor],
    tokens: Tensor,
    *,
    window: int,
    stride: int,
    batch_size: int = 32,
) -> Tensor:
    """How many bits each token of a text costs, read through a window that slides.

    The window moves on by `stride` tokens, and only those that are new in it count: each but the
    first few is judged by at least `window - stride` others. It is the fairer figure and costs
    window / stride times as much.

    Args:
        score: as in `bits_in_chunks`.
        tokens: as in `bits_in_chunks`.
        window: as in `bits_in_chunks`.
        stride: number of tokens by which the window moves.
        batch_size: number of windows read side by side.

    Returns:
        -log2 p in float32, (length - 1,): all but the first token.

    Raises:
        ValueError: as in `bits_in_chunks`, and if `stride` is not in 1 … window.
    """
    _check_model("score", score)
    checks.row("tokens", tokens, least=2)
    checks.at_least(1, window=window, stride=stride, batch_size=batch_size)
    if stride > window:
        raise ValueError(f"stride must be in 1 … window = {window}, got {stride}")
    length = len(tokens) - 1  # tokens that are judged
    window = min(window, length)
    # Where each window starts: the last one is moved back, to be as long as the others.
    starts = [*range(0, length - window, stride), length - window]
    bits = torch.empty(length)
    done = 0
    for group in torch.tensor(starts).split(batch_size):
        at = group[:, None] + torch.arange(window)  # (windows, window)
        with torch.inference_mode():
            logits = _checked(score(tokens[at]), at.shape).float()
            nats = F.cross_entropy(logits.mT, tokens[at + 1].long(), reduction="none").cpu()
        for start, row in zip(group.tolist(), nats, strict=True):
            bits[done : start + window] = row[done - start :] / math.log(2)
            done = start + window
    return bits


def _check_model(name: str, model: Callable) -> None:
    while isinstance(model, partial):
        model = model.func
    if not callable(model):
        raise ValueError(f"{name} must be a model or a function, got {model!r}")
    if getattr(getattr(model, "__self__", model), "training", False):
        raise ValueError(f"{name} must be in evaluation mode: call model.eval() first")


def _checked(logits: Tensor, shape: torch.Size) -> Tensor:
    if not isinstance(logits, Tensor) or logits.dim() != 3 or logits.shape[:2] != shape:
        found = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        raise ValueError(f"score must return logits {(*shape, 'vocab_size')}, got {found}")
    return logits
