"""Byte-pair encoding: what is joined, that nothing is lost, and that a library agrees."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, models, pre_tokenizers

from transformer_lib.data.subwords import WORDS, BytePairs, join
from transformer_lib.data.verses import load_verses

TEXT = " ".join(list(load_verses().values())[:2000])
PIECES = BytePairs.learn(TEXT, 600)


def slowly(text: str, merges: int) -> list[tuple[int, int]]:
    """The definition, word for word: count all pairs anew for each merge."""
    words = Counter(WORDS.findall(text.encode()))
    cut = {word: list(word) for word in words}
    learnt = []
    for n in range(merges):
        counts = Counter()
        for word, times in words.items():
            for pair in pairwise(cut[word]):
                counts[pair] += times
        if not counts:
            break
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        cut = {word: join(ids, best, 256 + n) for word, ids in cut.items()}
        learnt.append(best)
    return learnt


def test_the_example_of_the_paper():
    text = 5 * "low " + 2 * "lower " + 6 * "newest " + 3 * "widest "
    pieces = BytePairs.learn(text, 3)
    assert pieces.pieces[256:] == [b"es", b"est", b"lo"]


def test_it_learns_what_counting_anew_each_time_learns():
    text = TEXT[:20_000]
    assert BytePairs.learn(text, 150).merges == slowly(text, 150)


def test_it_stops_when_all_words_are_whole():
    pieces = BytePairs.learn("aa aa", 100)
    assert pieces.merges == slowly("aa aa", 100)
    assert pieces.encode("aa aa") == [257 - 1, 257]


def test_among_equals_the_older_pieces_win():
    assert BytePairs.learn("ba ab", 1).merges == [(ord(" "), ord("a"))]


def test_no_piece_reaches_beyond_a_word():
    assert all(len(WORDS.findall(piece)) == 1 for piece in PIECES.pieces)


@given(st.binary())
def test_any_bytes_come_back(data):
    assert PIECES.decode(PIECES.encode(data)) == data
    assert b"".join(WORDS.findall(data)) == data


@given(st.text())
def test_any_text_comes_back(text):
    assert PIECES.decode(PIECES.encode(text)).decode() == text


def library() -> Tokenizer:
    """The same merges in the library that published models use."""
    shown = _bytes_as_characters()

    def show(piece):
        return "".join(shown[byte] for byte in piece)

    vocabulary = {show(piece): i for i, piece in enumerate(PIECES.pieces)}
    merges = [(show(PIECES.pieces[a]), show(PIECES.pieces[b])) for a, b in PIECES.merges]
    tokenizer = Tokenizer(models.BPE(vocabulary, merges))
    letters, signs = r"(?:[A-Za-z]|[^\x00-\x7f])+", r"(?:(?![^\x00-\x7f])[^\sA-Za-z0-9])+"
    words = rf" ?{letters}| ?[0-9]+| ?{signs}|\s+(?!\S)|\s+"
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(words), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    return tokenizer


def _bytes_as_characters() -> list[str]:
    """How GPT-2 writes bytes as characters that can be seen."""
    seen = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in seen]
    return [chr(b if b in seen else 256 + hidden.index(b)) for b in range(256)]


@pytest.mark.parametrize(
    "text",
    [TEXT, "What?!  No   more.\n\n\tIn 1611 \n", "Ü zwölf Boxkämpfer, ☃ 雪だるま", "", " ", "x  "],
    ids=lambda text: repr(text[:20]),
)
def test_a_library_with_the_same_merges_cuts_alike(text):
    assert PIECES.encode(text) == library().encode(text).ids


def test_a_piece_is_the_two_that_were_joined():
    for n, (a, b) in enumerate(PIECES.merges):
        assert PIECES.pieces[256 + n] == PIECES.pieces[a] + PIECES.pieces[b]
    assert len(PIECES) == 256 + 600


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: BytePairs.learn("text", -1), "merges must be at least 0, got -1"),
        (lambda: BytePairs.learn(["text"], 3), "text must be a string or bytes, got list"),
        (
            lambda: BytePairs([(97, 256)]),
            r"merges\[0\] must join pieces below 256, got \(97, 256\)",
        ),
        (lambda: BytePairs([(97, -1)]), r"merges\[0\] must join pieces below 256, got \(97, -1\)"),
        (lambda: PIECES.encode(None), "text must be a string or bytes, got NoneType"),
        (lambda: PIECES.decode([856]), r"ids must be in 0 … 855, got 856"),
        (lambda: PIECES.decode([-1]), r"ids must be in 0 … 855, got -1"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
