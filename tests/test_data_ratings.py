"""Rated sentences: every form of the file is read, no text is on both sides of a split."""

import pytest

from transformer_lib.data import archives, ratings
from transformer_lib.data.ratings import Rated, load_ratings, parse, split, words

LINES = "1\t2.5\tA ''fine'' film.\r\n2\t-0.6\tDull\r\n3\t0.5\tSo so\r\n4\t1.0\tcafé\r\n"


@pytest.mark.parametrize(
    "content",
    [
        LINES.encode(),
        LINES.encode("utf-8-sig"),
        ("\r\n" + LINES).encode("utf-8-sig"),
        LINES.encode("latin-1"),
        LINES.replace("\r\n", "\n").encode(),
        LINES.replace("\r\n", "\r").encode(),
        LINES.removesuffix("\r\n").encode(),
        (LINES + "\r\n  \r\n").encode(),
        (LINES + "9\t3\tDull\r\n").encode(),  # a text that was there: the first rating stays
    ],
)
def test_every_form_of_the_file_is_read(content):
    assert parse(content) == [
        Rated("A ''fine'' film.", 1, 2.5),
        Rated("Dull", 0, -0.6),
        Rated("café", 1, 1.0),
    ]


@pytest.mark.parametrize("line", ["1\t2.5", "1\tgood\tA film", "A film", "1\t\tA film"])
def test_a_line_of_another_form_is_named(line):
    with pytest.raises(ValueError, match=r"content must be lines of id, mean .* in line 5"):
        parse((LINES + line).encode())


def test_what_is_no_file_is_refused():
    with pytest.raises(ValueError, match="content must be bytes, got str"):
        parse(LINES)
    with pytest.raises(ValueError, match="sentences must be a list, got str"):
        split(LINES, test=1)


def test_the_kinds_come_from_their_files(monkeypatch):
    monkeypatch.setattr(archives, "read", lambda name, member: (name, member))
    monkeypatch.setattr(archives, "read_tar", lambda packed, member: f"1\t1\t{member}".encode())
    for kind, part in (("films", "movieReview"), ("products", "amazonReview")):
        (sentence,) = load_ratings(kind)
        assert sentence.text == f"hutto_ICWSM_2014/{part}Snippets_GroundTruth.txt"


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="kind must be one of"):
        load_ratings("tweets")


def test_a_missing_archive_says_how_to_fetch_it(monkeypatch, tmp_path):
    monkeypatch.setenv("TRANSFORMER_LIB_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="make archives"):
        load_ratings("films")


def test_a_split_holds_each_sentence_once_and_hangs_on_the_seed():
    sentences = [Rated(f"film {i}", i % 2, 1.0) for i in range(50)]
    train, test = split(sentences, test=10)
    assert len(test) == 10
    assert sorted(train + test) == sorted(sentences)
    assert split(sentences, test=10) == (train, test)
    assert split(sentences, test=10, seed=1)[1] != test
    assert train != sorted(train)


@pytest.mark.parametrize(("test", "said"), [(0, "test must be at least 1"), (3, "less than all 3")])
def test_a_split_that_leaves_nothing_is_refused(test, said):
    with pytest.raises(ValueError, match=said):
        split([Rated(str(i), 1, 1.0) for i in range(3)], test=test)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It isn't GOOD, is it?", ["it", "isn't", "good", ",", "is", "it", "?"]),
        ("isn’t", ["isn't"]),
        ("''fine''", ['"', "fine", '"']),
        ("2 stars of 10", ["2", "stars", "of", "10"]),
        ("naïve ☺", ["na", "ï", "ve", "☺"]),
    ],
)
def test_words(text, found):
    assert words(text) == found


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "hold a word"), (" \n", "hold a word"), (None, "be a string, got NoneType")],
)
def test_a_text_without_words_is_refused(text, said):
    with pytest.raises(ValueError, match=f"text must {said}"):
        words(text)


def test_lukewarm_is_what_the_docstring_says():
    assert ratings.LUKEWARM == 0.5
