"""The theme's style sheet keeps what pages use, and its font the icons that they show."""

import sys

import pytest
import tinycss2
from conftest import ROOT
from fontTools.ttLib import TTFont

sys.path.insert(0, str(ROOT / "book/_ext"))
import trim


@pytest.mark.parametrize(
    ("sheet", "kept"),
    [
        (".a{color:red}.b{color:blue}", ".a{color:red}"),
        (".a,.b,p{x:y}", ".a,p{x:y}"),
        (".a .b{x:y}.a>p{x:y}", ".a>p{x:y}"),
        ("p:not(.b){x:y}.a:is(.b,.a){x:y}", "p:not(.b){x:y}.a:is(.b,.a){x:y}"),
        ("@media print{.b{x:y}}@media print{.a{x:y}.b{x:y}}", "@media print{.a{x:y}}"),
        (
            "@keyframes b{to{x:y}}@font-face{src:url(b)}",
            "@keyframes b{to{x:y}}@font-face{src:url(b)}",
        ),
        (r".w-1\/2{x:y}", ""),
    ],
)
def test_a_rule_stays_if_its_classes_may_occur(sheet, kept):
    rules = tinycss2.parse_stylesheet(sheet, True, True)
    assert trim.trimmed(rules, {"a"}) == kept


def test_words_of_pages_and_of_scripts_are_found(tmp_path):
    (tmp_path / "a.html").write_text('<p class="one two"><script>add("three")</script>', "utf-8")
    (tmp_path / "a.js").write_text("x.classList.add('four-five')", "utf-8")
    assert {"one", "two", "three", "four-five"} <= trim.words(tmp_path)


def test_icons_are_the_letters_of_the_rules():
    assert trim.icons('.a::before{content:"\\f002"}.b{--pst-icon-x:"\\f0c1"}') == {0xF002, 0xF0C1}


def test_the_font_has_the_icons_of_the_pages(site):
    sheet = (site / trim.SHEET).read_text("utf-8")
    with TTFont(site / trim.FONTS / "fa-solid-900.woff") as font:
        letters = set(font.getBestCmap())
    assert {0xF002, 0xF0C9, 0xF062} <= letters  # search, menu, up
    assert "fa-solid-900.woff)" in sheet
    assert len(sheet) < 150_000


def test_no_icon_is_an_empty_box(open_page):
    tab = open_page("notebooks/01_attention.html")
    missing = tab.evaluate(
        """async () => {
          await document.fonts.ready;
          const icons = [...document.querySelectorAll("i[class*=fa-]")];
          const letter = (icon) => getComputedStyle(icon, "::before").content.slice(1, -1);
          const empty = icons.filter((icon) => !letter(icon)).map((icon) => icon.className);
          return [icons.length, empty];
        }"""
    )
    tab.close()
    assert missing[0] > 3
    assert missing[1] == []
