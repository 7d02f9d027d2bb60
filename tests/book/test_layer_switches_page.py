"""A layer behind switches, in a browser: by keys, pointer and finger, from a file."""

import pytest
import torch

from transformer_lib.show.canvas import Canvas
from transformer_lib.show.layer_switches import LayerSwitches, Passage

OPTIONS = {"plus": ["on", "off"], "norm": ["in", "on", "off"]}


def run(plus, norm):
    """A drawing of what is on, and states that say which setting they are of."""
    canvas = Canvas(f"{plus}/{norm}")
    if plus == "on":
        canvas.plus(40, 40)
    if norm != "off":
        canvas.box(150, 90, 80, 40, norm, said="norm1: LayerNorm, 2 weights")
    canvas.text(150, 150, f"{plus}/{norm}")
    grows = 10.0 ** torch.arange(3)[:, None, None]
    states = grows * torch.tensor([[1.0, 0], [OPTIONS["norm"].index(norm), plus == "on"]])
    return Passage(canvas, states, states / 3)


@pytest.fixture(scope="module")
def toy():
    """Two words, two layers, six settings."""
    return LayerSwitches(OPTIONS, run, ["a", "b"], caption="Turn.")


@pytest.fixture
def tab(toy_tab):
    """The toy, on a page of its own."""
    return toy_tab


def in_sight(tab, toy, layer=2):
    """The setting that is shown, in the drawing, the sentence and the cells alike."""
    drawing = tab.locator(".tlw-drawing:visible")
    assert drawing.count() == 1
    setting = tuple(drawing.locator("svg > title").text_content().split("/"))
    assert tab.locator(".tlw-said").text_content() == toy.said(setting, layer)
    opacity = tab.locator(".cell").nth(1).get_attribute("fill-opacity")
    assert float(opacity) == toy.passages[setting].cosines()[layer][1] / 100
    return "/".join(setting)


def test_a_pointer_turns_switches(tab, toy):
    assert in_sight(tab, toy) == "on/in"
    tab.locator('[data-part="norm"]').get_by_text("on", exact=True).click()
    assert in_sight(tab, toy) == "on/on"
    tab.locator('[data-part="plus"]').get_by_text("off", exact=True).tap()
    assert in_sight(tab, toy) == "off/on"


def test_a_part_that_is_clicked_on_is_taken_away(tab, toy):
    tab.locator(".tlw-drawing:visible g").click()
    assert in_sight(tab, toy) == "on/off"
    tab.locator(".tlw-drawing:visible circle + text").click()
    assert in_sight(tab, toy) == "off/off"
    tab.locator('[data-part="plus"]').get_by_text("on", exact=True).click()
    assert in_sight(tab, toy) == "on/off"


def test_keys_turn_a_switch_and_move_through_the_layers(tab, toy):
    tab.keyboard.press("Tab")
    tab.keyboard.press("ArrowRight")
    assert in_sight(tab, toy) == "off/in"
    tab.locator('input[type="range"]').focus()
    tab.keyboard.press("Home")
    assert in_sight(tab, toy, layer=0) == "off/in"
    mark = tab.locator(".at").first.get_attribute("d")
    tab.keyboard.press("ArrowRight")
    assert in_sight(tab, toy, layer=1) == "off/in"
    assert tab.locator(".at").first.get_attribute("d") != mark
