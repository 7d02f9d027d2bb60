"""Hidden words: what a masked language model is asked, drawn anew each time."""

from collections.abc import Sequence

import torch
from torch import Tensor

from transformer_lib import checks


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
    checks.ids("ids", ids, vocab_size)
    checks.token(vocab_size, mask_id=mask_id)
    for i in special:
        checks.token(vocab_size, special=i)
    checks.probability(rate=rate)
    checks.positive(rate=rate)
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
