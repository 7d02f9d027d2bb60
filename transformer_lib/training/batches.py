"""Batches as one process reads them: from any place on, and again from the start at their end."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, count
from typing import Any

from torch.utils.data import IterableDataset

from transformer_lib.training import parallel
from transformer_lib.training.random_state import (
    OwnRandomNumbers,
    random_numbers_kept,
    seed_all,
)

_END = object()


class Reading:
    """Batch n of this process is batch n · processes + rank of all.

    Batches without an index, such as a `DataLoader`'s, are read with random numbers of their own:
    read again from the start, as a resumed run must, they come in the same order.

    Args:
        batches: what `train` was given.
        generators: what they may draw from, besides the common random numbers.
        seed: of the random numbers of their own.

    Raises:
        ValueError: if there is no batch, or groups of streams do not fit the processes.
    """

    def __init__(self, batches: Iterable, *, generators: Sequence[Any], seed: int):
        if isinstance(batches, str | bytes):
            raise ValueError(f"batches must be several, as in a list, got {batches!r:.60}")
        self.batches, self.generators = batches, generators
        self.indexed = hasattr(batches, "__getitem__") and not isinstance(batches, IterableDataset)
        if self.indexed:
            self._size = len(batches) if hasattr(batches, "__len__") else None
            if self._size == 0:
                raise ValueError("batches must hold at least one batch, got none")
        elif not hasattr(batches, "__iter__"):
            raise ValueError(
                f"batches must have an index or be iterable, got {type(batches).__name__}"
            )
        else:
            self._random = OwnRandomNumbers(seed)
            self._endless = self._repeat()
        groups = getattr(batches, "groups", parallel.world())
        if groups % parallel.world():
            raise ValueError(
                f"batches must have as many groups as there are processes, or a multiple: "
                f"{parallel.world()} processes would read {groups} groups with gaps"
            )

    def first(self) -> list[Any]:
        """The first two batches (without an index: the first), as if nobody had read them."""
        if not self.indexed:
            batch = next(self._endless)
            self._endless = chain([batch], self._endless)
            return [batch]
        with random_numbers_kept(self.generators):
            seed_all(0)
            return [self._at(n) for n in (0, 1)]

    def start(self, n: int) -> Iterator[Any]:
        """The batches of this process from its batch `n` on."""
        stride, rank = parallel.world(), parallel.rank()
        if self.indexed:
            return (self._at(i) for i in count(n * stride + rank, stride))
        for _ in range((n - 1) * stride + rank + 1 if n else 0):  # those up to its last one
            next(self._endless)
        return self._every(stride, skip=stride - 1 if n else rank)

    def _every(self, stride: int, skip: int) -> Iterator[Any]:
        while True:
            for _ in range(skip):
                next(self._endless)
            yield next(self._endless)
            skip = stride - 1

    def _at(self, n: int) -> Any:
        try:
            return self.batches[n if self._size is None else n % self._size]
        except IndexError as error:
            raise ValueError(
                f"batches must have a length or no end, got {type(self.batches).__name__} "
                f"without a length, which ends before batches[{n}]"
            ) from error

    def _repeat(self) -> Iterator[Any]:
        while True:
            with self._random:
                iterator = iter(self.batches)
                batch = next(iterator, _END)
            if batch is _END:
                raise ValueError(
                    "batches must not run out: got none, or an iterator read once already"
                )
            while batch is not _END:
                yield batch
                with self._random:
                    batch = next(iterator, _END)
