"""A gradient handed down, in a browser: moved by keys, pointer and finger, from a file."""

import html
import re

import pytest

from transformer_lib.show.handed_down import HandedDown

NAMES = ("recurrence", "gated")


@pytest.fixture(scope="module")
def toy():
    """As a chapter shows it."""
    return HandedDown(caption="Move.")


def lines(place) -> list[str]:
    """What is said, and the two lines."""
    drawn = [place.locator(f".tlh-line.{name}").first for name in NAMES]
    return [place.locator(".tlh-said").inner_text(), *(line.get_attribute("d") for line in drawn)]


def drawn_by_python(**start) -> list[str]:
    """The same of a first state, read from its markup."""
    page = HandedDown(**start)._repr_html_()
    drawn = [re.search(f'class="tlh-line {name}" d="(.*?)"', page)[1] for name in NAMES]
    return [html.unescape(re.search('polite">(.*?)</p>', page)[1]), *drawn]


def test_it_draws_what_python_draws_when_keys_move_it(toy_tab):
    for name, key in (("w", "ArrowRight"), ("bias", "ArrowLeft"), ("distance", "ArrowLeft")):
        toy_tab.locator(f'[data-for="{name}"]').focus()
        for _ in range(4):
            toy_tab.keyboard.press(key)
    moved = {"w": 1.1, "bias": 0.0, "distance": 96}
    assert lines(toy_tab) == drawn_by_python(**moved)
    toy_tab.locator('[data-for="w"]').focus()
    toy_tab.keyboard.press("Home")
    assert lines(toy_tab) == drawn_by_python(**moved | {"w": 0.0})


def test_a_pointer_or_a_finger_picks_the_distance(toy_tab):
    box = toy_tab.locator(".tlh-field").bounding_box()
    y = box["y"] + box["height"] / 2
    toy_tab.mouse.click(box["x"] + box["width"] * 0.3, y)
    assert lines(toy_tab)[0].startswith("After 30 steps: 0.04 ")
    toy_tab.touchscreen.tap(box["x"] + box["width"] * 0.6, y)
    assert lines(toy_tab)[0].startswith("After 60 steps: 1.8e-3 ")
