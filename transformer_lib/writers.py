"""Writers: what a model offers so that a sequence can be generated from it, token by token."""

from typing import Any, Protocol

from torch import Tensor


class State(Protocol):
    """What a model remembers from step to step, a row for each sequence of the batch."""

    def reorder(self, rows: Tensor) -> None:
        """Keep the sequences `rows` (new_batch,) of the batch, in that order."""


class Writer(Protocol):
    """What a model offers to be generated from, besides being an `nn.Module`."""

    pad_id: int  # fills a row behind its end
    eos_id: int | None  # the token that ends a sequence; None where there is no such token
    max_len: int | None  # most tokens that it can read; None for any number

    def start(self, inputs: Tensor) -> tuple[Tensor, State]:
        """From a source or prompt (batch, length) make what the first step takes.

        Its tokens (batch, new_len) are a start token, or the prompt itself: that very tensor.
        """

    def step(self, tokens: Tensor, state: Any) -> Tensor:
        """Read tokens (batch, new_len) and score what may follow the last: (batch, vocab_size).

        What is worth remembering of the tokens goes into `state`.
        """
