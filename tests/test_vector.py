"""A plot in the page: its colours are the page's to change, and nothing of it reaches further."""

import re

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

from transformer_lib.show import vector

mpl.use("agg")

FILE = """<?xml version="1.0"?>
<svg xmlns="http://www.w3.org/2000/svg" width="72pt" height="36.0pt" viewBox="0 0 72 36">
<metadata><a/></metadata><style type="text/css">*{stroke-linejoin: round}</style>
<g id="axes_1"><path d="M 1.23456 2.5 L -3.14159 4" style="stroke: #0072b2; fill: #e69f00"/></g>
<g id="axes_2"><text style="font: 10px 'DejaVu Sans', 'Verdana'; fill: #0072b2">#0072b2</text></g>
</svg>"""


def test_every_colour_is_a_variable_that_falls_back_to_itself():
    svg = vector.part_of_page(FILE, "a plot")
    assert svg.count("var(--c-0072b2, #0072b2)") == 2
    assert svg.count("var(--c-e69f00, #e69f00)") == 1
    assert ">#0072b2<" in svg  # what is written is no colour


def test_nothing_reaches_beyond_the_plot():
    svg = vector.part_of_page(FILE, "a plot")
    assert not re.search(r"<style|<metadata|<\?xml| id=", svg)


def test_it_is_as_large_as_in_inches_and_says_what_it_shows():
    svg = vector.part_of_page(FILE, 'a "plot" <up> & down')
    assert svg.startswith('<svg class="plot" role="img" aria-label="a &quot;plot&quot; &lt;up&gt; ')
    assert 'width="96" height="48"' in svg  # 72 points are an inch, and so are 96 pixels
    assert "--width: 96px" in svg


def test_places_have_two_digits_behind_the_point():
    assert 'd="M 1.23 2.5 L -3.14 4"' in vector.part_of_page(FILE, "a plot")


def test_blanks_that_keep_a_label_off_its_mark_are_kept():
    figure = plt.figure()
    figure.text(0.5, 0.5, "  2.35")
    assert ">\N{NO-BREAK SPACE}\N{NO-BREAK SPACE}2.35</text>" in vector.drawn(figure, "a number")


def test_letters_are_of_a_font_that_a_phone_has_too():
    assert "font: 10px DejaVu Sans, Verdana, sans-serif; fill" in vector.part_of_page(FILE, "a")


def test_a_figure_is_drawn_without_changing_how_others_are():
    before = dict(mpl.rcParams)
    figures = [plt.figure(figsize=(3, 2)) for _ in range(2)]
    for figure in figures:
        figure.subplots().plot([0, 1], color="#0072b2")
    one, again = (vector.drawn(figure, "a line") for figure in figures)
    assert one == again
    assert 'width="288" height="192"' in one
    assert "var(--c-0072b2, #0072b2)" in one
    assert dict(mpl.rcParams) == before
    plt.close("all")


@pytest.mark.parametrize(
    ("svg", "alt", "said"),
    [
        ("<p>text</p>", "a", "svg must have a tag <svg>, got '<p>text</p>'"),
        (FILE, None, "alt must be a string"),
        (5, "a", "svg must be a string"),
    ],
)
def test_what_is_no_plot_is_refused(svg, alt, said):
    with pytest.raises(ValueError, match=said):
        vector.part_of_page(svg, alt)
