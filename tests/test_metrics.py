"""Edit distance and error rates, against jiwer where it can say; bits, each counted once."""

import math
import random
from functools import partial

import jiwer
import pytest
import torch
from torch import nn
from torch.testing import assert_close

from transformer_lib.measure.bits import bits_in_chunks, bits_sliding
from transformer_lib.measure.errors import ErrorRates, edit_distance, error_rates


@pytest.mark.parametrize(
    ("a", "b", "distance"),
    [
        ("", "", 0),
        ("", "abc", 3),
        ("abc", "", 3),
        ("kitten", "sitting", 3),
        ("flaw", "lawn", 2),
        ("abc", "abc", 0),
        (("AA", "R"), ("AA",), 1),
    ],
)
def test_known_distances(a, b, distance):
    assert edit_distance(a, b) == distance
    assert edit_distance(b, a) == distance


def random_words(chance, count):
    return [
        tuple(chance.choice(["AA", "B", "K", "T"]) for _ in range(chance.randint(1, 9)))
        for _ in range(count)
    ]


def test_with_one_reference_it_is_what_jiwer_computes():
    chance = random.Random(0)
    hypotheses, references = random_words(chance, 200), random_words(chance, 200)
    hypotheses[:20] = references[:20]
    rates = error_rates(hypotheses, [[reference] for reference in references])
    spoken, listed = [[" ".join(w) for w in words] for words in (hypotheses, references)]
    assert rates.per == pytest.approx(jiwer.wer(listed, spoken))  # phonemes are its words
    different = sum(a != b for a, b in zip(hypotheses, references, strict=True))
    assert rates.wer == different / 200


def test_nearest_reference_counts():
    rates = error_rates(["ABD", "XY"], [["QQQQQ", "ABC"], ["XY", "Z"]])
    assert rates == ErrorRates(per=1 / 5, wer=1 / 2)


def test_of_two_that_are_equally_near_the_longer_counts():
    assert error_rates(["ABC"], [["AB", "ABCD"]]).per == 1 / 4


def test_rates_print_rounded():
    assert str(ErrorRates(per=0.06789, wer=0.25)) == "PER 6.79%, WER 25.00%"


@pytest.mark.parametrize(
    ("hypotheses", "references", "message"),
    [
        ([], [], "at least one, got 0 and 0"),
        (["A"], [], "got 0 and 1"),
        (["A", "B"], [["A"], []], r"references\[1\] must hold sequences of symbols, got \[\]"),
        (["A"], [[""]], r"references\[0\] must hold"),
        (["A"], ["A"], r"references\[0\] must hold sequences of symbols, got 'A'"),
        ("A", [["A"]], "hypotheses must be a list with an entry for each word, got 'A'"),
        ([5], [["A"]], r"hypotheses\[0\] must be a sequence of symbols, got 5"),
    ],
)
def test_bad_input_is_named(hypotheses, references, message):
    with pytest.raises(ValueError, match=message):
        error_rates(hypotheses, references)


# --- bits per character ---------------------------------------------------------------------


class Looking:
    """Scores that say how many tokens each one could see: token t costs log2(seen) bits or so."""

    def __init__(self):
        self.read = []

    def __call__(self, tokens):
        self.read += tokens.tolist()
        seen = torch.arange(1, tokens.size(1) + 1).expand_as(tokens).double()
        # Two classes at odds exp(seen) : 1, and the target is always the first.
        return torch.stack([seen, torch.zeros_like(seen)], dim=-1)


def cost(*seen):
    return torch.tensor([math.log2(1 + math.exp(-n)) for n in seen])


def test_chunks_are_read_alone():
    bits = bits_in_chunks(Looking(), torch.zeros(8).long(), window=3)
    assert_close(bits, cost(1, 2, 3, 1, 2, 3, 3))  # the last chunk reaches back to be whole


def test_a_sliding_window_counts_only_what_is_new_in_it():
    bits = bits_sliding(Looking(), torch.zeros(9).long(), window=4, stride=2)
    assert_close(bits, cost(1, 2, 3, 4, 3, 4, 3, 4))
    bits = bits_sliding(Looking(), torch.zeros(9).long(), window=4, stride=1)
    assert_close(bits, cost(1, 2, 3, 4, 4, 4, 4, 4))


