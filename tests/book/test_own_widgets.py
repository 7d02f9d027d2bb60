"""Our widgets on a page of their own, as in the book: without a kernel, a manager or a network."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
import torch
from small_page import write_page

from transformer_lib.show.widgets import AttentionExplorer, slideshow

mpl.use("agg")


def figures(n: int) -> list[plt.Figure]:
    """Figures of one size, each with another line."""
    made = [plt.figure(figsize=(6, 2)) for _ in range(n)]
    for i, figure in enumerate(made):
        figure.add_subplot().plot([0, i])
    return made


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> str:
    """The address of a page with a slider, a list, and two explorers."""
    return write_page(
        tmp_path_factory.mktemp("own"),
        slideshow(figures(3), ["0.5", "1", "2"], label="temperature", alt="A line", start=1),
        slideshow(figures(2), ["first", "second"], label="which", alt="B", control="dropdown"),
        AttentionExplorer(torch.eye(3), "abc"),
        AttentionExplorer(torch.eye(2), "xy"),
    )


@pytest.fixture(params=[1280, 390])
def tab(browser, page, request):
    """The page, and what it did: nothing that it should not."""
    tab = browser.new_page(viewport={"width": request.param, "height": 900})
    wrong = []
    tab.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    tab.on("request", lambda r: None if r.url.startswith(("file:", "blob:", "data:"))
           else wrong.append(r.url))  # fmt: skip
    tab.goto(page)
    tab.locator(".tlx, .tls").nth(3).wait_for()
    yield tab
    assert wrong == []
    tab.close()


def shown(show) -> tuple[str, str]:
    """The picture that is seen, and what is said of it."""
    picture = show.locator(".plot")
    assert picture.get_attribute("width") == "576"  # six inches
    assert picture.bounding_box()["height"] > 0
    return picture.inner_html(), picture.get_attribute("aria-label")


def test_a_slider_answers_to_keys_and_pointer(tab):
    show = tab.locator(".tls").first
    slider = show.get_by_role("slider", name="temperature")
    assert shown(show)[1] == "A line (temperature 1)"
    seen = {shown(show)}
    slider.focus()
    for key, label in (("ArrowRight", "2"), ("End", "2"), ("Home", "0.5")):
        tab.keyboard.press(key)
        assert slider.get_attribute("aria-valuetext") == label
        assert show.locator("output").text_content() == label
        assert shown(show)[1] == f"A line (temperature {label})"
        seen.add(shown(show))
    assert len(seen) == 3
    box = slider.bounding_box()
    slider.click(position={"x": box["width"] - 3, "y": box["height"] / 2})
    assert shown(show)[1] == "A line (temperature 2)"


def test_a_list_answers_to_choice(tab):
    show = tab.locator(".tls").nth(1)
    chooser = show.get_by_role("combobox", name="which")
    seen = {shown(show)}
    chooser.select_option(label="second")
    seen.add(shown(show))
    assert {alt for _, alt in seen} == {"B (which first)", "B (which second)"}
    assert len(seen) == 2


def test_widgets_of_one_kind_keep_their_own_state(tab):
    one, two = tab.locator(".tlx").all()
    before = two.locator(".tlx-said").text_content()
    one.locator("[role=radio]").nth(2).click()
    assert one.locator("[role=radio]").nth(2).get_attribute("aria-checked") == "true"
    assert two.locator(".tlx-said").text_content() == before
    assert (
        tab.evaluate("document.head.querySelectorAll('style').length") == 3
    )  # the page's, two kinds


def test_pictures_stay_legible_on_a_phone(tab):
    for show in tab.locator(".tls").all():
        assert show.locator(".plot").bounding_box()["width"] > 500
        box = show.locator(".tls-box")
        assert box.bounding_box()["width"] <= tab.viewport_size["width"]
        if tab.viewport_size["width"] == 390:
            box.focus()
            tab.keyboard.press("ArrowRight")
            tab.wait_for_function("b => b.scrollLeft > 0", arg=box.element_handle())
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
