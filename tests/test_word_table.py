"""IBM model 1 against its definition in loops, and what is made of it."""

from collections import defaultdict

import pytest
from torch.testing import assert_close

from transformer_lib.measure.word_table import NOTHING, WordTable, join

PAIRS = [
    ("das Haus", "the house"),
    ("das Buch", "the book"),
    ("ein Buch", "a book"),
    ("das das Haus", "the house"),
]


def slowly(pairs, rounds):
    """Brown et al., word for word."""
    rows = [([NOTHING, *s.split()], t.split()) for s, t in pairs]
    p = defaultdict(lambda: 1.0)
    for _ in range(rounds):
        counts, totals = defaultdict(float), defaultdict(float)
        for source, target in rows:
            for word in target:
                whole = sum(p[one, word] for one in source)
                for one in source:
                    counts[one, word] += p[one, word] / whole
                    totals[one] += p[one, word] / whole
        p = {pair: count / totals[pair[0]] for pair, count in counts.items()}
    return p


@pytest.mark.parametrize("rounds", [1, 2, 9])
def test_the_table_is_that_of_the_definition(rounds):
    table, wanted = WordTable(PAIRS, rounds=rounds), slowly(PAIRS, rounds)
    for (one, other), p in wanted.items():
        assert_close(dict(table.partners(one)).get(other, 0.0), p if p > 0.02 else 0.0)


def test_words_find_each_other():
    table = WordTable(PAIRS, rounds=20)
    assert table.replace("ein Haus") == "a house"
    assert table.search("das Buch") == "the book"
    assert table.partners("Zorgon") == [("Zorgon", 1.0)]


def test_the_bigrams_decide_between_partners():
    table = WordTable([("x y", "a b"), ("x z", "a c"), ("u y", "d c"), ("u z", "d b")], rounds=1)
    assert dict(table.partners("y"))["b"] == pytest.approx(dict(table.partners("y"))["c"])
    assert table.search("x y", weight=5.0).split()[0] == "a"


def test_nothing_may_be_written_for_a_word():
    table = WordTable(PAIRS, rounds=20)
    assert table.search("das Haus", dropping=5.0) in ("the house", "the", "house", "")


def test_signs_that_close_have_no_blank_before_them():
    assert join(["Go", ",", "(", "now", ")", "!"]) == "Go, (now)!"


def test_there_must_be_a_pair():
    with pytest.raises(ValueError, match="pairs must hold at least one pair"):
        WordTable([])
    with pytest.raises(ValueError, match="rounds must be"):
        WordTable(PAIRS, rounds=0)


def test_what_a_search_cannot_use_is_refused():
    table = WordTable(PAIRS, rounds=1)
    with pytest.raises(ValueError, match="num_beams must be"):
        table.search("das", num_beams=0)
    with pytest.raises(ValueError, match="weight must be"):
        table.search("das", weight=-1.0)
