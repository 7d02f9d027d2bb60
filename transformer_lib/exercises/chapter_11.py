"""The exercises of chapter 11: hide words, the loss at the hidden places, a vector for a sentence.

from transformer_lib.exercises.chapter_11 import check

check(1, mine)
"""

import torch
from torch import Tensor

from transformer_lib.exercises.marking import Exercise, Mark, draw_size, mark
from transformer_lib.models.bert import mean_of_tokens

MASK_ID = 2


def check(number: int, mine) -> Mark:
    """Mark an answer.

    Args:
        number: of the exercise: 1, `hide(ids, chosen, how, other)`, where below 0.8 the mask, 2,
            comes in the place of a chosen token, and from 0.9 the other word; 2, `loss(logits, ids,
            chosen)`, the mean cross-entropy of the chosen places; 3, `mean(features, real)`, with
            zeros for a row that has no real token.
        mine: the function.

    Raises:
        ValueError: if there is no such exercise, or `mine` is not a function.
    """
    return mark(EXERCISES, number, mine)


# --- what is drawn ---------------------------------------------------------------------------


def _draw_hidden() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    shape = draw_size(2, 7), draw_size(20, 40)
    ids, other = torch.randint(3, 50, (2, *shape)).unbind()
    return ids, torch.rand(shape) < 0.5, torch.rand(shape, dtype=torch.float64), other


def _small_hidden() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    how = torch.tensor([[0.5, 0.85, 0.95, 0.15, 0.5]], dtype=torch.float64)
    chosen = torch.tensor([[True, True, True, True, False]])
    return torch.tensor([[3, 4, 5, 6, 7]]), chosen, how, torch.tensor([[8, 8, 8, 8, 8]])


def _draw_logits() -> tuple[Tensor, Tensor, Tensor]:
    batch, seq_len, vocab_size = draw_size(2, 7), draw_size(5, 12), draw_size(4, 9)
    logits = 2 * torch.randn(batch, seq_len, vocab_size, dtype=torch.float64)
    chosen = torch.rand(batch, seq_len) < 0.4
    chosen[0, 0], chosen[0, 1] = True, False
    return logits, torch.randint(0, vocab_size, (batch, seq_len)), chosen


def _small_logits() -> tuple[Tensor, Tensor, Tensor]:
    logits = torch.randint(-1, 2, (1, 3, 2)).double()
    return logits, torch.tensor([[0, 1, 1]]), torch.tensor([[True, False, True]])


def _draw_features() -> tuple[Tensor, Tensor]:
    batch, seq_len = draw_size(2, 7), draw_size(4, 9)
    real = torch.arange(seq_len) < torch.randint(1, seq_len, (batch, 1))
    real[-1] = torch.rand(()) < 0.5
    return torch.randn(batch, seq_len, draw_size(2, 7), dtype=torch.float64), real


def _small_features() -> tuple[Tensor, Tensor]:
    features = torch.randint(-2, 3, (1, 3, 2)).double()
    return features, torch.tensor([[True, True, False]])


# --- right and wrong answers -------------------------------------------------------------------


def _hide(
    ids: Tensor, chosen: Tensor, how: Tensor, other: Tensor, mask=0.8, replaced=0.9
) -> Tensor:
    seen = torch.where(chosen & (how < mask), MASK_ID, ids)
    return torch.where(chosen & (how >= replaced), other, seen)


def _loss(logits: Tensor, ids: Tensor, chosen: Tensor) -> Tensor:
    return _each(logits, ids)[chosen].mean()


def _each(logits: Tensor, ids: Tensor) -> Tensor:
    return -logits.log_softmax(dim=-1).gather(-1, ids[..., None])[..., 0]


def _hidden_only(function, given: tuple) -> bool:
    """What was not chosen stays."""
    ids, chosen, *_ = given
    return torch.equal(function(*given)[~chosen], ids[~chosen])


def _only_chosen_count(function, given: tuple) -> bool:
    """Another token where nothing was chosen changes nothing."""
    logits, ids, chosen = given
    other = torch.where(chosen, ids, 0)
    return torch.allclose(function(logits, ids, chosen), function(logits, other, chosen))


def _padding_is_nothing(function, given: tuple) -> bool:
    """Other features where nothing is real change nothing."""
    features, real = given
    other = torch.where(real[..., None], features, 9.0)
    return torch.allclose(function(features, real), function(other, real), equal_nan=True)


EXERCISES = {
    1: Exercise(
        _hide,
        _draw_hidden,
        _small_hidden,
        {
            "nothing is hidden: ids come back as they were.": lambda i, c, h, o: i,
            "all chosen places become the mask.": lambda i, c, h, o: _hide(i, c, h, o, 1.1, 1.1),
            "80, 2 and 18 %: the other word comes from 0.98 on.": lambda i, c, h, o: _hide(
                i, c, h, o, 0.8, 0.98
            ),
            "from 0.8 on it is always the other word; none stays.": lambda i, c, h, o: _hide(
                i, c, h, o, 0.8, 0.8
            ),
            "places are hidden that were not chosen.": lambda i, c, h, o: _hide(
                i, torch.ones_like(c), h, o
            ),
            "the chosen places stay, and all others are hidden.": lambda i, c, h, o: _hide(
                i, ~c, h, o
            ),
        },
        {"What was not chosen must stay.": _hidden_only},
    ),
    2: Exercise(
        _loss,
        _draw_logits,
        _small_logits,
        {
            "the loss of every position.": lambda x, i, c: _each(x, i).mean(),
            "the sum, not the mean.": lambda x, i, c: _each(x, i)[c].sum(),
            "the sum over the chosen, divided by the number of all places.": lambda x, i, c: (
                _each(x, i) * c
            ).mean(),
            "the places that were not chosen.": lambda x, i, c: _each(x, i)[~c].mean(),
            "the sign is turned.": lambda x, i, c: -_loss(x, i, c),
            "a mean of the rows' means: rows count alike, tokens should.": lambda x, i, c: (
                torch.stack(
                    [_each(a[None], b[None])[0][d].mean() for a, b, d in zip(x, i, c, strict=True)]
                ).nanmean()
            ),
        },
        {"Places that were not chosen must not count.": _only_chosen_count},
    ),
    3: Exercise(
        mean_of_tokens,
        _draw_features,
        _small_features,
        {
            "padding is in the mean.": lambda x, r: x.mean(dim=1),
            "the sum, not the mean.": lambda x, r: (x * r[..., None]).sum(dim=1),
            "padding is left out of the sum, but counted.": lambda x, r: (x * r[..., None]).mean(
                dim=1
            ),
            "the first token alone.": lambda x, r: x[:, 0],
            "a row without a real token gets NaN.": lambda x, r: (
                (x * r[..., None]).sum(dim=1) / r.sum(dim=1, keepdim=True)
            ),
        },
        {"Padding must not count.": _padding_is_nothing},
    ),
}
