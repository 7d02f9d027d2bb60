"""Verses in pairs: what is cleaned, what is held out, and what leaks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transformer_lib.data import archives, downloads, translations
from transformer_lib.data.translations import (
    Pair,
    aligned,
    clean,
    leaks,
    load_parallel,
    load_translation,
    split_by_chapter,
)

there = pytest.mark.skipif("bible" in archives.missing(), reason="the archive was not fetched")


def pair(source, target="", verse=(1, 1, 1)):
    return Pair(source, target, verse)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("\ufeffIn the beginning", "In the beginning"),
        ("one\r\ntwo\rthree", "one two three"),
        ("  a\u00a0b\t", "a b"),
        ("don’t, doesn`t", "don't, doesn't"),
        ("e\u0301", "é"),
        ("für".encode(), "für"),
    ],
)
def test_what_editors_add_is_taken_away(text, line):
    assert clean(text) == line


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "text must hold at least a word, got ''"),
        ("\ufeff \r\n", "text must hold at least a word"),
        ("vergoß".encode("latin-1"), r"UTF-8, got byte 0xdf at 5: .* text.decode\('latin-1'\)"),
        (7, "text must be a string or bytes, got int"),
    ],
)
def test_what_is_no_text_is_refused(text, said):
    with pytest.raises(ValueError, match=said):
        clean(text)


@given(st.text(min_size=1))
def test_cleaning_twice_changes_nothing(text):
    try:
        line = clean(text)
    except ValueError:
        return
    assert clean(line) == line


def test_a_leak_is_more_than_half_of_the_runs_of_four_in_either_language():
    held_out = [pair("a b c d e f", "one two three four five")]  # runs: 3 and 2
    train = [
        pair("a b c d x", "u v w x"),  # one of three
        pair("a b c d e x", "u v w x"),  # two of three
        pair("A B C D E", "u v w x"),  # the same in capitals
        pair("u v w x", "one two three four"),  # one of two: not more than half
        pair("u v w x", "so one two three four five"),
    ]
    assert leaks(train, held_out) == {1: 0, 2: 0, 4: 0}
    assert leaks(train, held_out, share=0.7) == {4: 0}


def test_a_short_verse_leaks_where_it_stands_as_a_verse():
    assert leaks([pair("a b", "x"), pair("a b c", "y")], [pair("a b", "z")]) == {0: 0}


def test_chapters_are_not_divided():
    pairs = [pair("a", "b", (1, n // 5, n % 5)) for n in range(200)]
    train, dev, test = split_by_chapter(pairs, 0.1)
    chapters = [{p.verse[:2] for p in part} for part in (train, dev, test)]
    assert [len(c) for c in chapters] == [32, 4, 4]
    assert not chapters[0] & chapters[1] | chapters[0] & chapters[2] | chapters[1] & chapters[2]
    assert sorted(train + dev + test) == sorted(pairs)
    assert split_by_chapter(pairs, 0.1) == (train, dev, test)


@there
def test_verses_stand_side_by_side():
    english, german = (load_translation(name) for name in ("world_english", "elberfelder"))
    assert len(english) == len(german) == 31_102
    assert english[1, 1, 3] == 'God said, "Let there be light," and there was light.'
    assert german[1, 1, 3] == "Und Gott sprach: Es werde Licht! und es ward Licht."
    assert not any(sign in text for text in english.values() for sign in "[]`")


@there
def test_what_is_left_is_short_alike_in_length_and_does_not_leak():
    data = load_parallel("elberfelder", "world_english", longest=8)
    for part in (data.train, data.dev, data.test):
        assert part
        assert max(len(text.split()) for p in part for text in p[:2]) <= 8
        assert not any(p.verse[0] == 19 and p.verse[2] == 1 for p in part)
    assert not leaks(data.train, data.dev + data.test)
    whole, *_ = split_by_chapter(aligned("elberfelder", "world_english", longest=8), 0.05)
    assert set(data.train) < set(whole)


def test_a_missing_archive_says_how_to_fetch_it(monkeypatch, tmp_path):
    monkeypatch.setenv(downloads.VARIABLE, str(tmp_path))
    translations._verses.cache_clear()
    with pytest.raises(FileNotFoundError, match="fetch it with `make archives`"):
        load_translation("segond")


def test_arguments_are_checked():
    with pytest.raises(ValueError, match="name must be one of"):
        load_translation("klingon")
    with pytest.raises(ValueError, match="longest must be"):
        load_parallel("segond", "elberfelder", longest=0)
    with pytest.raises(ValueError, match=r"held_out must be between 0 and 0\.5, got 0\.5"):
        load_parallel("segond", "elberfelder", longest=9, held_out=0.5)
    with pytest.raises(ValueError, match="target must be one of"):
        aligned("segond", "klingon", longest=9)
    with pytest.raises(ValueError, match="held_out must be positive"):
        split_by_chapter([pair("a", "b")], 0)
