"""What is left of the past, in a browser: moved by keys, pointer and finger, from a file."""

import pytest
import torch

from transformer_lib.show.past import Kind, Past


@pytest.fixture(scope="module")
def toy():
    """Two kinds, one of which sees three tokens."""
    near = torch.ones(12, 12).tril()
    seen = ({"new": near}, {"new": near.triu(-2)})
    tables = {"kept": torch.tensor([[2048, 2**21]] * 2), "products": torch.ones(2, 2)}
    kinds = [Kind(n, s, **tables, times={256: 5.0}) for n, s in zip("ab", seen, strict=True)]
    return Past(kinds, lengths=[256, 1024], heads=[4, 8], measured=8, caption="Move.")


@pytest.fixture
def tab(toy_tab):
    """The toy, on a page of its own."""
    return toy_tab


def said(tab):
    return tab.locator(".past-said").text_content()


def test_keys_move_the_token_that_asks(tab):
    assert said(tab) == "Token 12 depends on: a 12, b 3."
    tab.locator('[data-for="ask"]').focus()
    tab.keyboard.press("ArrowLeft")
    assert said(tab) == "Token 11 depends on: a 11, b 3."
    tab.keyboard.press("Home")
    assert said(tab) == "Token 1 depends on: a 1, b 1."


def test_a_pointer_or_a_finger_picks_the_token(tab):
    box = tab.locator(".past-row svg").first.bounding_box()
    place = box["x"] + box["width"] * 4.5 / 12, box["y"] + box["height"] / 2
    tab.mouse.click(*place)
    assert said(tab).startswith("Token 5 ")
    tab.touchscreen.tap(box["x"] + box["width"] * 7.5 / 12, place[1])
    assert said(tab).startswith("Token 8 ")


def test_length_and_heads_change_the_numbers(tab):
    numbers = tab.locator(".past-numbers").first
    assert numbers.text_content() == "2 KiB · 0k products · 5.0×"
    tab.locator('[data-for="length"]').focus()
    tab.keyboard.press("ArrowRight")
    assert numbers.text_content() == "2.0 MiB · 0k products"  # not measured there
    tab.keyboard.press("ArrowLeft")
    tab.locator('[data-for="heads"]').focus()
    tab.keyboard.press("ArrowLeft")
    assert numbers.text_content() == "2 KiB · 0k products"
