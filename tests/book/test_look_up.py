"""The look-up in the plane, as the reader holds it: by pointer, finger and keys, and held still."""

import pytest
import torch

from transformer_lib.show.look_up import LookUp

KEYS = torch.tensor([[2.0, 0.0], [0.0, 2.0], [-2.0, 0.0]])
VALUES = torch.tensor([[2.0, -2.0], [2.0, 0.0], [0.0, 2.0]])
TOY = LookUp(KEYS, VALUES, ["a", "b", "c"], ["x", "y", "z"], query=(0.5, 1.0), caption="Drag it.")


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> str:
    """A page with two of them, and text enough to scroll."""
    page = tmp_path_factory.mktemp("look_up") / "page.html"
    page.write_text(
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Two</title>'
        f'<meta name="viewport" content="width=device-width"><main>{TOY._repr_html_()}'
        f'{TOY._repr_html_()}<p style="height: 2000px">More.</p></main></html>',
        encoding="utf-8",
    )
    return page.as_uri()


@pytest.fixture(params=[1280, 390])
def tab(browser, address, request):
    tab = browser.new_page(viewport={"width": request.param, "height": 900}, has_touch=True)
    wrong = []
    tab.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    tab.goto(address)
    yield tab
    assert wrong == []
    tab.close()


def weights(toy) -> list[float]:
    return [float(text) for text in toy.locator(".tlq-weight").all_text_contents()]


def expected(x: float, y: float, divisor: float = 1.0) -> list[float]:
    drawn = (KEYS @ torch.tensor([x, y]) / divisor).softmax(-1)
    return [pytest.approx(weight, abs=0.006) for weight in drawn.tolist()]


def middle(toy, x: float, y: float) -> tuple[float, float]:
    """Where a point of the plane of keys is on the screen."""
    box = toy.locator(".tlq-ground").first.bounding_box()
    unit = box["width"] / 6
    return box["x"] + box["width"] / 2 + x * unit, box["y"] + box["height"] / 2 - y * unit


def test_it_stands_still_without_javascript(browser, address):
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(address)
    toy = tab.locator(".tlq").first
    assert weights(toy) == expected(0.5, 1.0)
    assert not toy.locator("input").is_visible()
    assert "moves by JavaScript" in toy.inner_text()
    context.close()


def test_the_query_follows_the_pointer_and_the_other_toy_does_not(tab):
    one, two = tab.locator(".tlq").all()
    tab.mouse.move(*middle(one, 0.5, 1.0))
    tab.mouse.down()
    tab.mouse.move(*middle(one, 1.0, 0.3), steps=4)
    assert weights(one) == expected(1.0, 0.3)
    tab.mouse.up()
    tab.mouse.move(*middle(one, -1.0, -1.0))
    assert weights(one) == expected(1.0, 0.3)
    assert weights(two) == expected(0.5, 1.0)
    handle = one.get_by_role("slider", name="query")
    assert handle.get_attribute("aria-valuetext") == "right 1.00, up 0.30"
    assert f"a {weights(one)[0]:.2f}" in one.locator(".tlq-said").inner_text()


def test_the_query_follows_a_finger(tab):
    toy = tab.locator(".tlq").first
    tab.touchscreen.tap(*middle(toy, -1.5, 0.0))
    assert weights(toy) == expected(-1.5, 0.0)


def test_the_query_answers_to_keys_and_stays_in_the_plane(tab):
    toy = tab.locator(".tlq").first
    toy.get_by_role("slider", name="query").focus()
    tab.keyboard.press("ArrowLeft")
    tab.keyboard.press("Shift+ArrowUp")
    assert weights(toy) == expected(0.4, 1.5)
    for _ in range(5):
        tab.keyboard.press("Shift+ArrowUp")
    assert weights(toy) == expected(0.4, 3.0)
    assert toy.locator(".tlq-score").all_text_contents() == ["0.80", "6.00", "-0.80"]
    tab.keyboard.press("Home")
    assert weights(toy) == [0.33] * 3


def test_scores_are_divided_by_what_the_slider_says(tab):
    toy = tab.locator(".tlq").first
    slider = toy.get_by_label("divide the scores by")
    slider.focus()
    tab.keyboard.press("End")
    assert toy.locator("output").inner_text() == slider.get_attribute("aria-valuetext") == "8"
    assert weights(toy) == expected(0.5, 1.0, 8)


def test_the_answer_is_drawn_where_the_weights_put_it(tab):
    toy = tab.locator(".tlq").first
    tab.mouse.click(*middle(toy, 2.0, -0.5))
    line = toy.locator(".tlq-answer")
    end = [float(line.get_attribute(name)) for name in ("x2", "y2")]
    x, y = ((KEYS @ torch.tensor([2.0, -0.5])).softmax(-1) @ VALUES).tolist()
    assert end == [pytest.approx(x * 170 / 6, abs=0.5), pytest.approx(-y * 170 / 6, abs=0.5)]


def test_it_fits_a_phone(tab):
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert tab.locator(".tlq svg").first.bounding_box()["width"] >= 340
