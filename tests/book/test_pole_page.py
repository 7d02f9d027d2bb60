"""The pole in a page read from its folder: the dial asks, the model plays, it is said what came."""

import re
from dataclasses import asdict

import pytest
import torch

from transformer_lib.models.decision_transformer import (
    DecisionTransformer,
    DecisionTransformerConfig,
)
from transformer_lib.show.pole import PoleOnRequest

CONFIG = DecisionTransformerConfig(4, 2, 500, 100.0, d_model=16, num_heads=2, num_layers=1, d_ff=16)


@pytest.fixture
def tab(browser, tmp_path):
    torch.manual_seed(0)
    model = DecisionTransformer(CONFIG).eval()
    toy = PoleOnRequest(asdict(CONFIG), model.state_dict(), context=3, played=[(50, 51)])
    page = f"<!doctype html><html lang=en><title>Pole</title><main>{toy._repr_html_()}</main>"
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    tab = browser.new_page(viewport={"width": 390, "height": 844})
    problems = []
    tab.on("pageerror", lambda error: problems.append(str(error)))
    tab.goto((tmp_path / "page.html").as_uri())
    yield tab
    assert problems == []
    tab.close()


def test_it_is_asked_by_keys_and_says_what_came(tab):
    before = tab.locator(".tlc-mine").count()
    dial = tab.locator(".tlc-dial")
    dial.focus()
    for _ in range(3):
        dial.press("ArrowRight")
    assert tab.locator(".tlc-asked").inner_text() == "80"
    assert tab.locator(".tlc-left").text_content() == "still to gain 80"
    tab.select_option(".tlc-pace", "at once")
    tab.locator(".tlc-play").press("Enter")
    tab.wait_for_function("document.querySelector('.tlc-said').textContent.startsWith('Asked')")
    said = tab.locator(".tlc-said").inner_text()
    steps = int(re.fullmatch(r"Asked for 80: it fell at step (\d+)\.", said)[1])
    assert 5 < steps < 100
    assert tab.locator(".tlc-steps").text_content() == f"step {steps}"
    assert tab.locator(".tlc-left").text_content() == f"still to gain {80 - steps}"
    assert tab.locator(".tlc-mine").count() == before + 1
    assert tab.locator(".tlc-play").inner_text() == "Play"


def test_it_can_be_stopped(tab):
    said = tab.evaluate(
        """() => {
          const button = document.querySelector(".tlc-play"), said = [];
          for (const _ of [1, 2]) { button.click(); said.push(button.textContent); }
          return said;
        }"""
    )
    assert said == ["Stop", "Play"]
    assert tab.locator(".tlc-mine").count() == 0
