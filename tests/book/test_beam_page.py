"""A beam search in a browser: more beams, and hypotheses kept by hand, from a file."""

import re

import pytest
import torch

from transformer_lib.show.beam_tree import BeamTree

NAMES = ["end", "a", "b", "c"]
TABLES = (
    torch.tensor([0.0, 0.45, 0.35, 0.20]),
    torch.tensor(
        [[0.0] * 4, [0.15, 0.25, 0.35, 0.25], [0.4, 0.3, 0.2, 0.1], [0.9, 0.04, 0.03, 0.03]]
    ),
)
NODE = "".join(
    [
        r'data-tokens="([\d ]+)".*?aria-pressed="(\w+)".*?',
        r'aria-label="(.*?)".*?y="([\d.]+)">(.*?)</text>',
    ]
)


@pytest.fixture(scope="module")
def toy():
    """As a chapter shows it."""
    return BeamTree(NAMES, *TABLES, num_beams=2)


def nodes(markup: str) -> list[tuple[str, ...]]:
    return re.findall(NODE, markup, re.DOTALL)


def said(tab) -> str:
    return tab.locator(".tlb-said").inner_text()


@pytest.mark.parametrize("num_beams", [1, 3])
def test_the_slider_searches_as_python_does(toy_tab, num_beams):
    toy_tab.locator("input").focus()
    toy_tab.keyboard.press("ArrowLeft" if num_beams == 1 else "ArrowRight")
    other = BeamTree(NAMES, *TABLES, num_beams=num_beams)
    assert nodes(toy_tab.locator(".tlb-tree").inner_html()) == nodes(other.svg())
    assert said(toy_tab) in other._repr_html_()


def test_a_hand_keeps_what_the_search_dropped(toy_tab):
    toy_tab.locator('[data-tokens="3"]').click()
    assert said(toy_tab).startswith(
        "2 beams, and your hand: the best text found is c end, with p = 0.180"
    )
    toy_tab.locator('[data-tokens="1"]').focus()
    toy_tab.keyboard.press("Enter")
    assert toy_tab.locator('[data-tokens="1"]').get_attribute("aria-pressed") == "false"
    assert toy_tab.evaluate("document.activeElement.dataset.tokens") == "1"
    toy_tab.get_by_role("button", name="As the search keeps them").click()
    assert nodes(toy_tab.locator(".tlb-tree").inner_html()) == nodes(BeamTree(NAMES, *TABLES).svg())
