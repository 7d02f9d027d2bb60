"""What tokens know after each layer, in a browser: by keys, pointer and finger, from a file."""

import pytest
import torch

from transformer_lib.show.known import Known, Way


@pytest.fixture(scope="module")
def toy():
    """Four tokens; each learns from the one before it, or nothing at all."""
    near = torch.eye(4).bool()
    known = torch.stack([near, near | near.roll(-1, 1).tril(), torch.ones(4, 4).tril().bool()])
    looks = torch.arange(-1, 3).expand(2, 4)
    still = Way(near.expand(3, 4, 4), torch.full((2, 4), -1))
    ways = {"all look": Way(known, looks), "nobody looks": still}
    return Known(ways, list("abcd"), list("wxyz"), asks=3, caption="Move.")


@pytest.fixture
def tab(toy_tab):
    """The toy, on a page of its own."""
    return toy_tab


def said(tab) -> str:
    return tab.locator(".known-said").text_content()


def row(tab, i: int) -> str:
    """What stands in the cells of a row."""
    cells = tab.locator(".known-row").nth(i).locator("text:not(.right)").all_text_contents()
    return "".join(cell or "." for cell in cells)


def test_keys_add_layers(tab, toy):
    assert row(tab, 3) == "...0"
    tab.locator('input[type="range"]').focus()
    tab.keyboard.press("ArrowRight")
    assert row(tab, 3) == "..10"
    assert said(tab) == toy.said("all look", 1, 3)
    assert tab.locator(".new").count() == 3
    tab.keyboard.press("End")
    assert row(tab, 3) == "2210"
    assert tab.locator(".asked .right").text_content() == "c"
    tab.keyboard.press("Home")
    assert row(tab, 3) == "...0"
    assert tab.locator(".new").count() == tab.locator(".asked").count() == 0


def test_a_pointer_or_a_finger_picks_the_token(tab, toy):
    tab.locator(".known-row").nth(1).click()
    assert said(tab) == toy.said("all look", 0, 1)
    assert tab.locator(".asks .right").text_content() == "b"
    tab.locator(".known-row").nth(2).tap()
    assert said(tab) == toy.said("all look", 0, 2)
    assert tab.locator("select").input_value() == "c"


def test_the_other_way_is_shown(tab, toy):
    tab.locator('input[type="range"]').focus()
    tab.keyboard.press("End")
    tab.get_by_label("nobody looks").check()
    assert row(tab, 3) == "...0"
    assert said(tab) == toy.said("nobody looks", 2, 3)
