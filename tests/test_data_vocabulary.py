"""Symbols and ids: there and back, special ids in front, and what has no id is named."""

import pytest
import torch

from transformer_lib.data.vocabulary import Vocabulary

LETTERS = Vocabulary("abcdefghijklmnopqrstuvwxyz")
PHONEMES = Vocabulary(("AA", "B", "K"), special=True)


def test_an_id_is_the_place_of_a_symbol():
    ids = LETTERS.encode("quiz")
    assert ids.tolist() == [16, 20, 8, 25]
    assert ids.dtype == torch.int64
    assert LETTERS.decode(ids) == LETTERS.decode(ids.tolist()) == "quiz"
    assert LETTERS.encode("").shape == (0,)
    assert Vocabulary.of("banana").symbols == "abn"


def test_encode_and_decode_are_inverse():
    assert PHONEMES.encode(["K", "AA", "B"]).tolist() == [5, 3, 4]
    assert PHONEMES.decode([1, 5, 3, 4, 2, 4, 0]) == ("K", "AA", "B")
    assert PHONEMES.decode(torch.tensor([5, 0])) == ("K",)
    assert (len(LETTERS), len(PHONEMES)) == (26, 6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Vocabulary("aba"), "symbols must be distinct, got 'aba'"),
        (lambda: Vocabulary(("A", "A")), r"symbols must be distinct, got \('A', 'A'\)"),
        (lambda: Vocabulary(["A"]), "symbols must be a string or a tuple of strings, got"),
        (lambda: Vocabulary(("A", 1)), "symbols must be a string or a tuple of strings, got"),
        (lambda: Vocabulary("a", special=1), "special must be True or False, got 1"),
        (lambda: LETTERS.encode("the café"), "symbols must be of .* got ' ' at 3, in 'the café'"),
        (lambda: PHONEMES.encode(["AA", "Y"]), r"got 'Y' at 1, in \['AA', 'Y'\]"),
        (lambda: LETTERS.encode(5), "symbols must be a string or a list of them, got 5"),
        (lambda: LETTERS.decode([0, 26]), r"ids must be one row of numbers in 0 … 25, got"),
        (lambda: LETTERS.decode([-1]), r"ids must be one row of numbers in 0 … 25, got"),
        (lambda: LETTERS.decode([[1]]), r"ids must be one row of numbers in 0 … 25, got"),
        (lambda: LETTERS.decode(torch.ones(1, 2)), "ids must be one row of numbers in 0 … 25, got"),
    ],
)
def test_bad_input_is_refused_in_words(call, message):
    with pytest.raises(ValueError, match=message):
        call()
