"""Checks that the sequence models share: special tokens, and the token ids they are given."""

from typing import Protocol

from torch import Tensor


class _Vocabularies(Protocol):
    source_vocab_size: int
    target_vocab_size: int
    max_len: int | None
    pad_id: int
    bos_id: int
    eos_id: int


def check_vocabularies(config: _Vocabularies) -> None:
    """Refuse special tokens that are in no vocabulary, or at odds with each other.

    Raises:
        ValueError: if `pad_id` is not in both vocabularies, `bos_id` or `eos_id` not in the
            target's, `eos_id` is `pad_id`, or `max_len < 1`.
    """
    for name, vocabulary in (
        ("pad_id", "source_vocab_size"),
        ("pad_id", "target_vocab_size"),
        ("bos_id", "target_vocab_size"),
        ("eos_id", "target_vocab_size"),
    ):
        token, size = getattr(config, name), getattr(config, vocabulary)
        if not 0 <= token < size:
            raise ValueError(f"{name} must be in 0 … {vocabulary} - 1 = {size - 1}, got {token}")
    if config.eos_id == config.pad_id:
        raise ValueError(
            f"eos_id must differ from pad_id, since a loss that skips padding would never teach "
            f"the model to stop, got {config.eos_id} for both"
        )
    if config.max_len is not None and config.max_len < 1:
        raise ValueError(f"max_len must be at least 1, got {config.max_len}")


def check_prompt(prompt: Tensor, max_len: int | None = None) -> None:
    """Refuse what no decoder-only model can go on from.

    Args:
        prompt: should be (batch, length) integers, at least one in a row.
        max_len: as in `check_ids`.

    Raises:
        ValueError: if it is not.
    """
    check_ids("prompt", prompt, max_len)
    if prompt.size(1) < 1:
        raise ValueError(f"prompt must have at least one token, got {tuple(prompt.shape)}")


def check_ids(name: str, ids: Tensor, max_len: int | None = None, offset: int = 0) -> None:
    """Refuse what is not a batch of token ids, or is too long.

    Args:
        name: what to call it in the message.
        ids: should be (batch, length) integers.
        max_len: most tokens that the model can read; None for any number.
        offset: how many it has read before.

    Raises:
        ValueError: if they are not.
    """
    if ids.dim() != 2 or ids.is_floating_point():
        raise ValueError(
            f"{name} must be (batch, length) integers, got {tuple(ids.shape)} of {ids.dtype}"
        )
    if max_len is not None and offset + ids.size(1) > max_len:
        raise ValueError(
            f"{name} must have at most max_len = {max_len} tokens, got {offset + ids.size(1)}"
        )
