"""The order of batches: a function of number and seed; the same seed gives the same, bit by bit."""

import hashlib
from itertools import islice

import pytest
import torch

from transformer_lib.data.images import ImageBatches, load_small_digits
from transformer_lib.data.order import Shuffled
from transformer_lib.data.pairs import PairBatches
from transformer_lib.data.pronunciations import load_pronunciations, pairs_of
from transformer_lib.data.streams import Streams
from transformer_lib.data.text import Windows, load_king_james


def test_each_place_comes_once_in_an_epoch_in_another_order():
    order = Shuffled(12, batch_size=3, seed=0)
    epochs = [torch.cat([order[4 * epoch + i] for i in range(4)]).tolist() for epoch in range(2)]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(12))
    assert epochs[0] != epochs[1]


@pytest.mark.parametrize("arrange", [None, lambda order, generator: order.sort().values])
def test_batches_are_full_where_the_size_does_not_divide(arrange):
    order = Shuffled(11, batch_size=4, seed=0, arrange=arrange)
    assert order.steps_per_epoch == 2
    assert [len(order[n]) for n in range(6)] == [4] * 6


def test_a_batch_is_a_function_of_its_number_and_the_seed():
    forwards, backwards = (Shuffled(12, batch_size=5, seed=3) for _ in range(2))
    there = [forwards[n].tolist() for n in range(9)]
    assert [backwards[n].tolist() for n in reversed(range(9))] == there[::-1]
    assert [one.tolist() for one in islice(forwards, 9)] == there
    assert [one.tolist() for one in islice(Shuffled(12, batch_size=5, seed=4), 9)] != there


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"batch_size": 13}, "batch_size must be in 1 … 12, all there are, got 13"),
        ({"batch_size": 1.5}, "batch_size must be a whole number, got 1.5"),
        ({"seed": 0.5}, "seed must be a whole number, got 0.5"),
    ],
)
def test_bad_input_is_refused_in_words(options, message):
    with pytest.raises(ValueError, match=message):
        Shuffled(12, **{"batch_size": 2, "seed": 0} | options)


# --- the batches of the book's trainings, as they always were ------------------------------------


@pytest.fixture(scope="module")
def book():
    text = load_king_james()
    return text.characters.encode(text.train)


def digest(batches, parts):
    """A hash of the first 200 batches, of which `parts` makes tensors."""
    found = hashlib.sha256()
    for n in range(200):
        for part in parts(batches[n]):
            found.update(f"{tuple(part.shape)} {part.dtype}".encode())
            found.update(part.contiguous().numpy().tobytes())
    return found.hexdigest()[:16]


@pytest.mark.parametrize(("seed", "same"), [(0, "69dd1d1d221a97be"), (1, "159c5d068c022167")])
def test_pairs_are_as_they_always_were(seed, same):
    data = load_pronunciations()
    pairs = pairs_of(data.train)
    batches = PairBatches(pairs, data.letters, data.phonemes, batch_size=1500, seed=seed)
    assert batches.steps_per_epoch == 76  # so there are three epochs in it
    assert digest(batches, lambda b: (b.source, b.target_in, b.target_out)) == same


@pytest.mark.parametrize(("seed", "same"), [(0, "e0e271b0b11691f5"), (1, "bd932fc0d80d0fea")])
def test_windows_are_as_they_always_were(book, seed, same):
    assert digest(Windows(book, batch_size=4, seq_len=64, seed=seed), tuple) == same


@pytest.mark.parametrize(("groups", "same"), [(1, "bf223e08c88a3315"), (3, "96b870e73061def9")])
def test_streams_are_as_they_always_were(book, groups, same):
    streams = Streams(book[:20_000], batch_size=7, seg_len=31, groups=groups)
    marks = digest(streams, lambda s: (s.inputs, s.targets, torch.tensor([s.first, s.group])))
    assert marks == same


@pytest.mark.parametrize(
    ("seed", "augment", "same"),
    [
        (0, False, "2be61570965db2f2"),
        (1, False, "48c74d5bc9073bde"),
        (0, True, "f85d73a343e8c339"),
        (1, True, "e4094b0c679a2d4e"),
    ],
)
def test_pictures_are_as_they_always_were(seed, augment, same):
    def noise(images, generator):  # what `jitter` computes may differ in its last bit
        return torch.rand(images.shape, generator=generator)

    options = {"seed": seed, "augment": noise if augment else None}
    batches = ImageBatches(load_small_digits().train, batch_size=20, **options)
    assert digest(batches, lambda b: (b.images, b.labels)) == same
