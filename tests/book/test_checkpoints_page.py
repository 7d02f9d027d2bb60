"""A training step in a browser: keep and drop by keys, pointer and finger, from a file."""

import pytest

from transformer_lib.show.checkpoints import Checkpoints, moments


@pytest.fixture(scope="module")
def toy():
    return Checkpoints(24, inside={"1 unit": 1, "16 units": 16}, caption="Keep and drop.")


def said(tab) -> str:
    return tab.locator(".tlk-said").text_content()


def test_the_slider_cuts_equal_segments(toy_tab, toy):
    assert said(toy_tab) == f"{toy.said()} Your least so far: 24."
    toy_tab.locator("input[type=range]").focus()
    for _ in range(4):
        toy_tab.keyboard.press("ArrowRight")
    for start in (" Most at any time: 8 units.", " Run again: 24 layers; time 96 in place of 72"):
        assert start in said(toy_tab)
    assert toy_tab.locator("rect.kept").count() == 5
    assert toy_tab.locator("rect.again").count() == 19
    toy_tab.get_by_label("16 units").check()
    kept = [layer % 5 == 0 for layer in range(24)]
    most = max(moment.units for moment in moments(kept, 16))
    assert f" Most at any time: {most} units (without checkpoints 384)." in said(toy_tab)


def test_squares_answer_to_pointer_finger_and_keys(toy_tab):
    squares = toy_tab.locator(".tlk-squares input")
    assert squares.first.is_disabled()
    squares.nth(1).click()
    assert said(toy_tab).startswith("Kept: 23 of 24 inputs.")
    squares.nth(5).tap()
    assert said(toy_tab).startswith("Kept: 22 of 24 inputs.")
    toy_tab.keyboard.press("ArrowRight")
    toy_tab.keyboard.press("Space")
    assert not squares.nth(6).is_checked()
    assert said(toy_tab).startswith("Kept: 21 of 24 inputs. Most at any time: 21 units.")


def test_by_hand_it_comes_to_seven(toy_tab):
    squares = toy_tab.locator(".tlk-squares input")
    for layer in range(1, 24):
        if layer not in (7, 13, 18, 22):
            squares.nth(layer).click()
    assert " Most at any time: 7 units." in said(toy_tab)
    assert said(toy_tab).endswith("Your least so far: 7.")
