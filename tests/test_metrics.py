"""Edit distance and error rates, against jiwer where it can say; bits, each counted once."""

import math
import random

import jiwer
import pytest
import torch
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
