"""Where no script runs, a page has the colours that it has with scripts: light, or dark."""

import sys

import pytest
import tinycss2
from conftest import ROOT

sys.path.insert(0, str(ROOT / "book/_ext"))
import no_script


@pytest.mark.parametrize(
    ("given", "light", "dark"),
    [
        (
            'html[data-theme="light"]{a:b}html[data-theme=dark] .x{c:d}p{e:f}',
            'html[data-theme="auto"]{a:b}',
            'html[data-theme="auto"] .x{c:d}',
        ),
        (
            ":is(html[data-theme='dark'], .y) p, p{a:b}",
            "",
            ':is(html[data-theme="auto"], .y) p{a:b}',
        ),
        (
            "@media print{p{a:b}html[data-theme=light]{a:b}}@font-face{src:url(x)}",
            '@media print{html[data-theme="auto"]{a:b}}',
            "",
        ),
        ("html[data-theme] p{a:b}", "", ""),
    ],
)
def test_each_theme_has_the_rules_that_name_it(given, light, dark):
    rules = tinycss2.parse_stylesheet(given, True, True)
    made = {theme: no_script.rules_of(theme, rules) for theme in ("light", "dark")}
    assert {theme: text.replace("\n", "") for theme, text in made.items()} == {
        "light": light,
        "dark": dark,
    }


# The colours of what looks alike with scripts and without: no toys, nor what stands for them.
COLOURS = """() => {
  const seen = new Set();
  const kinds = "body, .bd-sidebar a, .bd-article :is(h1, h2, p, a, code, pre, td, summary," +
    " .highlight span, svg text, svg path, svg rect, svg circle)";
  for (const one of document.querySelectorAll(kinds)) {
    if (!one.checkVisibility() || one.closest(".tlp, .widget-subarea, noscript, button")) continue;
    if (one.matches(".active, .active *, [aria-current]")) continue;  // the place that is read
    const { color, backgroundColor, fill, stroke, filter, boxShadow } = getComputedStyle(one);
    const paint = one.closest("svg") ? [fill, stroke] : [color, backgroundColor, boxShadow];
    seen.add([one.tagName, ...paint, filter].join(" "));
  }
  return [...seen].sort();
}"""


def without_scripts(browser, theme, **given):
    """A window that runs none."""
    return browser.new_page(java_script_enabled=False, color_scheme=theme, **given)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(
    "page",
    ["book/index", "notebooks/01_attention", "notebooks/10_gpt", "notebooks/22_transformer_xl"],
)
def test_a_page_has_its_colours_without_scripts(browser, address, open_page, page, theme):
    tab = open_page(f"{page}.html")
    tab.emulate_media(color_scheme=theme)
    tab.wait_for_function("t => document.documentElement.dataset.theme === t", arg=theme)
    wanted = tab.evaluate(COLOURS)
    tab.close()
    bare = without_scripts(browser, theme, viewport={"width": 1280, "height": 900})
    bare.goto(address("http", f"{page}.html"))
    found = bare.evaluate(COLOURS)
    bare.close()
    assert len(wanted) > 10
    assert {*wanted} ^ {*found} == set()


def test_on_paper_it_is_light(browser, address):
    bare = without_scripts(browser, "dark")
    bare.goto(address("http", "notebooks/10_gpt.html"))
    screen = bare.evaluate(COLOURS)
    paper = {}
    for theme in ("light", "dark"):
        bare.emulate_media(media="print", color_scheme=theme)
        paper[theme] = bare.evaluate(COLOURS)
    assert paper["dark"] == paper["light"] != screen
    bare.close()


def test_a_toy_that_is_a_picture_has_one_for_a_phone(browser, address):
    bare = without_scripts(browser, "light", viewport={"width": 390, "height": 900})
    bare.goto(address("http", "notebooks/10_gpt.html"))
    picture = bare.locator('img[src*="still/10_gpt-0"]')
    picture.scroll_into_view_if_needed()
    assert "narrow" in picture.evaluate("one => one.currentSrc")
    assert picture.evaluate("one => one.clientWidth") > 340  # as wide as it was taken, or nearly
    assert bare.evaluate("document.documentElement.scrollWidth") <= 390
    bare.close()


def test_no_button_is_shown_that_does_nothing(browser, address):
    bare = without_scripts(browser, "light")
    for page in ("book/index.html", "notebooks/01_attention.html"):
        bare.goto(address("http", page))
        for kind in (".bd-header-article", ".bd-sidebar", ".first-line"):
            assert bare.locator(f"{kind} button:visible").count() == 0, (page, kind)
    bare.close()
