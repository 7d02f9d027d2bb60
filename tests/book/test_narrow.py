"""Plots for a phone: squeezed between their axes, and nothing lies over anything."""

import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.figure import Figure
from test_panels import svg_of

sys.path.append(str(Path(__file__).parents[2] / "book" / "_ext"))
from narrow import narrowed
from panels import WIDEST


def plot(*labels, ticks=None, beside=None):
    figure = Figure(figsize=(7.2, 3.2))
    ax = figure.subplots()
    for i, label in enumerate(labels or [None]):
        ax.plot([0, 100, 200], [i, 5 + i, 1 + i], label=label)
    if labels:
        ax.legend(loc="upper left")
    if ticks:
        ax.set_xticks([0, 100, 200], ticks)
    if beside:
        ax.text(205, 1, beside)
    ax.set_xlabel("steps")
    return svg_of(figure)


def points(svg):
    """Those of the first curve."""
    path = r'<path d="([^"]*)" clip-path="[^"]*" style="fill: none; stroke: #1f77b4'
    line = re.search(r'<g id="line2d_\d+">\s*' + path, svg)
    return np.array(
        [[float(x) for x in p.split()] for p in re.findall(r"[-\d.]+ [-\d.]+", line[1])]
    )


def test_a_curve_is_squeezed_and_its_heights_stay():
    wide, narrow = plot(), narrowed(plot())
    a, b = points(wide), points(narrow)
    assert (a[:, 1] == b[:, 1]).all()
    steps = np.diff(b[:, 0]) / np.diff(a[:, 0])
    assert steps[0] == pytest.approx(steps[1], abs=1e-3)
    assert steps[0] < 0.6
    assert float(ElementTree.fromstring(narrow).get("viewBox").split()[2]) == WIDEST


def test_letters_and_marks_keep_their_sizes():
    sizes = [re.findall(r"font(?:-size)?: ([\d.]+)px", svg) for svg in (plot(), narrowed(plot()))]
    assert set(sizes[0]) == set(sizes[1])


def test_names_differ_so_that_both_can_stand_in_one_page():
    ids = [
        set(re.findall(r'<(?:path|clipPath) id="([^"]+)"', svg))
        for svg in (plot(), narrowed(plot()))
    ]
    assert ids[0]
    assert not ids[0] & ids[1]
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', narrowed(plot())))
    assert used <= ids[1]


def test_a_legend_that_would_hide_a_curve_stands_above():
    narrow = narrowed(plot("a long name for this curve", "another long name", "a third one"))
    assert float(ElementTree.fromstring(narrow).get("viewBox").split()[1]) < 0


def test_numbers_below_are_thinned_out_and_words_are_not():
    assert narrowed(plot(ticks=["1,000,000,000", "2,000,000,000", "3,000,000,000"])) is not None
    words = [name * 12 for name in ("left ", "middle ", "right ")]
    assert narrowed(plot(ticks=words)) is None


@pytest.mark.parametrize("figure", ["a picture", "two axes", "small already", "words beside it"])
def test_where_it_cannot_be_there_is_none(figure):
    if figure == "words beside it":
        assert narrowed(plot(beside="a sentence that is much too long " * 3)) is None
        return
    made = Figure(figsize=(3, 2) if figure == "small already" else (7.2, 3))
    for ax in np.atleast_1d(made.subplots(1, 2 if figure == "two axes" else 1)):
        if figure == "a picture":
            ax.imshow(np.eye(3))
    assert narrowed(svg_of(made)) is None
