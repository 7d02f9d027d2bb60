"""The drawing of a contest says what the figures say."""

import re

import pytest

from transformer_lib.show.contest import contest

ABOUT = {
    "name": "a.csv",
    "unit": "rows",
    "parts": {"train": 800, "dev": 100, "test": 100},
    "read": "40 different words",
    "parameters": 12_345,
    "measure": "wrong answers",
    "shares": True,
    "dev": {"tf-idf": 0.2, "model": 0.1, "together": 0.15},
    "test": {"tf-idf": 0.3, "model": 0.25, "together": 0.24},
    "winner": "model",
}


def test_parts_candidates_scores_and_winner_are_drawn():
    svg = contest(ABOUT).svg()
    said = re.findall(r"<text[^>]*>([^<]*)</text>", svg)
    for words in ("a.csv, 1,000 rows", "40 different words", "12,345 parameters", "counted"):
        assert words in said
    figures = [float(words.removesuffix(" %")) for words in said if words.endswith("%")]
    assert figures == [20.0, 30.0, 10.0, 25.0, 15.0, 24.0]
    assert "Dev decides: model answers" in svg
    assert said.count("answers") == 1


def test_a_bar_is_as_long_as_its_score_and_the_winners_is_coloured():
    bar = r'width="([\d.]+)" height="16"[^>]*class="weights (\w+)"'
    bars = re.findall(bar, contest(ABOUT).svg())
    assert [float(width) for width, _ in bars] == [150.0, 75.0, 112.5]
    assert [kind for _, kind in bars] == ["score", "value", "score"]


def test_parts_share_the_width_as_they_share_the_rows():
    widths = re.findall(r'width="([\d.]+)" height="34"', contest(ABOUT).svg())
    assert [float(w) + 2 for w in widths] == pytest.approx([281.6, 35.2, 35.2])


def test_bits_are_drawn_with_three_decimals_and_two_candidates_have_a_half_each():
    scores = {"counting": 2.5, "model": 4.0}
    svg = contest(
        ABOUT
        | {"measure": "bits a character", "shares": False}
        | {"dev": scores, "test": scores, "winner": "counting"}
    ).svg()
    assert svg.count(">2.500<") == 2
    assert "counting answers" in svg


def test_a_run_without_a_winner_is_refused():
    with pytest.raises(ValueError, match="about must be of a finished run, with a winner"):
        contest({"name": "a.csv"})
