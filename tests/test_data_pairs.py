"""Pairs in padded batches: teacher forcing, every pair once in an epoch, little padding."""

from collections import Counter
from itertools import islice

import pytest
import torch

from transformer_lib.data.pairs import PairBatches, encode_words
from transformer_lib.data.vocabulary import Vocabulary

LETTERS = Vocabulary(tuple("abcdefghijklmnopqrstuvwxyz"), special=True)
PHONEMES = Vocabulary(("AA", "B", "K"), special=True)


def test_words_are_padded():
    assert encode_words(["ab", "c"], LETTERS).tolist() == [[3, 4], [5, 0]]


@pytest.mark.parametrize("words", [[], ["a", ""], "hello", None])
def test_words_that_are_none_are_refused(words):
    with pytest.raises(ValueError, match="words must be one or more of at least a symbol, got"):
        encode_words(words, LETTERS)


def test_a_vocabulary_without_padding_is_refused():
    with pytest.raises(ValueError, match="source must be a Vocabulary with special=True, got"):
        PairBatches(pairs_in(), Vocabulary("abc"), PHONEMES, batch_size=2)
    with pytest.raises(ValueError, match="vocabulary must be a Vocabulary with special=True"):
        encode_words(["a"], Vocabulary("abc"))


def pairs_in(count=50):
    """Words of different lengths, of which every third comes with two targets."""
    words = [
        "abcdefg"[: 1 + i % 7] + chr(97 + i % 26) * (i % 3) + chr(97 + i // 7 % 26)
        for i in range(count)
    ]
    listed = [[("K",) * (1 + i % 5)] + [("AA", "B")] * (i % 3 == 0) for i in range(count)]
    return [(word, one) for word, ones in zip(words, listed, strict=True) for one in ones]


def batches(seed=0, batch_size=8, count=50):
    return PairBatches(pairs_in(count), LETTERS, PHONEMES, batch_size=batch_size, seed=seed)


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
    expected = Counter(pairs_in())
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


def test_words_of_similar_length_share_a_batch():
    made = batches(batch_size=8, count=2000)
    sources = [made[step].source for step in range(0, 200, 5)]
    padding = sum(int((source == 0).sum()) for source in sources)
    assert padding / sum(source.numel() for source in sources) < 0.05
    lengths = [made[step].source.size(1) for step in range(20)]
    assert lengths != sorted(lengths)


@pytest.mark.parametrize("size", [0, 68])
def test_bad_batch_sizes_are_named(size):
    with pytest.raises(ValueError, match=rf"batch_size must be .* got {size}"):
        batches(batch_size=size)
