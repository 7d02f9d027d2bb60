"""Verses as words: how they are cut, split and labelled."""

from collections import Counter

import pytest
import torch

from transformer_lib.data.verse_words import (
    MASK_ID,
    NOT_NAMES,
    SPECIAL,
    UNKNOWN_ID,
    always_capital,
    cut,
    load_verse_words,
)


@pytest.fixture(scope="module")
def data():
    return load_verse_words()


def parts(data):
    return data.train, data.dev, data.test


def test_every_verse_is_in_one_part_and_every_chapter_too(data):
    assert sum(map(len, parts(data))) == 31_102
    chapters = [{verse.place[:2] for verse in part} for part in parts(data)]
    assert sum(map(len, chapters)) == len(set.union(*chapters)) == 1189
    assert [round(100 * len(c) / 1189) for c in chapters] == [85, 5, 10]


def test_words_are_small_and_labels_stand_beside_them(data):
    verse = next(v for part in parts(data) for v in part if v.place == (1, 4, 9))
    assert " ".join(verse.words).startswith(
        "and the lord said unto cain , where is abel thy brother"
    )
    assert [w for w, name in zip(verse.words, verse.names, strict=True) if name] == ["cain", "abel"]
    assert all(v.words == tuple(w.lower() for w in v.words) for v in data.dev)


def test_a_brackets_words_stay_and_the_brackets_go():
    assert cut("And God saw [it was] good: the king’s.") == [
        "And", "God", "saw", "it", "was", "good", ":", "the", "king’s", ".",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="text must be a string, got b'And'"):
        cut(b"And")


def test_a_name_has_a_capital_where_nothing_asks_for_one():
    rows = [
        [
            "Now",
            "Job",
            "was",
            ".",
            "Then",
            "Job",
            ",",
            "the",
            "just",
            ",",
            "and",
            "the",
            "LORD",
            "spake",
            ".",
            "Just",
            "men",
            ".",
        ]
    ] * 12
    assert always_capital(rows) == {"job"}  # not lord; just has its capital from the full stop
    often_small = [*rows, *(["x", "job"],) * 3]
    assert "job" in always_capital([*rows, ["x", "job"]])
    assert "job" not in always_capital(often_small)


def test_the_words_of_god_are_no_names(data):
    named = {w for v in data.train for w, name in zip(v.words, v.names, strict=True) if name}
    assert not named & (NOT_NAMES | {"lord’s", "god’s"})
    assert {"david", "jerusalem", "israel"} <= named


def test_the_vocabulary_is_of_the_training_part_and_of_what_stands_there_often(data):
    words = Counter(word for verse in data.train for word in verse.words)
    symbols = data.vocabulary.symbols
    assert symbols[:3] == SPECIAL
    assert symbols[3] == words.most_common(1)[0][0]
    assert {*symbols[3:]} == {word for word, n in words.items() if n >= 3}
    assert len(load_verse_words(least=1).vocabulary) == 3 + len(words)


def test_what_the_vocabulary_lacks_is_unknown(data):
    first, second = data.encode([["the", "zorgon"], [SPECIAL[MASK_ID], "the", "and"]])
    the = data.vocabulary.encode(["the"]).item()
    assert first.tolist() == [the, UNKNOWN_ID]
    assert second.tolist()[:2] == [MASK_ID, the]
    assert first.dtype == torch.long


def test_another_seed_splits_otherwise(data):
    other = load_verse_words(seed=1)
    assert {v.place for v in other.test} != {v.place for v in data.test}
