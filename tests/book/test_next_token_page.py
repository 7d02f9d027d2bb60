"""What may be written next, in a browser: the sliders do what the library's filters do."""

import pytest
import torch

from transformer_lib.generation import keep_top_k, keep_top_p
from transformer_lib.show.next_token import SHOWN, NextToken

NAMES = list("abcdefghijklmnop")
torch.manual_seed(0)
LOGITS = {"first": 2 * torch.randn(16), "second": 3 * torch.randn(16)}


@pytest.fixture(scope="module")
def toy():
    """Two prefixes and sixteen tokens."""
    return NextToken(LOGITS, NAMES, caption="Move.")


def press(tab, name, key, times=1):
    tab.locator(f'[data-for="{name}"]').focus()
    for _ in range(times):
        tab.keyboard.press(key)


def shown(tab) -> list[float]:
    return [float(share) for share in tab.locator(".tln-share").all_text_contents()]


def by_the_library(logits, temperature=1.0, top_k=16, top_p=1.0):
    p = keep_top_p(keep_top_k(logits / temperature, top_k), top_p).softmax(dim=0)
    p = p[logits.argsort(descending=True)]
    return [*p[:SHOWN].tolist(), p[SHOWN:].sum().item()]


def test_sliders_do_what_the_library_does(toy_tab):
    assert shown(toy_tab) == pytest.approx(by_the_library(LOGITS["first"]), abs=0.006)
    press(toy_tab, "temperature", "ArrowRight", 5)
    hot = by_the_library(LOGITS["first"], 1.5)
    assert shown(toy_tab) == pytest.approx(hot, abs=0.006)
    press(toy_tab, "top-k", "ArrowLeft", 4)
    press(toy_tab, "top-p", "ArrowLeft", 6)
    cut = by_the_library(LOGITS["first"], 1.5, 12, 0.7)
    assert shown(toy_tab) == pytest.approx(cut, abs=0.006)
    toy_tab.get_by_label("second").check()
    cut = by_the_library(LOGITS["second"], 1.5, 12, 0.7)
    assert shown(toy_tab) == pytest.approx(cut, abs=0.006)
    kept = sum(share > 0 for share in cut)  # all within those that have a bar
    assert toy_tab.locator(".tln-said").inner_text().startswith(f"{kept} of 16 may be drawn.")
    assert toy_tab.locator(".tln-row.dropped").count() == SHOWN + 1 - kept


def test_lots_are_drawn_as_likely_as_the_bars_say(toy_tab):
    press(toy_tab, "top-k", "Home")
    press(toy_tab, "top-k", "ArrowRight", 2)
    for _ in range(20):
        toy_tab.get_by_role("button", name="Draw 100").click()
    times = [int(t[:-1]) for t in toy_tab.locator(".tln-times").all_text_contents()]
    assert sum(times) == 2000
    wanted = by_the_library(LOGITS["first"], top_k=3)
    assert [t / 2000 for t in times] == pytest.approx(wanted, abs=0.03)
    assert times[3:] == [0] * (SHOWN - 2)
    press(toy_tab, "temperature", "ArrowRight")
    assert toy_tab.locator(".tln-times").all_text_contents() == [""] * (SHOWN + 1)
