import json
import re

import pytest

from transformer_lib.show.diagnosis import Case, Diagnosis


def case(name="the rate is too high", **changes):
    dials = {"entropy": (0.5, 0.0, 1.0, False), "update": (1e-3, 1e-6, 1.0, True)}
    rows = {"loss": [1.0, 0.5, 0.25], "held_out": [0.75, 0.5], "dials": dials, "tells": "fall 0 %"}
    return Case(name, **rows | changes)


def drawn(*cases):
    return Diagnosis(cases, line=0.7, caption="Drag <each> name.")._repr_html_()


def test_all_is_drawn_without_a_script():
    page = drawn(case("b"), case("a"))
    assert page.count("<svg") == page.count('class="dx-slot"') == 2
    assert re.findall(r'dx-name" disabled>(\w)<', page) == ["a", "b"]  # not the order of curves
    assert "Drag &lt;each&gt; name." in page
    assert "Training B: the loss goes from 1.00 to 0.58 times" in page


def test_a_curve_is_its_numbers():
    loss, held_out = (
        re.search(f'class="dx-{kind}" d="([^"]+)"', drawn(case("a"), case("b")))[1]
        for kind in ("loss", "held")
    )
    assert loss == "M0.0 19.4L75.0 51.7L150.0 67.8"
    assert held_out == "M75.0 35.5L150.0 51.7"
    high = drawn(case("a", loss=[9.0, -1.0, 0.65]), case("b"))
    assert 'd="M0.0 0.0L75.0 84.0L150.0 42.0"' in high  # what is beyond lies on the edge


def test_a_needle_stands_where_its_number_does():
    page = drawn(case("a"), case("b"))
    told = json.loads(re.search(r'<script type="application/json">(.+?)</script>', page)[1])
    assert [one["name"] for one in told] == ["a", "b"]
    assert told[0]["dials"] == [
        {"name": "entropy", "value": 0.5, "at": 0.5},
        {"name": "update", "value": 0.001, "at": 0.5},
    ]


def test_words_are_words_and_never_markup():
    page = drawn(case("<b>x</b>", tells="</script><script>"), case("y"))
    assert "<b>x" not in page
    assert page.count("<script") == page.count("</script>") == 2


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: case(loss=[1.0]), "loss and held_out must have"),
        (lambda: case(held_out=[float("nan")]), "must be finite, got nan"),
        (lambda: case(dials={"x": (float("inf"), 0.0, 1.0, False)}), "must be finite, got inf"),
        (lambda: drawn(case("a")), "cases must be 2 to 26"),
        (lambda: drawn(case("a"), case("a")), "names that differ"),
        (lambda: Diagnosis([case("a"), case("b")], line=0, caption=""), "line must be positive"),
    ],
)
def test_what_cannot_be_drawn_is_refused(make, said):
    with pytest.raises(ValueError, match=said):
        make()
