"""The key/value cache: what a decoder need not compute twice.

When a model writes one token at a time, the keys and values of all earlier tokens stay what they
were. One `KVCache` keeps them for a whole model, layer by layer; and the states of those layers
that need no keys, because they sum up the past.
"""

from collections.abc import Callable, Hashable

import torch.nn.functional as F
from torch import Tensor, nn

from transformer_lib import checks


class KVCache:
    """Keys and values of every attention layer, for the tokens seen so far.

    Pass one object through all layers of a model, and the same object again with the next tokens:

        cache = KVCache()
        model(prompt, cache=cache)
        model(next_token, cache=cache)

    It is for decoding, not for training: it writes in place. Room is doubled when it runs out, so
    that n tokens cost O(n) copies, not O(n²). Each layer object has one entry: a layer that a model
    calls twice in a pass cannot be cached.
    """

    def __init__(self):
        self._buffers: dict[nn.Module, tuple[Tensor, Tensor]] = {}
        self._lengths: dict[nn.Module, int] = {}
        self._kept: dict[Hashable, Tensor] = {}
        self._states: dict[nn.Module, tuple[Tensor, ...]] = {}

    @property
    def length(self) -> int:
        """Number of positions the model has seen: the position of the next token.

        Counted in the first layer that used the cache, in every decoder a self-attention.
        """
        return next(iter(self._lengths.values()), 0)

    def length_of(self, layer: nn.Module) -> int:
        """Number of positions of `layer` that new ones look back on."""
        return self._lengths.get(layer, 0)

    def get(self, layer: nn.Module) -> tuple[Tensor, Tensor]:
        """Keys and values of `layer`, (batch, heads, length, head_dim) each."""
        length = self._lengths[layer]
        keys, values = self._buffers[layer]
        if keys.size(2) == length:  # as those of a context always are
            return keys, values
        return keys[:, :, :length], values[:, :, :length]

    def append(self, layer: nn.Module, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Add the keys and values of new positions and return all of them.

        Args:
            layer: the attention layer that they belong to.
            k: new keys (batch, heads, new_len, head_dim); they are copied.
            v: new values, of the same shape up to their width.

        Returns:
            All keys and all values so far, (batch, heads, length, head_dim) each.

        Raises:
            ValueError: if `k` and `v` are not of such shapes, or do not fit what is kept
                (another batch, number of heads, width, type or device). Nothing is added then.
        """
        self._check(layer, k, v)
        old = self._lengths.get(layer, 0)
        new = old + k.size(-2)
        if layer not in self._buffers:
            self._buffers[layer] = k[:, :, :0], v[:, :, :0]
        keys, values = self._buffers[layer]
        if new > keys.size(-2):
            length = 2 * new if old else new  # a context never grows, and beams copy all room
            room = length - keys.size(-2)
            keys, values = (F.pad(x, (0, 0, 0, room)) for x in (keys, values))
            self._buffers[layer] = keys, values
        keys[:, :, old:new], values[:, :, old:new] = k, v
        self._lengths[layer] = new
        return self.get(layer)

    def keep(self, key: Hashable, length: int, make: Callable[[int], Tensor]) -> Tensor:
        """What else a layer would make at every step: its last `length` columns.

        Args:
            key: what it depends on, the layer among it.
            length: number of columns that are wanted.
            make: makes as many columns as it is told, always with the same ones at the end.

        Returns:
            (…, length): made anew only where more are wanted than were ever before.
        """
        if key not in self._kept or self._kept[key].size(-1) < length:
            self._kept[key] = make(1 << (length - 1).bit_length())  # a power of two: seldom
        kept = self._kept[key]
        return kept[..., kept.size(-1) - length :]

    def state_of(self, layer: nn.Module, batch: int) -> tuple[Tensor, ...] | None:
        """What `layer` keeps in the place of keys and values: a state, of one size at any length.

        Args:
            layer: a layer that sums up the past, such as linear attention.
            batch: number of sequences that are read on.

        Returns:
            What it handed to `keep_state`, (batch, …) each; None before the first token.

        Raises:
            ValueError: if the state is that of another number of sequences, or `batch` is none.
        """
        checks.at_least(0, batch=batch)
        state = self._states.get(layer)
        if state is not None and state[0].size(0) != batch:
            raise ValueError(
                f"x must have the batch size of the cache, {state[0].size(0)}, got {batch}"
            )
        return state

    def keep_state(self, layer: nn.Module, state: tuple[Tensor, ...], new_len: int) -> None:
        """Put a new state in the place of the old one, which has not seen the last positions.

        Args:
            layer: the layer that it belongs to.
            state: (batch, …) each.
            new_len: number of positions that it has seen and the old one had not.

        Raises:
            ValueError: if `state` is no tuple of tensors, or `new_len` negative or no whole number.
        """
        if not isinstance(state, tuple) or not all(isinstance(x, Tensor) for x in state):
            raise ValueError(f"state must be a tuple of tensors, got {type(state).__name__}")
        checks.at_least(0, new_len=new_len)
        self._states[layer] = state
        self._lengths[layer] = self.length_of(layer) + new_len

    def reorder(self, rows: Tensor) -> None:
        """Keep the sequences `rows` of the batch, in that order: beams that survived.

        Args:
            rows: (new_batch,) indices into the batch; one may occur several times.

        Raises:
            ValueError: if `rows` are none, on another device than what is kept or, as far as they
                lie on the CPU, not in 0 … batch - 1.
        """
        kept = [*self._buffers.values(), *self._states.values()]
        checks.indices("rows", rows, like=kept[0][0] if kept else None)
        for layer, (keys, values) in self._buffers.items():
            self._buffers[layer] = keys.index_select(0, rows), values.index_select(0, rows)
        for layer, state in self._states.items():
            self._states[layer] = tuple(x.index_select(0, rows) for x in state)

    def _check(self, layer: nn.Module, k: Tensor, v: Tensor) -> None:
        checks.tensor(k=k, v=v)
        same_type = k.dtype == v.dtype and k.device == v.device
        if k.dim() != 4 or k.shape[:-1] != v.shape[:-1] or not same_type:
            raise ValueError(
                f"k and v must be (batch, heads, new_len, head_dim) of one type, "
                f"got {tuple(k.shape)} of {k.dtype} and {tuple(v.shape)} of {v.dtype}"
            )
        kept, new = _kind(*self._buffers.get(layer, (k, v))), _kind(k, v)
        if kept != new:
            raise ValueError(
                f"k and v must fit the cache, (batch, heads, width of k, of v, dtype, device) = "
                f"{kept}, got {new}"
            )


def _kind(k: Tensor, v: Tensor) -> tuple:
    batch, heads, _, width = k.shape
    return batch, heads, width, v.size(-1), k.dtype, k.device


def check_cache(cache: KVCache | None) -> None:
    """Refuse what is no cache.

    Raises:
        ValueError: if it is not.
    """
    if not isinstance(cache, KVCache | None):
        raise ValueError(f"cache must be a KVCache, got {type(cache).__name__}")


class MemoryCache(KVCache):
    """A cache that forgets: all but the keys and values of the last `mem_len` positions.

    To a model whose weights stay as they are, it is what memory is: the keys and values of what is
    remembered, without making them anew for each segment. Its `length` counts what is kept.

    Args:
        mem_len: number of positions that the next segment can look back on.

    Raises:
        ValueError: if `mem_len` is negative or not a whole number.
    """

    def __init__(self, mem_len: int):
        super().__init__()
        checks.at_least(0, mem_len=mem_len)
        self.mem_len = mem_len

    def length_of(self, layer: nn.Module) -> int:
        """Number of positions of `layer` that new ones look back on: at most `mem_len`."""
        return min(super().length_of(layer), self.mem_len)

    def state_of(self, layer: nn.Module, batch: int) -> None:
        """Refuse: a state sums up all that was read, and has no positions that could be forgotten.

        Raises:
            ValueError: always.
        """
        raise ValueError(
            f"cache must be a plain KVCache for {type(layer).__name__}, which keeps a state: "
            f"a MemoryCache forgets positions, and a state has none"
        )

    def append(self, layer: nn.Module, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Add keys and values, and return them behind the last `mem_len` before them.

        Args:
            layer: the attention layer that they belong to.
            k: new keys (batch, heads, new_len, head_dim).
            v: new values, of the same shape.

        Returns:
            Keys and values (batch, heads, at most mem_len + new_len, head_dim) each.

        Raises:
            ValueError: as `KVCache.append`.
        """
        keys, values = super().append(layer, k, v)
        length = keys.size(2)
        start = max(0, length - self.mem_len - k.size(2))
        if length > 2 * self.mem_len:  # half of it is forgotten: time to move the rest
            end = length - self.mem_len
            self._buffers[layer] = keys[:, :, end:].clone(), values[:, :, end:].clone()
            self._lengths[layer] = self.mem_len
        return keys[:, :, start:], values[:, :, start:]
