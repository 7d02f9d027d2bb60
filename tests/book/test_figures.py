"""Plots as parts of the page: their colours, their size, their words."""

import re

import matplotlib.pyplot as plt
import pytest
from conftest import ROOT

from transformer_lib.show import plots, vector

DARK = re.search(r"\.plot \{ (--c-[^}]*)\}", (ROOT / "book/_static/custom.css").read_text())[1]


@pytest.fixture(scope="module")
def plot():
    fig, ax = plt.subplots(figsize=(3, 2))
    ax.plot([0, 1], color=plots.COLORS["blue"], label="<a line>")
    ax.legend()
    plt.close(fig)
    return vector.drawn(fig, 'a "line"')


def test_a_plot_is_a_picture_with_words(plot):
    assert plot.startswith('<svg class="plot" role="img" aria-label="a &quot;line&quot;"')
    assert "&lt;a line&gt;</text>" in plot


def test_it_is_as_large_as_it_says(plot):
    assert ' width="288" height="192"' in plot


@pytest.mark.parametrize(("points", "pixels"), [(6, 288), (7, 278), (10, 194)])
def test_it_says_how_wide_it_is_where_its_smallest_letters_are_legible(points, pixels):
    fig = plt.figure(figsize=(3, 2))
    fig.text(0.1, 0.1, "small", fontsize=points)
    fig.text(0.1, 0.5, "large", fontsize=12)
    plt.close(fig)
    assert f"--legible: {pixels}px" in vector.drawn(fig, "")


def test_its_style_is_for_it_alone(plot):
    assert "<style" not in plot
    assert "<metadata" not in plot


def test_its_colours_are_variables(plot):
    assert "stroke: var(--c-0072b2, #0072b2)" in plot
    assert re.findall(r"(?<!, )#[0-9a-f]{6}\b", plot) == []


@pytest.mark.parametrize("color", [*plots.COLORS.values(), plots.INK, "#ffffff", "#000000"])
def test_each_colour_of_the_palette_has_one_for_dark_pages(color):
    assert f"--c-{color[1:].lower()}: #" in DARK
