"""A choice of drawings: one is seen, keys and pointer choose, and two on a page do not mix."""

import re

import pytest

from transformer_lib.show.canvas import Canvas
from transformer_lib.show.choice import Choice


def drawing(text):
    canvas = Canvas(text)
    canvas.text(10, 10, text)
    return canvas


def test_each_choice_shows_its_drawing_alone():
    html = Choice("which", {"a & b": drawing("first"), "c": drawing("second")}, start=1)
    html = html._repr_html_()
    assert [m[1] for m in re.finditer(r'class="c(\d)"( checked)?', html)] == ["0", "1"]
    assert re.findall(r'class="c(\d)" checked', html) == ["1"]
    for i, text in enumerate(("first", "second")):
        assert re.search(rf":has\(\.c{i}:checked\) \.o{i}{{display:block}}", html)
        assert re.search(rf'class="option o{i}"><svg.*?>{text}</text>', html)
    assert "a &amp; b" in html
    assert "<script" not in html
    assert "<details" not in html


def test_what_stands_behind_is_covered():
    one = {"a": drawing("open")}
    html = Choice("which", one, behind={"a": drawing("hidden")}, uncover="look")._repr_html_()
    assert html.index("open") < html.index("<details><summary>look</summary>")
    assert html.index("<details>") < html.index("hidden")


def test_two_on_one_page_do_not_answer_for_each_other():
    keys = [
        re.search(r'id="(tlo-\w+)"', Choice("which", {"a": drawing(t)})._repr_html_())[1]
        for t in ("x", "y", "x")
    ]
    assert keys[0] == keys[2] != keys[1]


def test_it_can_be_read_without_a_page():
    assert repr(Choice("which", {"a": drawing("x"), "b": drawing("y")})) == "which: a, b"


def test_bad_choices():
    with pytest.raises(ValueError, match="drawings must hold at least one"):
        Choice("which", {})
    with pytest.raises(ValueError, match="by its name, got 5"):
        Choice("which", 5)
    with pytest.raises(ValueError, match=r"behind must be for \['a'\], got \['b'\]"):
        Choice("which", {"a": drawing("x")}, behind={"b": drawing("y")})
    with pytest.raises(ValueError, match="start must be one of"):
        Choice("which", {"a": drawing("x")}, start=1)
