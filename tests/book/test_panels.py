"""Plots of several panels: whole on a desk, one below the other on a phone."""

import io
import re
import sys
from pathlib import Path

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure

from transformer_lib.show.vector import STYLE, part_of_page

sys.path.append(str(Path(__file__).parents[2] / "book" / "_ext"))
from panels import in_panels

CSS = Path(__file__).parents[2] / "book" / "_static" / "custom.css"


def svg_of(figure):
    file = io.StringIO()
    with mpl.rc_context(STYLE):
        figure.savefig(file, format="svg")
    return file.getvalue()


def two(sharey=False, title=None):
    figure = Figure(figsize=(7.2, 3))
    left, right = figure.subplots(1, 2, sharey=sharey)
    for ax in (left, right):
        ax.plot([1, 2, 3], [1, 100, 10])
        ax.set_yscale("log")  # its numbers are formulas: 10 to the 2
    left.set_ylabel("steps")
    if title:
        figure.suptitle(title)
    figure.subplots_adjust(wspace=0.3)
    return figure


def put(figure):
    svg = svg_of(figure)
    return in_panels(part_of_page(svg, "two curves"), svg)


def test_two_panels_are_two_windows_onto_one_drawing():
    page = put(two())
    assert page.startswith('<div class="plot panels" role="img" aria-label="two curves"')
    assert re.match(r'<div [^>]*style="--width: 691px">', page)
    assert page.count("<svg") == 2
    assert page.count("<use href=") == 1
    assert page.count(">steps<") == 1
    assert "again" not in page  # each has numbers of its own


def test_names_that_stand_at_the_left_alone_are_shown_again():
    assert put(two(sharey=True)).count('class="again"') == 1


@pytest.mark.parametrize(
    "figure", [two(title="One long title that stands over both panels"), Figure((4, 3))]
)
def test_what_reaches_across_is_not_cut(figure):
    svg = svg_of(figure)
    part = part_of_page(svg, "a")
    assert in_panels(part, svg) == part


@pytest.mark.parametrize(("width", "rows"), [(1280, 1), (390, 2)])
def test_on_a_phone_they_stand_below_each_other(browser, width, rows):
    tab = browser.new_page(viewport={"width": width, "height": 800})
    style = CSS.read_text(encoding="utf-8")
    tab.set_content(
        f"<style>body {{ margin: 0 }} {style}</style><div class='bd-article'>"
        f"<div class='cell_output'>{put(two(sharey=True))}</div></div>"
    )
    boxes = [span.bounding_box() for span in tab.query_selector_all(".panels > span")]
    assert len({round(box["y"]) for box in boxes}) == rows
    assert all(box["width"] <= 1.1 * width for box in boxes)
    assert tab.locator(".again").is_visible() == (rows == 2)
    tab.close()
