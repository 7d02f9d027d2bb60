"""A memory's worth on a text, in a browser: other lengths, another memory, one character."""

import pytest
import torch

from transformer_lib.show.saved_bits import SavedBits

NONE = torch.tensor([6.0, 4, 2, 2, 5, 2, 2, 2])
SHORT = torch.tensor([3.0, 4, 2, 2, 3, 2, 2, 2])
LONG = torch.tensor([1.0, 2, 2, 2.5, 2, 2, 1, 2])


@pytest.fixture(scope="module")
def toy():
    """Two segments of four."""
    ways = {"its own": {0: NONE, 4: SHORT, 8: LONG}, "another's": {0: NONE, 4: NONE, 8: SHORT}}
    return SavedBits("In theBe", ways, seg_len=4, early=1, start=4, caption="Move.")


@pytest.fixture
def tab(toy_tab):
    """The toy, on a page of its own."""
    return toy_tab


def saved(tab) -> list[float]:
    """What the ground of each character shows."""
    return tab.eval_on_selector_all(
        ".tlb i", "all => all.map((i) => Number(i.style.getPropertyValue('--s')))"
    )


def ground(tab) -> list[float]:
    """How dark it is."""
    return tab.eval_on_selector_all(
        ".tlb i", "all => all.map((i) => Number(getComputedStyle(i, '::before').opacity))"
    )


def said(tab) -> str:
    return tab.locator(".tlb-said").text_content()


def test_keys_make_the_memory_longer_and_shorter(tab, toy):
    assert saved(tab) == (NONE - SHORT).tolist()
    tab.locator("input[type=range]").focus()
    tab.keyboard.press("ArrowRight")
    assert saved(tab) == (NONE - LONG).tolist()
    assert said(tab) == toy.said("its own", 8)
    assert ground(tab) == pytest.approx([0.55, 0.22, 0, 0, 0.33, 0, 0.11, 0])
    tab.keyboard.press("Home")
    assert saved(tab) == [0] * 8
    assert said(tab) == toy.said("its own", 0)


def test_the_memory_of_another_place(tab, toy):
    tab.get_by_label("another's").check()
    assert saved(tab) == [0] * 8
    assert said(tab) == toy.said("another's", 4)


def test_a_character_says_what_it_costs_by_pointer_finger_and_keys(tab, toy):
    letters = tab.locator(".tlb i")
    letters.nth(4).click()
    about = "at place 1 of its segment: 5.00 bits without, 3.00 now."
    assert said(tab) == f"{toy.said('its own', 4)} “h” {about}"
    letters.nth(1).tap()
    assert "“n” at place 2 of its segment: 4.00 bits without, 4.00 now." in said(tab)
    tab.locator(".tlb-text").focus()
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("ArrowLeft")
    assert said(tab).endswith(about)
    tab.keyboard.press("ArrowUp")
    assert "“I” at place 1" in said(tab)
    assert tab.locator(".tlb-picked").count() == 1
