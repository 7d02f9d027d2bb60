"""Two words on a ruler, in a browser: moved by keys, pointer and finger, from a file."""

import html
import re

import pytest
import torch

from transformer_lib.show.ruler import Ruler

SCORES = {"one": torch.randn(8, 8, generator=torch.Generator().manual_seed(0)), "two": torch.eye(8)}


def made(**start) -> Ruler:
    return Ruler(SCORES, words=("been", "is"), **{"key": 2, "query": 5} | start)


@pytest.fixture(scope="module")
def toy():
    """As a chapter shows it."""
    return made(caption="Move.")


def state(page: str) -> list:
    """What is said, where the words stand, and every bar."""
    said = html.unescape(re.search('class="tlr-said" aria-live="polite">(.*?)</p>', page)[1])
    words = re.findall(r'class="tlr-word (\w+)" transform="translate\(([\d.]+) 0\)"', page)
    bars = re.findall(r'class="(tlr-bar[ \w]*)".*? y="([\d.]+)".*? height="([\d.]+)"', page)
    return [said, words, bars]


def seen(tab) -> list:
    return state(tab.locator(".tlr").evaluate("figure => figure.outerHTML"))


def python(**start) -> list:
    return state(made(**start)._repr_html_())


def test_keys_move_it_and_it_draws_what_python_draws(toy_tab):
    assert seen(toy_tab) == python()
    toy_tab.locator('[data-for="query"]').focus()
    toy_tab.keyboard.press("ArrowRight")
    assert seen(toy_tab) == python(query=6)
    toy_tab.locator('[data-for="key"]').focus()
    toy_tab.keyboard.press("End")  # the key pushes the query before it
    assert seen(toy_tab) == python(key=7, query=7)
    toy_tab.get_by_text("both →").click()  # there is no room
    assert seen(toy_tab) == python(key=7, query=7)
    toy_tab.get_by_text("← both").click()
    assert seen(toy_tab) == python(key=6, query=6)


def test_a_pointer_drags_the_nearer_word_and_a_finger_puts_it(toy_tab):
    box = toy_tab.locator(".tlr svg").bounding_box()
    scale = box["width"] / 360
    x = [box["x"] + (16 + 41 * (place + 0.5)) * scale for place in range(8)]
    y = box["y"] + 14 * scale
    toy_tab.mouse.move(x[2], y)
    toy_tab.mouse.down()
    toy_tab.mouse.move(x[4], y)
    toy_tab.mouse.up()
    toy_tab.mouse.move(x[0], y)  # let go
    assert seen(toy_tab) == python(key=4)
    toy_tab.touchscreen.tap(x[7], y)
    assert seen(toy_tab) == python(key=4, query=7)
