"""Hidden words: which, how, and what never."""

import pytest
import torch

from transformer_lib.data.masking import hide_words

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
