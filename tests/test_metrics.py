"""Edit distance and error rates, against jiwer where it can say."""

import random

import jiwer
import pytest

from transformer_lib.metrics import ErrorRates, edit_distance, error_rates


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