@pytest.mark.parametrize("length", [2, 3, 4, 5, 8, 9, 10, 23])
@pytest.mark.parametrize("stride", [1, 2, 3, 4])
def test_every_token_but_the_first_counts_once(length, stride):
    generator = torch.Generator().manual_seed(length)
    tokens = torch.randint(5, (length,), generator=generator)
    table = torch.randn(5, 5, generator=generator)  # a bigram model: windows do not matter
    nats = torch.nn.functional.cross_entropy(table[tokens[:-1]], tokens[1:], reduction="none")
    for batch_size in (1, 3, 32):
        bits = bits_sliding(
            lambda x: table[x], tokens, window=4, stride=stride, batch_size=batch_size
        )
        assert_close(bits, nats / math.log(2))


def test_more_context_is_what_the_stride_buys():
    tokens = torch.zeros(50).long()
    means = [
        bits_sliding(Looking(), tokens, window=8, stride=stride).mean() for stride in (8, 4, 1)
    ]
    assert means[0] > means[1] > means[2]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stride": 0}, "stride must be at least 1, got 0"),
        ({"stride": 5}, "stride must be in 1 … window = 4, got 5"),
        ({"window": 0, "stride": 0}, "window must be at least 1, got 0"),
        ({"tokens": torch.zeros(1).long()}, r"one row of at least 2 .* got \(1,\)"),
        ({"tokens": torch.zeros(2, 3).long()}, r"one row of at least 2 .* got \(2, 3\)"),
    ],
)
def test_impossible_readings_are_refused(changes, message):
    options = {"tokens": torch.zeros(9).long(), "window": 4, "stride": 2} | changes
    with pytest.raises(ValueError, match=message):
        bits_sliding(Looking(), options.pop("tokens"), **options)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tokens": torch.tensor([1, -100, 2])}, "tokens must not be negative, got -100"),
        ({"tokens": torch.rand(9)}, "tokens must be one row .* of torch.float32"),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"window": 1.5}, "window must be a whole number, got 1.5"),
        ({"score": None}, "score must be a model or a function, got None"),
        ({"score": nn.Linear(1, 1)}, "score must be in evaluation mode: call model.eval"),
        ({"score": partial(nn.Linear(1, 1))}, "score must be in evaluation mode"),
        ({"score": nn.Linear(1, 1).forward}, "score must be in evaluation mode"),
        ({"score": lambda x: x}, r"score must return logits \(2, 4, 'vocab_size'\), got \(2, 4\)"),
    ],
)
def test_texts_that_cannot_be_measured_are_refused(changes, message):
    options = {"score": Looking(), "tokens": torch.zeros(9).long(), "window": 4} | changes
    with pytest.raises(ValueError, match=message):
        bits_in_chunks(options.pop("score"), options.pop("tokens"), **options)


def test_no_more_windows_than_asked_are_read_at_once():
    rows = []

    def score(tokens):
        rows.append(len(tokens))
        return torch.zeros(*tokens.shape, 3)

    bits_in_chunks(score, torch.zeros(41).long(), window=4, batch_size=3)
    assert rows == [3, 3, 3, 1]


def test_bits_of_half_precision_are_those_of_its_numbers():
    table = (8 * torch.randn(5, 5, generator=torch.Generator().manual_seed(0))).bfloat16()
    tokens = torch.randint(5, (50,), generator=torch.Generator().manual_seed(1))
    rounded, exact = (bits_in_chunks(lambda x, t=t: t[x], tokens, window=7)
                      for t in (table, table.float()))  # fmt: skip
    assert rounded.dtype == torch.float32
    assert torch.equal(rounded, exact)


def test_nothing_is_kept_for_a_gradient():
    weight = torch.zeros(3, requires_grad=True)
    seen = []

    def score(tokens):
        seen.append(torch.is_grad_enabled())
        return weight.expand(*tokens.shape, 3)

    bits_in_chunks(score, torch.zeros(9).long(), window=4)
    assert seen == [False]
