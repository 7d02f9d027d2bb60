"""The cover: its line says in the page what it says at build, and its cards list what stands."""

import re
import sys
from statistics import mean

import pytest
import yaml
from conftest import ROOT, SITE

sys.path.insert(0, str(ROOT / "book/_ext"))
import cover
import first_line
import twins

from transformer_lib.recipes import verses_gpt, verses_xl
from transformer_lib.show.ladder import rungs
from transformer_lib.weights import load

PAGE = "book/index.html"
STATE = """f => ["svg.line g:first-child", ".tlp-bars", ".tlp-said"]
  .map(what => f.querySelector(what).outerHTML)"""


@pytest.fixture(scope="module", params=[("http", 1280), ("file", 390)])
def line(request, open_page):
    """The line on the page, wide and narrow, over http and from a folder."""
    scheme, width = request.param
    tab = open_page(PAGE, scheme, width)
    yield tab.locator(".first-line")
    assert (tab.errors, tab.failed, tab.outside) == ([], [], [])
    tab.close()


def wait_for(line, text: str) -> None:
    line.page.wait_for_function(
        "([figure, text]) => figure.dataset.read === text", arg=[line.element_handle(), text]
    )


def test_weights_come_at_the_first_touch_and_the_page_then_says_the_same(line):
    weights = "document.querySelectorAll('script[src*=verses_gpt]').length"
    assert line.page.evaluate(weights) == 0
    built = line.evaluate(STATE)
    line.get_by_role("button", name=first_line.LINE).first.press("Enter")
    wait_for(line, first_line.LINE)
    assert line.page.evaluate(weights) == 1
    assert line.evaluate(STATE) == built


@pytest.mark.parametrize("text", ["And he came to ", "Surely thou wil", "O"])
def test_another_line_is_read_as_in_python(line, text):
    line.get_by_role("textbox").fill(text)
    wait_for(line, text)
    assert line.locator(".tlp-said").inner_text() == first_line.said(text)
    bars = line.locator(".tlp-bars li").evaluate_all("all => all.map(li => li.textContent)")
    expected = [f"{first_line.shown(c)}{p:.2f}" for c, p in first_line.state(text)["next"]]
    assert bars == expected


def test_what_cannot_be_read_is_named(line):
    line.get_by_role("textbox").fill("And ü")
    assert line.locator(".tlp-problem").inner_text() == "It has never seen “ü”."
    line.get_by_role("textbox").fill("")
    assert line.locator(".tlp-problem").inner_text() == "Type at least one letter."


def test_the_line_stands_in_the_first_screen(open_page):
    for width, height in ((1280, 800), (390, 844)):
        tab = open_page(PAGE, width=width)
        box = tab.locator(".first-line input").bounding_box()
        assert box["y"] + box["height"] <= height
        tab.close()


def test_each_chapter_that_stands_is_on_its_card(open_page):
    contents = yaml.safe_load((ROOT / "book/_toc.yml").read_text(encoding="utf-8"))
    tab = open_page(PAGE)
    cards = tab.locator(".part")
    for card, part in zip(cards.all(), contents["parts"], strict=False):
        links = card.locator("a").evaluate_all("all => all.map(a => a.textContent)")
        assert links == [chapter["title"] for chapter in part["chapters"]]
        assert card.locator("svg").count() == 1
    assert cards.count() == len(cover.DRAWINGS)
    tab.close()


@pytest.mark.parametrize("width", [1280, 390])
def test_every_rung_of_the_ladder_says_what_was_measured_and_leads_to_its_chapter(open_page, width):
    ladder = rungs(ROOT / "notebooks/studies")
    tab = open_page(PAGE, "file", width)
    links = tab.locator(".ladder a")
    heard = [f"{rung.name}{rung.cost()}{rung.line()}" for rung in ladder]
    assert links.evaluate_all("all => all.map(a => a.textContent)") == heard
    led = links.evaluate_all("all => all.map(a => a.pathname)")
    assert [path.rpartition("/")[2] for path in led] == [f"{r.chapter}.html" for r in ladder]
    assert all((SITE / "notebooks" / f"{rung.chapter}.html").is_file() for rung in ladder)
    bars = links.evaluate_all(
        "all => all.map(a => a.querySelector('.bar')?.getBoundingClientRect().width ?? 0)"
    )
    shares = [mean(rung.bits or [0]) / mean(ladder[0].bits) for rung in ladder]
    assert [bar / bars[0] for bar in bars] == pytest.approx(shares, abs=0.01)
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    tab.close()


def test_what_is_said_of_the_ladder_holds_for_its_numbers():
    bits = {rung.name: rung.bits for rung in rungs(ROOT / "notebooks/studies")}
    assert mean(bits["counting"]) < min(mean(bits["one head"]), mean(bits["positions"]))
    assert max(bits["blocks"]) < min(bits["counting"])
    study = (ROOT / "notebooks/studies/ladder.py").read_text(encoding="utf-8")
    steps, batch, piece = map(int, re.search(r"\nSTEPS, .+ = (\d+), (\d+), (\d+),", study).groups())
    gpt, xl = (load(name).about["steps"] for name in ("verses_gpt", "verses_xl"))
    read = steps * batch * piece
    assert gpt * verses_gpt.BATCH_SIZE * verses_gpt.WINDOW == 20 * read
    assert xl * verses_xl.BATCH_SIZE * verses_xl.SEG_LEN == 15 * read


def test_the_ladder_stands_in_the_plain_text_too():
    text = twins.twin(ROOT / "book/index.md")
    for rung in rungs(ROOT / "notebooks/studies"):
        assert f"{rung.name:15}{rung.cost():>4}  {rung.line()}\n" in text
    assert "{ladder}" not in text


def test_a_day_is_named_only_where_it_is_known():
    assert cover.recomputed({}) is None
    day, systems = cover.recomputed({"BOOK_CHECKED": "2026-11-27T03:17:00Z"})
    assert day == "2026-11-27"
    assert systems.startswith("Linux, macOS, Windows and Python 3.11")
