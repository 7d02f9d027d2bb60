"""Settings that must go together: widths and heads, vocabularies and their special tokens."""

from typing import Protocol

from transformer_lib.checks.settings import at_least, at_least_or_none, whole


def heads(d_model: int, num_heads: int) -> int:
    """Width of one of `num_heads` heads.

    Raises:
        ValueError: if they do not divide `d_model`.
    """
    at_least(1, d_model=d_model, num_heads=num_heads)
    if d_model % num_heads:
        raise ValueError(
            f"d_model must be a positive multiple of num_heads, "
            f"got d_model = {d_model}, num_heads = {num_heads}"
        )
    return d_model // num_heads


def key_heads(num_heads: int, num_kv_heads: int | None) -> int:
    """Number of heads of keys and values: None stands for one to each of `num_heads`.

    Raises:
        ValueError: if it does not divide `num_heads`.
    """
    at_least_or_none(1, num_kv_heads=num_kv_heads)
    if num_kv_heads is not None and num_heads % num_kv_heads:
        raise ValueError(f"num_kv_heads must divide num_heads = {num_heads}, got {num_kv_heads}")
    return num_kv_heads or num_heads


def token(vocab_size: int, *, of: str = "vocab_size", **ids: int) -> None:
    """Refuse a special token that is not in the vocabulary, whose size is called `of`.

    Raises:
        ValueError: naming the argument.
    """
    whole(**ids)
    for name, value in ids.items():
        if not 0 <= value < vocab_size:
            raise ValueError(f"{name} must be in 0 … {of} - 1 = {vocab_size - 1}, got {value}")


_SIDES = ("source", "target")


class _Vocabularies(Protocol):
    source_vocab_size: int
    target_vocab_size: int
    max_len: int | None
    pad_id: int
    bos_id: int
    eos_id: int


def vocabularies(config: _Vocabularies) -> None:
    """Refuse special tokens that are in no vocabulary, or at odds with each other.

    Raises:
        ValueError: if `pad_id` is not in both vocabularies, `bos_id` or `eos_id` not in the
            target's, `eos_id` is `pad_id`, or `max_len < 1`.
    """
    at_least(1, **{f"{side}_vocab_size": getattr(config, f"{side}_vocab_size") for side in _SIDES})
    token(config.source_vocab_size, of="source_vocab_size", pad_id=config.pad_id)
    special = {name: getattr(config, name) for name in ("pad_id", "bos_id", "eos_id")}
    token(config.target_vocab_size, of="target_vocab_size", **special)
    if config.eos_id == config.pad_id:
        raise ValueError(
            f"eos_id must differ from pad_id, since a loss that skips padding would never teach "
            f"the model to stop, got {config.eos_id} for both"
        )
    at_least_or_none(1, max_len=config.max_len)
