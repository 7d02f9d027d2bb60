"""The quiz of curves in a browser: answered by pointer, by finger and by keys, from a file."""

import pytest

from transformer_lib.show.diagnosis import Case, Diagnosis

NAMES = ["overfitting", "dead units", "the rate is too low"]


@pytest.fixture(scope="module")
def toy():
    """Three curves."""
    dials = {"entropy": (0.5, 0.0, 1.0, False), "update": (1e-3, 1e-6, 1.0, True)}
    cases = [Case(name, [1.0, 0.5], [0.6], dials, f"told by {name}") for name in NAMES]
    return Diagnosis(cases, line=0.7, caption="Drag.")


@pytest.fixture
def tab(toy_tab):
    """The toy, on a page of its own."""
    return toy_tab


def name(tab, which):
    return tab.locator(".dx-name", has_text=NAMES[which])


def slots(tab):
    return tab.locator(".dx-slot").all_text_contents()


def test_a_name_is_dragged_onto_a_curve(tab):
    start, end = (part.bounding_box() for part in (name(tab, 1), tab.locator(".dx-card").nth(2)))
    tab.mouse.move(start["x"] + 9, start["y"] + 9)
    tab.mouse.down()
    tab.mouse.move(start["x"] + 30, start["y"] - 20)
    tab.mouse.move(end["x"] + 30, end["y"] + 30)
    tab.mouse.up()
    assert slots(tab) == ["", "", NAMES[1]]
    assert tab.locator(".dx-ghost").count() == 0


def test_keys_and_finger_lay_names_and_a_name_lies_once(tab):
    name(tab, 0).focus()
    tab.keyboard.press("Enter")
    assert name(tab, 0).get_attribute("aria-pressed") == "true"
    tab.locator(".dx-card").nth(1).focus()
    tab.keyboard.press("Space")
    assert slots(tab) == ["", NAMES[0], ""]
    name(tab, 0).tap()
    tab.locator(".dx-card").nth(0).tap()
    assert slots(tab) == [NAMES[0], "", ""]


def test_check_says_what_is_right_and_what_tells_it(tab):
    for which, place in ((0, 0), (1, 2)):
        name(tab, which).click()
        tab.locator(".dx-card").nth(place).click()
    tab.get_by_role("button", name="Check").click()
    assert slots(tab) == [f"✓ {NAMES[0]}", "", f"✗ {NAMES[1]}"]
    said = tab.locator(".dx-said")
    assert said.text_content() == "1 of 3 right."
    tab.locator(".dx-card").nth(0).click()
    assert said.text_content() == "A: told by overfitting."
    tab.get_by_role("button", name="Begin again").click()
    assert slots(tab) == ["", "", ""]


def test_a_curve_shows_its_dials(tab):
    tab.locator(".dx-card").nth(1).click()
    panel = tab.locator(".dx-panel")
    assert panel.get_attribute("aria-label") == "Training B: entropy 0.5, update 0.001"
    assert panel.locator(".needle").first.get_attribute("d") == "M50 46L50 8"
