"""Whoever goes through a page by Tab comes to what a cell shows, and then to its code."""

import re
import sys

import pytest
from conftest import PAGES, ROOT
from docutils import nodes
from myst_nb.sphinx_ import HideCodeCellNode

sys.path.insert(0, str(ROOT / "book/_ext"))
import house

TOY = ".widget-subarea, [data-play]"


def test_the_fold_of_an_input_goes_behind_what_the_cell_shows():
    fold, shown = HideCodeCellNode(classes=["above-input"]), nodes.container()
    alone, text = HideCodeCellNode(), nodes.paragraph()
    cells = [
        nodes.container("", fold, shown),
        nodes.container("", alone),
        nodes.container("", text),
    ]
    house.show_before_code(None, nodes.section("", *cells), "page")
    assert [cell.children for cell in cells] == [[shown, fold], [alone], [text]]


@pytest.mark.parametrize("page", PAGES)
def test_no_folded_code_stands_before_what_it_shows(site, page):
    text = (site / page).read_text("utf-8")
    assert not re.search(r'</details>\s*<div class="cell_output', text)


# Of what has the focus: whether it is within a toy, whether it unfolds code, and its name.
FOCUSED = f"""() => {{
  const at = document.activeElement;
  return [!!at.closest("{TOY}"), at.matches("details.hide > summary"), at.tagName];
}}"""


@pytest.mark.parametrize("page", ["01_attention", "10_gpt", "14_vit", "20_recurrence"])
def test_tab_comes_to_the_first_toy_before_any_code(open_page, page):
    tab = open_page(f"notebooks/{page}.html")
    tab.evaluate(
        "() => { const h = document.querySelector('.bd-article h1'); h.tabIndex = -1; h.focus(); }"
    )
    passed = []
    for _ in range(12):
        tab.keyboard.press("Tab")
        is_toy, is_code, name = tab.evaluate(FOCUSED)
        if is_toy:
            break
        passed.append((is_code, name))
    assert is_toy, passed
    assert not any(is_code for is_code, _ in passed), passed
    tab.close()


RING = """() => {
  const at = document.activeElement, { outlineStyle, outlineWidth } = getComputedStyle(at);
  return [outlineStyle !== "none" && outlineWidth !== "0px", at.outerHTML.slice(0, 80)];
}"""


@pytest.mark.parametrize("page", ["notebooks/10_gpt.html", "book/index.html"])
def test_whatever_has_the_focus_shows_it(open_page, page):
    tab = open_page(page)
    without = []
    for _ in range(30):
        tab.keyboard.press("Tab")
        seen, what = tab.evaluate(RING)
        without += [what] * (not seen)
    tab.close()
    assert without == []
