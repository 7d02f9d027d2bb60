"""Hidden words: what a masked language model is asked, drawn anew each time."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from transformer_lib import checks
from transformer_lib.data.order import Endless, Shuffled, random_numbers


def hide_words(
    ids: Tensor,
    *,
    mask_id: int,
    vocab_size: int,
    special: Sequence[int],
    rate: float = 0.15,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """Choose tokens, and hide most of them.

    Of the chosen, 80 % become the mask, 10 % another token drawn at random, and 10 % stay as they
    are: the model cannot know which, so it must have an opinion on every token it sees.

    Args:
        ids: token ids (batch, seq_len); not changed.
        mask_id: the token that hides.
        vocab_size: random tokens are drawn from 0 … vocab_size - 1, but never a special one.
        special: tokens that are never chosen: padding, beginning, end, the mask itself.
        rate: probability of being chosen.
        generator: source of random numbers, on the device of `ids`; by default torch's own.

    Returns:
        What the model sees, and where it is asked: ids and a boolean mask, (batch, seq_len) each.

    Raises:
        ValueError: if `ids` are no such ids, `rate` is not in (0, 1), a special token is not in the
            vocabulary, or all tokens are special.

    Source: Devlin et al. 2018, §3.1 and appendix A.1; anew each time: Liu et al. 2019, §4.1.
    """
    _check(ids, mask_id, vocab_size, special, rate, generator)
    hidden = {mask_id, *special}
    ordinary = torch.tensor([i for i in range(vocab_size) if i not in hidden], device=ids.device)
    if not len(ordinary):
        raise ValueError(f"special must leave some of {vocab_size} tokens, got {sorted(hidden)}")

    def draw() -> Tensor:
        return torch.rand(ids.shape, generator=generator, device=ids.device)

    chosen = (draw() < rate) & torch.isin(ids, ordinary)
    how = draw()
    index = (draw() * len(ordinary)).long().clamp(max=len(ordinary) - 1)
    seen = torch.where(chosen & (how < 0.8), mask_id, ids)
    return torch.where(chosen & (how >= 0.9), ordinary[index].to(ids.dtype), seen), chosen


def _check(
    ids: Tensor,
    mask_id: int,
    vocab_size: int,
    special: Sequence[int],
    rate: float,
    generator: torch.Generator | None,
) -> None:
    checks.at_least(1, vocab_size=vocab_size)
    checks.ids("ids", ids, vocab_size)
    checks.token(vocab_size, mask_id=mask_id)
    checks.several(special=special)
    for i in special:
        checks.token(vocab_size, special=i)
    checks.probability(rate=rate)
    checks.positive(rate=rate)
    if generator is not None:
        checks.a(torch.Generator, generator=generator)


class Masked(NamedTuple):
    """A batch of hidden words: all three are (batch, seq_len).

    Attributes:
        seen: ids that the model reads.
        chosen: where it is asked, a boolean mask.
        ids: what stood there.
    """

    seen: Tensor
    chosen: Tensor
    ids: Tensor


class MaskedBatches(Endless):
    """Training batches without end: `batches[step]` is a function of the step and the seed.

    Every row comes once in an epoch, among rows of similar length, each time with other words
    hidden.

    Args:
        rows: ids, one row a text.
        hide: `hide(ids, generator=…)`, as `hide_words` with all else given: `functools.partial`.
        batch_size: number of rows in a batch.
        pad_id: fills the rows behind their ends.
        seed: decides the order, and what is hidden.

    Raises:
        ValueError: if there are fewer rows than `batch_size`, or one is empty or no row of ids.
    """

    def __init__(
        self,
        rows: Sequence[Tensor],
        hide: Callable[..., tuple[Tensor, Tensor]],
        *,
        batch_size: int,
        pad_id: int = 0,
        seed: int = 0,
    ):
        checks.rows(rows=rows)
        checks.function(hide=hide)
        checks.at_least(0, pad_id=pad_id)
        if empty := [i for i, row in enumerate(rows) if not len(row)]:
            raise ValueError(f"rows must have a token or more each, got none in row {empty[0]}")
        self.rows, self.hide, self.pad_id, self.seed = rows, hide, pad_id, seed
        self.order = Shuffled(len(rows), batch_size=batch_size, seed=seed, arrange=self._by_length)

    def __getitem__(self, n: int) -> Masked:
        """Batch n, counted from 0."""
        rows = [self.rows[i] for i in self.order[n].tolist()]
        ids = pad_sequence(rows, batch_first=True, padding_value=self.pad_id)
        seen, chosen = self.hide(ids, generator=random_numbers(self.seed, n))
        return Masked(seen, chosen, ids)

    def _by_length(self, order: Tensor, generator: torch.Generator) -> Tensor:
        """Rows of similar length side by side, and the batches in a new order."""
        lengths = torch.tensor([len(self.rows[i]) for i in order.tolist()])
        batches = order[lengths.argsort(stable=True)].split(self.order.batch_size)
        return torch.cat([batches[i] for i in torch.randperm(len(batches), generator=generator)])
