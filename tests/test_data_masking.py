"""Hidden words: which, how, and what never."""

from functools import partial
from itertools import chain

import pytest
import torch

from transformer_lib.data.masking import MaskedBatches, hide_words

MASK, SPECIAL, VOCAB = 3, (0, 1, 2), 40
HOW = {"mask_id": MASK, "vocab_size": VOCAB, "special": SPECIAL}


def draw(ids, seed=0, **options):
    return hide_words(ids, generator=torch.Generator().manual_seed(seed), **HOW | options)


IDS = torch.randint(4, VOCAB, (1000, 1000), generator=torch.Generator().manual_seed(1))


def test_of_the_chosen_eight_in_ten_are_hidden_one_is_another_and_one_stays():
    seen, chosen = draw(IDS)
    assert chosen.float().mean().item() == pytest.approx(0.15, abs=0.002)
    hidden, same = seen[chosen] == MASK, seen[chosen] == IDS[chosen]
    assert hidden.float().mean().item() == pytest.approx(0.8, abs=0.005)
    by_chance = 0.1 / (VOCAB - 4)  # a random token may be the one that stood there
    assert same.float().mean().item() == pytest.approx(0.1 + by_chance, abs=0.005)


def test_what_is_not_chosen_stays():
    seen, chosen = draw(IDS)
    assert torch.equal(seen[~chosen], IDS[~chosen])


def test_random_tokens_are_all_ordinary_ones_alike():
    seen, chosen = draw(IDS, rate=0.5)
    other = seen[chosen & (seen != IDS) & (seen != MASK)]
    counts = other.bincount(minlength=VOCAB)
    assert not counts[:4].any()
    assert counts[4:].float().std() / counts[4:].float().mean() < 0.1


def test_special_tokens_are_never_chosen():
    ids = IDS % VOCAB  # all ordinary
    ids = torch.where(IDS % 3 == 0, IDS % 4, ids)  # a third special, the mask among them
    seen, chosen = draw(ids, rate=0.9)
    assert not chosen[ids < 4].any()
    assert torch.equal(seen[ids < 4], ids[ids < 4])


def test_the_same_generator_chooses_the_same_and_another_others():
    assert torch.equal(draw(IDS)[1], draw(IDS)[1])
    assert not torch.equal(draw(IDS)[1], draw(IDS, seed=1)[1])


def test_the_ids_are_not_changed():
    before = IDS.clone()
    draw(IDS)
    assert torch.equal(IDS, before)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rate": 0.0}, "rate must be positive"),
        ({"rate": 1.0}, r"rate must be in \[0, 1\), got 1.0"),
        ({"mask_id": 40}, "mask_id must be in 0 … vocab_size - 1 = 39, got 40"),
        ({"special": (40,)}, "special must be in 0 … vocab_size - 1 = 39, got 40"),
        ({"special": range(40)}, "special must leave some of 40 tokens"),
        ({"vocab_size": 20}, "ids must be in 0 … vocab_size - 1 = 19, got 39"),
    ],
)
def test_bad_input_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        draw(IDS, **options)


# --- batches -------------------------------------------------------------------------------------

ROWS = [torch.randint(4, VOCAB, (n,)) for n in (3, 9, 4, 8, 3, 9, 4, 8, 5)]
hide = partial(hide_words, **HOW, rate=0.5)


def test_a_batch_is_padded_and_says_what_stood_there():
    batch = MaskedBatches(ROWS, hide, batch_size=2)[0]
    assert batch.seen.shape == batch.chosen.shape == batch.ids.shape
    assert not batch.chosen[batch.ids == 0].any()
    assert torch.equal(batch.seen[~batch.chosen], batch.ids[~batch.chosen])
    whole = {tuple(row.tolist()) for row in ROWS}
    assert {tuple(row[row != 0].tolist()) for row in batch.ids} <= whole


def test_an_epoch_holds_each_row_once_beside_those_of_its_length():
    batches = MaskedBatches(ROWS[:8], hide, batch_size=2)
    lengths = [[(row != 0).sum().item() for row in batches[n].ids] for n in range(4)]
    assert sorted(chain(*lengths)) == sorted(len(row) for row in ROWS[:8])
    assert all(a == b for a, b in lengths)


def test_what_is_hidden_is_another_thing_in_the_next_epoch():
    batches = MaskedBatches(ROWS[:2], hide, batch_size=2)
    first, second = batches[0], batches[1]
    order = [(first.ids == row).all(dim=1).nonzero().item() for row in second.ids]
    assert torch.equal(first.ids[order], second.ids)
    assert not torch.equal(first.chosen[order], second.chosen)


def test_the_nth_batch_depends_on_seed_and_n_alone():
    one, other = (MaskedBatches(ROWS, hide, batch_size=3, seed=4) for _ in range(2))
    other[7]
    assert all(torch.equal(a, b) for a, b in zip(one[2], other[2], strict=True))
    assert not torch.equal(MaskedBatches(ROWS, hide, batch_size=3, seed=5)[2].seen, one[2].seen)


def test_rows_without_tokens_or_too_few_are_refused():
    with pytest.raises(ValueError, match="rows must have a token or more each, got none in row 1"):
        MaskedBatches([ROWS[0], ROWS[0][:0]], hide, batch_size=1)
    with pytest.raises(ValueError, match=r"batch_size must be in 1 … 9"):
        MaskedBatches(ROWS, hide, batch_size=10)
