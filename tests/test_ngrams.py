"""Counting, smoothed: equal to the formula written out, and a distribution after every context."""

from collections import Counter

import pytest
import torch
from torch.testing import assert_close

from transformer_lib.data.text import load_king_james
from transformer_lib.measure.ngrams import WittenBell


def by_hand(train, context, token, order, vocab_size):
    """The formula, context by context, on lists."""
    if order == 0:
        return 1 / vocab_size
    context = context[max(0, len(context) - order + 1) :]
    n = len(context) + 1
    after = Counter(
        train[i + n - 1] for i in range(len(train) - n + 1) if train[i : i + n - 1] == context
    )
    shorter = by_hand(train, context[1:], token, n - 1, vocab_size)
    if not after:
        return shorter
    return (after[token] + len(after) * shorter) / (after.total() + len(after))


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_probabilities_equal_the_formula(order):
    generator = torch.Generator().manual_seed(order)
    train = torch.randint(4, (60,), generator=generator)
    text = torch.randint(5, (40,), generator=generator)  # 4 was never seen
    model = WittenBell(train, order=order, vocab_size=5)
    expected = [
        by_hand(train.tolist(), text[:t].tolist(), int(text[t]), order, 5) for t in range(40)
    ]
    assert_close(model.probabilities(text), torch.tensor(expected, dtype=torch.float64))
    longer = WittenBell(train, order=order + 2, vocab_size=5)
    assert torch.equal(longer.probabilities(text, order=order), model.probabilities(text))


def test_a_worked_example():
    # a b a b a c: after a come b, b, c. T = 2, N = 3.
    model = WittenBell(torch.tensor([0, 1, 0, 1, 0, 2]), order=2, vocab_size=3)
    unigram = [(3 + 3 / 3) / 9, (2 + 3 / 3) / 9, (1 + 3 / 3) / 9]
    expected = [(0 + 2 * unigram[0]) / 5, (2 + 2 * unigram[1]) / 5, (1 + 2 * unigram[2]) / 5]
    assert_close(model.next(torch.tensor([0])), torch.tensor(expected, dtype=torch.float64))


@pytest.mark.parametrize("context", [[], [0], [2, 1], [3, 3, 3, 3, 3], [0, 1, 2, 0, 1, 2, 0]])
def test_after_every_context_it_is_a_distribution(context):
    train = torch.randint(3, (50,), generator=torch.Generator().manual_seed(0))
    model = WittenBell(train, order=4, vocab_size=4)
    p = model.next(torch.tensor(context, dtype=torch.long))
    assert p.shape == (4,)
    assert p.min() > 0
    assert float(p.sum()) == pytest.approx(1, abs=1e-12)
    text = torch.tensor([*context, 1])
    assert float(p[1]) == pytest.approx(float(model.probabilities(text)[-1]), abs=1e-15)


def test_a_longer_context_helps_until_it_is_too_rare():
    text = load_king_james()
    train = text.characters.encode(text.train[-300_000:])
    held_out = text.characters.encode(text.dev[:50_000])
    bits = {
        order: -WittenBell(train, order=order, vocab_size=66)
        .probabilities(held_out)
        .log2()
        .mean()
        .item()
        for order in (1, 2, 3, 5, 9)
    }
    assert bits[1] > bits[2] + 0.5 > bits[3] + 0.5
    assert bits[5] < bits[3] - 0.3
    assert bits[9] > bits[5]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"order": 0}, "order must be at least 1, got 0"),
        ({"order": 40}, "below 2 .* 63, got order = 40"),
        ({"tokens": torch.tensor([1, 2])}, r"one row of at least 3 numbers .* got \(2,\)"),
        ({"tokens": torch.zeros(2, 9).long()}, r"one row of .* got \(2, 9\) of torch.int64"),
        ({"tokens": torch.zeros(9)}, r"one row of .* got \(9,\) of torch.float32"),
        ({"tokens": torch.arange(9)}, "tokens must be in 0 … vocab_size - 1 = 3, got 8"),
    ],
)
def test_impossible_counts_are_refused(changes, message):
    options = {"tokens": torch.zeros(9).long(), "order": 3, "vocab_size": 4} | changes
    with pytest.raises(ValueError, match=message):
        WittenBell(options.pop("tokens"), **options)


def test_the_longest_order_is_the_last_whose_numbers_fit():
    tokens = torch.ones(80).long()
    longest = WittenBell(tokens, order=62, vocab_size=2)
    assert longest.grams[-1].tolist() == [2**62 - 1]
    with pytest.raises(ValueError, match=r"below 2 .* 63, got order = 63"):
        WittenBell(tokens, order=63, vocab_size=2)


def test_tokens_outside_the_vocabulary_are_refused():
    model = WittenBell(torch.zeros(9).long(), order=2, vocab_size=4)
    with pytest.raises(ValueError, match="tokens must not be negative, got -1"):
        model.probabilities(torch.tensor([0, -1]))
    with pytest.raises(ValueError, match="order must be in 1 … 2, got 3"):
        model.probabilities(torch.tensor([0, 1]), order=3)


def test_ids_of_int32_are_counted_as_those_of_int64():
    tokens = torch.randint(66, (4000,), generator=torch.Generator().manual_seed(0))
    wide, narrow = (WittenBell(x, order=7, vocab_size=66) for x in (tokens, tokens.int()))
    assert torch.equal(wide.probabilities(tokens), narrow.probabilities(tokens.int()))
