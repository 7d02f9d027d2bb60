"""Batches without end: which batch is the nth depends on the seed and on n, and on nothing else.

So an interrupted training goes on with exactly the batches that it would have seen.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import torch
from torch import Tensor

from transformer_lib import checks


class Endless(ABC):
    """What all batches of this package have in common: `batches[n]` is a function of n alone."""

    @abstractmethod
    def __getitem__(self, n: int) -> Any:
        """Batch n, counted from 0."""

    def __iter__(self) -> Iterator[Any]:
        return map(self.__getitem__, count())


def random_numbers(seed: int, n: int) -> torch.Generator:
    """A source of random numbers of its own for the nth batch, or epoch, under a seed."""
    checks.at_least(0, seed=seed, n=n)
    return torch.Generator().manual_seed(seed * 1_000_003 + n)


class Shuffled(Endless):
    """Places 0 … size - 1 in batches, each place once in an epoch.

    Args:
        size: number of things to be put in order.
        batch_size: number of places in a batch; those left over at the end of an epoch, fewer
            than a batch, are not seen in it.
        seed: decides the order, another one in every epoch.
        arrange: from the places of an epoch, shuffled, and its source of random numbers makes the
            order in which they are used; by default they are used as they come.

    Raises:
        ValueError: if `batch_size` is not in 1 … `size`, or `seed` is not a whole number.
    """

    def __init__(
        self,
        size: int,
        *,
        batch_size: int,
        seed: int,
        arrange: Callable[[Tensor, torch.Generator], Tensor] | None = None,
    ):
        checks.at_least(1, size=size, batch_size=batch_size)
        if arrange is not None and not callable(arrange):
            raise ValueError(f"arrange must be None or a function, got {arrange!r}")
        checks.at_least(0, seed=seed)
        if batch_size > size:
            raise ValueError(f"batch_size must be in 1 … {size}, all there are, got {batch_size}")
        self.size, self.batch_size, self.seed, self.arrange = size, batch_size, seed, arrange
        self.steps_per_epoch = size // batch_size
        self._kept: tuple[int | None, Tensor] = (None, torch.empty(0))  # the last epoch used

    def __getitem__(self, n: int) -> Tensor:
        """Places (batch_size,) of batch n."""
        checks.at_least(0, n=n)
        epoch, at = divmod(n, self.steps_per_epoch)
        if self._kept[0] != epoch:
            generator = random_numbers(self.seed, epoch)
            order = torch.randperm(self.size, generator=generator)
            order = order[: self.steps_per_epoch * self.batch_size]
            self._kept = epoch, self.arrange(order, generator) if self.arrange else order
        return self._kept[1][at * self.batch_size : (at + 1) * self.batch_size]
