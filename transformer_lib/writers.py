"""Writers: what a model offers so that a sequence can be generated from it, token by token."""

from typing import Protocol, TypeVar

from torch import Tensor


class State(Protocol):
    """What a model remembers from step to step, a row for each sequence of the batch."""

    def reorder(self, rows: Tensor) -> None:
        """Keep the sequences `rows` (new_batch,) of the batch, in that order."""


S = TypeVar("S", bound=State)


class Writer(Protocol[S]):
    """What a model offers to be generated from, besides being an `nn.Module`."""

    @property
    def pad_id(self) -> int:
        """Fills a row behind its end."""

    @property
    def eos_id(self) -> int | None:
        """The token that ends a sequence; None where there is no such token."""

    @property
    def max_len(self) -> int | None:
        """Most tokens that it can read; None for any number."""

    def start(self, inputs: Tensor) -> tuple[Tensor, S]:
        """From a source or prompt (batch, length) make what the first step takes.

        Its tokens (batch, new_len) are a start token, or the prompt itself: that very tensor.
        """

    def step(self, tokens: Tensor, state: S) -> Tensor:
        """Read tokens (batch, new_len) and score what may follow the last: (batch, vocab_size).

        What is worth remembering of the tokens goes into `state`.
        """
