"""Icons: drawn as they are known, held out by combination, and batches that can be had again."""

from collections import Counter
from functools import partial

import pytest
import torch

from transformer_lib.data.augment import jitter
from transformer_lib.data.icons import (
    MOST_WORDS,
    SEEN,
    SIZE,
    IconBatches,
    Icons,
    load_icons,
    name_ids,
    new_combinations,
    read_icons,
)
from transformer_lib.data.vocabulary import Vocabulary


@pytest.fixture(scope="module")
def read():
    return read_icons()


@pytest.fixture(scope="module")
def data():
    return load_icons()


def few():
    names = ("red box", "red hat", "box", "hat")
    return Icons(torch.rand(4, 1, SIZE, SIZE), names), Vocabulary(("box", "hat", "red"), True)


def words_of(names):
    return [frozenset(name.split()) for name in names]


def test_there_are_as_many_as_we_say(read):
    icons, further = read
    assert len(icons) == 7343
    assert len(further) == 24
    assert icons.images.shape == (7343, 1, SIZE, SIZE)
    assert len(set(icons.names)) == 7343
    assert max(len(name.split()) for name in icons.names) == MOST_WORDS
    assert icons.images.flatten(1).amax(dim=1).min() > 0
    assert 0 <= icons.images.min() <= icons.images.max() <= 1


def test_each_picture_is_there_once_and_further_names_lead_to_it(read):
    icons, further = read
    assert len({image.numpy().tobytes() for image in icons.images}) == 7343
    assert further["heart"] == "cards heart"
    assert set(further.values()) <= set(icons.names)
    assert not set(further) & set(icons.names)


def test_a_square_is_white_and_stands_in_the_middle(read):
    icons, _ = read
    square = icons.images[icons.names.index("square"), 0]
    assert square[10:18, 10:18].min() == 1
    assert square[0].max() == 0
    rows, columns = square.sum(1), square.sum(0)
    for line in (rows, columns):
        middle = (line * torch.arange(SIZE)).sum() / line.sum()
        assert abs(middle - (SIZE - 1) / 2) < 1


def test_held_out_names_are_new_combinations_of_known_words(data):
    known = Counter(word for name in words_of(data.train.names) for word in name)
    together = set(words_of(data.train.names))
    assert len(data.test) == 500
    assert len(data.train) == 6843
    for name in words_of(data.test.names):
        assert len(name) >= 2
        assert name not in together
        assert min(known[word] for word in name) >= SEEN
    assert set(data.vocabulary.symbols) == set(known)


def test_choices_are_made_without_the_test(data):
    trial = load_icons(dev=50)
    seen = {*trial.train.names, *trial.test.names}
    assert len(trial.test) == 50
    assert seen == set(data.train.names)


def test_the_seed_decides_what_is_held_out(data):
    names = data.train.names
    first, again, other = (new_combinations(names, 50, seed=seed)[1] for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert first.tolist() == sorted(first.tolist())


def test_a_name_with_the_same_words_as_another_is_not_held_out():
    names = ["a b", "b a", "a c", "a", "a", "a", "b", "b", "b", "b", "c", "c", "c"]
    kept, drawn = new_combinations(names, 1, seed=0)
    assert drawn.tolist() == [2]
    assert sorted(kept.tolist() + drawn.tolist()) == list(range(13))
    with pytest.raises(ValueError, match="size must be at most 1, all that can be drawn, got 2"):
        new_combinations(names, 2, seed=0)


def test_ids_are_words_end_and_padding():
    _, words = few()
    ids = name_ids(["red box", "hat"], words)
    assert ids.tolist() == [[5, 3, 2, *[0] * 6], [4, 2, *[0] * 7]]
    assert words.decode(ids[0]) == ("red", "box")


def test_batches_are_functions_of_step_and_seed():
    icons, words = few()
    kept = {"batch_size": 2, "augment": partial(jitter, shift=3.0)}
    one, two = (IconBatches(icons, words, seed=5, **kept) for _ in range(2))
    for n in (7, 0, 3):
        assert torch.equal(one[n].images, two[n].images)
        assert torch.equal(one[n].ids, two[n].ids)
    assert not torch.equal(one[0].images, IconBatches(icons, words, seed=6, **kept)[0].images)
    assert not torch.equal(one[0].images, one[2].images)


def test_a_batch_holds_pairs_and_an_epoch_each_of_them():
    icons, words = few()
    batches, ids = IconBatches(icons, words, batch_size=2), name_ids(icons.names, words)
    seen = []
    for n in range(2):
        for image, row in zip(batches[n].images, batches[n].ids, strict=True):
            place = next(p for p in range(4) if torch.equal(icons.images[p], image))
            assert torch.equal(ids[place], row)
            seen.append(place)
    assert sorted(seen) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Icons(torch.rand(2, 1, 4, 4), ("a",)), "names must be one for each of 2 pictures"),
        (lambda: Icons(torch.rand(2, 4, 4), ("a", "b")), "images must be"),
        (lambda: few()[0][torch.tensor([4])], "rows must be in 0 … count - 1 = 3, got 4"),
        (lambda: name_ids(["green box"], few()[1]), "got 'green box': green unknown"),
        (lambda: name_ids(["box " * 9], few()[1]), "names must be at most 8 known words"),
        (lambda: load_icons(test=0), "test must be at least 1, got 0"),
        (lambda: load_icons(dev=-1), "dev must be at least 0, got -1"),
        (lambda: new_combinations(["a b"], 0, seed=0), "size must be at least 1, got 0"),
        (lambda: IconBatches(*few(), batch_size=5), "batch_size must be in 1 … 4"),
        (lambda: IconBatches(["box"], few()[1], batch_size=1), "data must be Icons, got list"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
