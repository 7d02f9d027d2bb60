"""Masks: who may attend to whom.

A mask is a boolean tensor in which True means "may attend", the convention of
`torch.nn.functional.scaled_dot_product_attention`. Every mask here broadcasts to
(batch, heads, q_len, k_len), so masks compose with `&`:

    mask = causal_mask(5) & padding_mask(lengths)

(`torch.nn.MultiheadAttention` and most published code say the opposite, True = hidden: use `~`.)
"""

import torch
from torch import Tensor

from transformer_lib import checks


def causal_mask(q_len: int, k_len: int | None = None, *, device=None) -> Tensor:
    """Let each query attend to its own position and to all earlier ones.

    Queries are the *last* `q_len` of `k_len` positions, as they are when keys come from a cache
    or a memory: query i stands at position i + k_len - q_len.

    Args:
        q_len: number of queries.
        k_len: number of keys, at least `q_len`; by default `q_len`.
        device: where to make the mask.

    Returns:
        Boolean mask (q_len, k_len).

    Raises:
        ValueError: if a length is negative or `k_len < q_len`.

    Source: Vaswani et al. 2017, §3.2.3.
    """
    return _distance(q_len, k_len, device) >= 0


def sliding_window_mask(
    q_len: int, k_len: int | None = None, *, window: int, device=None
) -> Tensor:
    """Let each query attend to positions fewer than `window` steps away, on both sides.

    `causal_mask(n) & sliding_window_mask(n, window=w)` leaves the last `w` positions, the query's
    own included.

    Args:
        q_len: number of queries, the last of the `k_len` positions.
        k_len: number of keys, at least `q_len`; by default `q_len`.
        window: a query at i sees a key at j when |i - j| < window; at least 1.
        device: where to make the mask.

    Returns:
        Boolean mask (q_len, k_len).

    Raises:
        ValueError: if a length is negative, `k_len < q_len` or `window < 1`.

    Source: Beltagy et al. 2020, "Longformer", §3.1.
    """
    checks.at_least(1, window=window)  # a token sees itself
    return _distance(q_len, k_len, device).abs() < window


def padding_mask(lengths: Tensor, max_len: int | None = None) -> Tensor:
    """Hide the padding behind sequences of different lengths.

    Args:
        lengths: (batch,) integers, the number of real tokens of each sequence.
        max_len: padded length k_len; by default the longest of `lengths`.

    Returns:
        Boolean mask (batch, 1, 1, k_len): the same keys are hidden from every head and query.

    Raises:
        ValueError: if `lengths` is not a (batch,) tensor of integers in 0 … `max_len`.
    """
    checks.tensor(lengths=lengths)
    checks.at_least_or_none(0, max_len=max_len)
    if lengths.is_meta or lengths.is_complex():
        raise ValueError(f"lengths must be integers, got {lengths.dtype} on {lengths.device}")
    if lengths.dim() != 1 or lengths.is_floating_point() or lengths.dtype == torch.bool:
        raise ValueError(
            f"lengths must be a (batch,) tensor of integers, got shape {tuple(lengths.shape)} "
            f"and dtype {lengths.dtype}"
        )
    longest = int(lengths.max()) if lengths.numel() else 0
    if max_len is None:
        max_len = longest
    if longest > max_len or (lengths < 0).any():
        raise ValueError(f"lengths must lie in 0 … max_len = {max_len}, got {lengths.tolist()}")
    positions = torch.arange(max_len, device=lengths.device)
    return (positions < lengths[:, None])[:, None, None, :]  # (batch, 1, 1, k_len)


def padding_mask_from_ids(ids: Tensor, pad_id: int) -> Tensor:
    """Hide every token that equals `pad_id`.

    Args:
        ids: (batch, k_len) token ids.
        pad_id: the id of the padding token.

    Returns:
        Boolean mask (batch, 1, 1, k_len).

    Raises:
        ValueError: if `ids` is not (batch, k_len) of int64 or int32, or `pad_id` no whole number.
    """
    checks.ids("ids", ids)
    checks.whole(pad_id=pad_id)
    return (ids != pad_id)[:, None, None, :]  # (batch, 1, 1, k_len)


def check_mask(mask: Tensor, shape: tuple[int, ...], device: torch.device) -> None:
    """Refuse a mask that does not follow the convention.

    Args:
        mask: what was given as a mask.
        shape: the scores that it must broadcast to, (…, q_len, k_len).
        device: where they are.

    Raises:
        ValueError: if `mask` is not boolean, does not broadcast to `shape`, or lies elsewhere.
    """
    if not isinstance(mask, Tensor):
        raise ValueError(f"mask must be a boolean tensor, got {type(mask).__name__}")
    if mask.dtype != torch.bool:
        raise ValueError(
            f"mask must be boolean with True = may attend, got {mask.dtype}; turn a mask of zeros "
            f"and -inf into `mask == 0`, and one that marks what is hidden into `~mask.bool()`"
        )
    checks.broadcasts("mask", mask, shape, "; a mask of (batch, k_len) wants [:, None, None, :]")
    if mask.device != device:
        raise ValueError(f"mask must be on {device}, as the scores are, got {mask.device}")


def _distance(q_len: int, k_len: int | None, device) -> Tensor:
    """How far each key lies behind each query, (q_len, k_len); negative in the future."""
    k_len = q_len if k_len is None else k_len
    checks.whole(q_len=q_len, k_len=k_len)
    if not 0 <= q_len <= k_len:
        raise ValueError(
            f"lengths must satisfy 0 <= q_len <= k_len (queries are the last of the keys), "
            f"got q_len = {q_len}, k_len = {k_len}"
        )
    keys = torch.arange(k_len, device=device)
    queries = keys[k_len - q_len :]
    return queries[:, None] - keys
