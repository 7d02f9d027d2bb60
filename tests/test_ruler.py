"""Two words on a ruler: what is drawn and said at first are the scores. The rest, tests/book."""

import re
import xml.etree.ElementTree as ET

import pytest
import torch

from transformer_lib.show.ruler import BROAD, FIRST, HALF, LEFT, ROW, Ruler

SVG = "{http://www.w3.org/2000/svg}"
SCORES = {"turned": torch.arange(16.0).view(4, 4) - 9, "flat": torch.full((4, 4), 0.5)}


def drawn(scores=SCORES, **changes) -> Ruler:
    return Ruler(scores, **{"words": ("been", "is"), "key": 1, "query": 2} | changes)


def bars(page: Ruler) -> list[tuple[float, float, bool]]:
    """Top, height and whether it is the key's, of every bar, row by row."""
    return [
        (float(bar.get("y")), float(bar.get("height")), "lit" in bar.get("class"))
        for bar in ET.fromstring(page.svg()).iter(f"{SVG}rect")
        if bar.get("class").startswith("tlr-bar")
    ]


def test_a_bar_is_a_score_of_the_query_and_none_stands_ahead_of_it():
    found, zero = bars(drawn()), FIRST + 30
    tops = [zero - HALF / 9 * max(0, score) for score in (-1, 0, 1)]
    assert [top for top, *_ in found[:3]] == pytest.approx(tops, abs=0.06)
    assert [high for _, high, _ in found[:4]] == pytest.approx([1.9, 0, 1.9, 0])
    assert [lit for *_, lit in found] == [False, True, False, False] * 2
    assert found[4][0] == pytest.approx(zero + ROW - HALF)  # each kind has its own scale


def test_words_stand_where_they_are_and_places_count_twice():
    tree = ET.fromstring(drawn().svg())
    at = {
        g.get("class"): float(re.search(r"[\d.]+", g.get("transform"))[0])
        for g in tree.iter(f"{SVG}g")
    }
    assert at == {
        "tlr-word key": LEFT + BROAD / 4 * 1.5,
        "tlr-word query": LEFT + BROAD / 4 * 2.5,
    }
    numbers = [t.text for t in tree.iter(f"{SVG}text") if t.get("class") == "shape"]
    assert numbers == ["0", "1", "0", "1", "memory", "segment"]


def test_it_says_the_scores_of_the_two():
    said = "is at 0 of the segment, been at 1 of the memory, 1 back: turned 0.00, flat 0.50."
    assert said in drawn()._repr_html_()
    assert "turned −9.00" in drawn(key=0, query=0)._repr_html_()


def test_words_are_text_on_the_page():
    page = drawn(words=("a<b", "is"), caption="Move & <see>")._repr_html_()
    assert "a<b" not in page
    assert "<figcaption>Move &amp; &lt;see&gt;</figcaption>" in page


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"scores": {}}, "scores must hold one matrix or more"),
        ({"scores": {"a": torch.ones(3, 3)}}, "must be an even square"),
        ({"scores": {"a": torch.ones(2, 4)}}, "must be an even square"),
        ({"scores": {"a": torch.full((2, 2), torch.nan)}}, "finite numbers"),
        ({"scores": {"a": torch.ones(2, 2), "b": torch.ones(4, 4)}}, "scores must be of one size"),
        ({"words": ("been",)}, "words must be two"),
        ({"words": ("been", 3)}, r"words\[1\] must be a string, got 3"),
        ({"key": 3}, "key must be <= query < 4, got 3 and 2"),
        ({"query": 4}, "key must be <= query < 4, got 1 and 4"),
        ({"key": -1}, "key must be at least 0, got -1"),
        ({"caption": None}, "caption must be a string, got None"),
    ],
)
def test_what_does_not_fit_is_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        drawn(**changes)
