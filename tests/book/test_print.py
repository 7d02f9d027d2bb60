"""A page on paper, as the browser's own dialogue prints it: light, whole, with its bars."""

import pytest

# Of what is seen: code and print that go on beyond the edge, where no paper scrolls.
CUT = """() => [...document.querySelectorAll(".bd-article pre")]
  .filter((box) => box.checkVisibility() && box.scrollWidth > box.clientWidth + 1)
  .map((box) => box.textContent.slice(0, 40))"""
# A4 without its margins, in pixels.
PAPER = {"width": 672, "height": 1002}


@pytest.mark.parametrize(
    "page", ["notebooks/02_multi_head.html", "notebooks/10_gpt.html", "notebooks/14_vit.html"]
)
def test_a_page_is_printed_light_whole_and_with_its_bars(open_page, page):
    tab = open_page(page)
    title = tab.locator("article h1").inner_text()
    tab.emulate_media(media="print", color_scheme="dark")
    tab.set_viewport_size(PAPER)
    tab.wait_for_function("document.documentElement.dataset.theme === 'dark'")
    tab.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert tab.evaluate("document.documentElement.dataset.theme") == "light"
    assert tab.evaluate(CUT) == []
    assert tab.locator("h1:visible").all_inner_texts() == [title]
    assert tab.locator("#jb-print-toc:visible, .bd-sidebar:visible").count() == 0
    assert tab.locator("details.deep:not([open])").count() == 0
    grounds = tab.locator(".widget-subarea *").evaluate_all(
        "all => all.map(one => getComputedStyle(one).printColorAdjust)"
    )
    assert {*grounds} == {"exact"}
    tab.evaluate("dispatchEvent(new Event('afterprint'))")
    assert tab.evaluate("document.documentElement.dataset.theme") == "dark"
    tab.close()
