"""The sheet of the drawings: what is put on it stands where it was put, and says what it is."""

import re
import xml.etree.ElementTree as ET

import pytest
import torch

from transformer_lib.show.canvas import Beside, Canvas

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = '</svg><script>alert("x")</script>&'


def drawn(canvas: Canvas) -> ET.Element:
    """Only what is well formed can be read."""
    return ET.fromstring(canvas.svg())


def cells(canvas: Canvas) -> list[ET.Element]:
    return [rect for rect in drawn(canvas).iter(f"{SVG}rect") if "cell" in rect.get("class")]


def lines(canvas: Canvas, kind: str) -> list[str]:
    return [p.get("d") for p in drawn(canvas).iter(f"{SVG}path") if p.get("class") == kind]


@pytest.mark.parametrize(
    "put",
    [
        lambda c: c.text(10, 10, HOSTILE),
        lambda c: c.box(50, 50, 40, 20, HOSTILE),
        lambda c: c.box(50, 50, 40, 20, "a", note=HOSTILE),
        lambda c: c.box(50, 50, 40, 20, "a", said=HOSTILE),
        lambda c: c.box(50, 50, 40, 20, "a", href=HOSTILE),
        lambda c: c.pill(50, 50, HOSTILE),
        lambda c: c.__setattr__("title", HOSTILE),
        lambda c: c.__setattr__("desc", HOSTILE),
    ],
)
def test_what_is_written_is_text_and_never_markup(put):
    canvas = Canvas("a")
    put(canvas)
    svg = drawn(canvas)
    assert not list(svg.iter(f"{SVG}script"))
    said = [*svg.itertext(), *(value for part in svg.iter() for value in part.attrib.values())]
    assert HOSTILE in said


def test_cells_stand_row_by_row_and_are_as_full_as_large():
    canvas = Canvas("a")
    canvas.grid(10, 20, torch.tensor([[0.5, 2.0, -1.0], [0.0, 4.0, 3.0]]), "score", cell=5)
    found = [
        (float(r.get("x")), float(r.get("y")), float(r.get("fill-opacity"))) for r in cells(canvas)
    ]
    full = 0.9 / 4  # of the largest, which fills its cell
    rows = [(10, 20, 0.5), (15, 20, 2), (20, 20, 1), (10, 25, 0), (15, 25, 4), (20, 25, 3)]
    assert found == [(x, y, pytest.approx(size * full, abs=0.006)) for x, y, size in rows]
    assert [float(r.find(f"{SVG}title").text) for r in cells(canvas)] == [0.5, 2, -1, 0, 4, 3]
    assert canvas.height == 30


def test_a_peak_that_is_given_fills_a_cell():
    canvas = Canvas("a")
    canvas.grid(0, 0, torch.tensor([[2.0]]), "score", cell=5, peak=8)
    assert float(cells(canvas)[0].get("fill-opacity")) == pytest.approx(0.9 / 4, abs=0.006)


def test_a_matrix_of_zeros_is_empty():
    canvas = Canvas("a")
    canvas.grid(0, 0, torch.zeros(2, 2), "score", cell=5)
    assert {rect.get("fill-opacity") for rect in cells(canvas)} == {"0.00"}


def test_a_sign_is_a_stroke_and_not_a_colour():
    canvas = Canvas("a")
    canvas.grid(0, 0, torch.tensor([[1.0, -1.0], [-2.0, 0.0]]), "score", cell=10)
    assert lines(canvas, "line") == ["M12 5h6", "M2 15h6"]


def test_what_may_not_be_looked_at_has_no_number():
    canvas = Canvas("a")
    seen = torch.tensor([[True, False], [True, True]])
    canvas.grid(0, 0, torch.ones(2, 2), "score", cell=5, mask=seen)
    assert [(r.get("x"), r.get("y")) for r in cells(canvas)] == [("0", "0"), ("0", "5"), ("5", "5")]
    shut = [r for r in drawn(canvas).iter(f"{SVG}rect") if r.get("class") == "shut"]
    assert [(r.get("x"), r.get("y")) for r in shut] == [("5", "0")]


def test_an_arrow_has_its_tip_at_its_end_in_the_direction_of_its_last_part():
    canvas = Canvas("a")
    canvas.line((0, 0), (30, 0), (30, 40))
    assert lines(canvas, "line") == ["M0 0L30 0L30 40"]
    (tip,) = (p for p in drawn(canvas).iter(f"{SVG}path") if p.get("class") == "tip")
    assert tip.get("transform") == "translate(30 40) rotate(90)"
    plain = Canvas("a")
    plain.line((0, 0), (30, 0), tip=False)
    assert not lines(plain, "tip")


def test_a_sheet_is_as_tall_as_what_stands_on_it():
    for put, bottom in (
        (lambda c: c.frame(5, 5, 20, 70), 75),
        (lambda c: c.box(50, 50, 40, 20, "a"), 60),
        (lambda c: c.line((0, 0), (0, 90), (5, 10)), 90),
        (lambda c: c.text(0, 40, "a"), 50),
        (lambda c: c.pixels(0, 10, torch.ones(4, 2), size=8), 26),
    ):
        canvas = Canvas("a")
        put(canvas)
        assert canvas.height == bottom
        assert drawn(canvas).get("viewBox").endswith(f" {bottom + 8}")


def test_pixels_are_inked_in_eight_shades():
    canvas = Canvas("a")
    canvas.pixels(0, 0, torch.tensor([[0.0, 1 / 8], [0.5, 1.0]]), size=4)
    inked = [p for p in drawn(canvas).iter(f"{SVG}path") if p.get("class") == "tip"]
    shades = {p.get("d")[: p.get("d").index("h")]: float(p.get("fill-opacity")) for p in inked}
    assert shades == {"M2 0": 0.125, "M0 2": 0.5, "M2 2": 1.0}


def test_two_drawings_of_one_title_have_two_names():
    one, other = Canvas("a", "a circle"), Canvas("a", "a circle")
    one.plus(10, 10)
    other.plus(10, 20)
    names = [re.findall(r' id="([^"]+)"', canvas.svg()) for canvas in (one, other)]
    assert not set(names[0]) & set(names[1])
    html = Beside(one, other)._repr_html_()
    assert one.svg() in html
    assert other.svg() in html


def test_with_links_it_is_a_group_to_walk_through_and_else_a_picture():
    canvas = Canvas("a")
    canvas.box(50, 50, 40, 20, "a")
    assert drawn(canvas).get("role") == "img"
    canvas.box(50, 90, 40, 20, "b", href="#there")
    assert drawn(canvas).get("role") == "group"
    assert 'xlink:href="#there"' in canvas.svg()
