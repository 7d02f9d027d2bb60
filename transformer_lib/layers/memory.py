"""A layer with a memory: its attention also sees what it has read in earlier segments."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from transformer_lib import checks
from transformer_lib.layers.blocks import EncoderLayer
from transformer_lib.layers.cache import KVCache
from transformer_lib.layers.relative import Memory


@dataclass(frozen=True)
class Reach:
    """How far layers look back. No weight depends on it, so that every call may have its own.

    Args:
        mem_len: number of positions that are remembered; 0 for no memory.
        same_length: every query attends to exactly the last `mem_len` positions, its own
            included. Otherwise to the whole memory, however late in the segment it stands.
        clamp_len: distances beyond count as this one; None for no limit.

    Raises:
        ValueError: if `mem_len` is negative, or 0 with `same_length`, or `clamp_len < 1`.
    """

    mem_len: int
    same_length: bool
    clamp_len: int | None

    def __post_init__(self):
        checks.at_least(0, mem_len=self.mem_len)
        checks.at_least_or_none(1, clamp_len=self.clamp_len)
        checks.flag(same_length=self.same_length)
        if self.same_length and self.mem_len < 1:
            raise ValueError("mem_len must be at least 1 with same_length (a token sees itself)")

    def but(self, **changes) -> "Reach":
        """Another one, with the changes that are not None."""
        return replace(self, **{name: to for name, to in changes.items() if to is not None})

    @property
    def options(self) -> dict[str, int | None]:
        """What `RelativeAttention.forward` is told."""
        window = self.mem_len if self.same_length else None
        return {"window": window, "clamp_len": self.clamp_len}


class MemoryLayer(EncoderLayer):
    """An `EncoderLayer` whose attention also sees what it has read in earlier segments.

    In the paper's post-norm layer that is the layer's input. In a pre-norm layer it is the normed
    input: normed once, when it was new. (The released code norms the memory again in each segment,
    and pays for a gradient that reaches no farther than the gains of that norm.)

    Args: as `EncoderLayer`; `self_attention` is a `RelativeAttention`.

    Source: Dai et al. 2019, §3.2.
    """

    def forward(self, x: Tensor, memory: Memory = None, **options) -> tuple[Tensor, Tensor]:
        """Transform `x` in the light of the memory.

        Args:
            x: (batch, seq_len, d_model).
            memory: what the attention has read at earlier positions, (batch, mem_len, d_model), or
                a cache of it.
            options: further arguments of `RelativeAttention.forward`.

        Returns:
            The output, and what the attention has read now, (batch, seq_len, d_model) each.
        """
        read = self.norm1(x) if self.norm_first else x
        x = x + self.dropout(self.self_attention(read, memory, **options))
        x = x if self.norm_first else self.norm1(x)
        return self._add(x, self.norm2, self.feed_forward), read


def remember(
    memory: Sequence[Tensor] | KVCache | None, reads: Sequence[Tensor], mem_len: int
) -> tuple[Tensor, ...] | KVCache:
    """Remember what the layers have read: the last `mem_len` positions, as constants.

    Args:
        memory: what was remembered before, for each layer (batch, any length, d_model); a cache,
            which has what was read by now; or None.
        reads: what has been read, for each layer (batch, seq_len, d_model).
        mem_len: number of positions.

    Returns:
        For each layer (batch, at most mem_len, d_model), a copy; or the cache.
    """
    if isinstance(memory, KVCache):
        return memory
    kept = []
    for old, x in zip(memory or [None] * len(reads), reads, strict=True):
        x = x[:, max(0, x.size(1) - mem_len) :]
        room = mem_len - x.size(1)
        parts = [x] if old is None else [old[:, max(0, old.size(1) - room) :], x]
        kept.append(torch.cat([part.detach() for part in parts], dim=1))  # SG in the paper
    return tuple(kept)


def check_memory(memory: Sequence[Tensor], layers: int, ids: Tensor, d_model: int) -> None:
    """Refuse what cannot be the memory of a model of these sizes that is to read these ids.

    Raises:
        ValueError: if it is not a tensor (batch, any length, d_model) for each layer, all of one
            length and on the device of `ids`.
    """
    checks.several(memory=memory)
    if len(memory) != layers:
        raise ValueError(
            f"memory must have a tensor for each of num_layers = {layers} layers, got {len(memory)}"
        )
    checks.tensor(**{f"memory[{n}]": x for n, x in enumerate(memory)})
    wanted = (ids.size(0), memory[0].size(1), d_model)
    for n, x in enumerate(memory):
        if x.shape != wanted:
            raise ValueError(
                f"memory[{n}] must be (batch = {wanted[0]}, mem_len = {wanted[1]}, "
                f"d_model = {d_model}), got {tuple(x.shape)}"
            )
        if x.device != ids.device:
            raise ValueError(f"memory[{n}] must be on {ids.device}, as ids, got {x.device}")
