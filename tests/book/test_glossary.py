"""The glossary: each term once and in plain words, its place there, its meaning in the chapters."""

import re
import sys

import pytest
from conftest import PAGES, ROOT, SITE

sys.path.insert(0, str(ROOT / "book/_ext"))
import glossary

SOURCE = (ROOT / "book/glossary.md").read_text(encoding="utf-8")
ENTRIES = re.findall(r"^((?:\S.*\n)+)((?:  .*\n)+)", SOURCE.split("```{glossary}\n")[1], re.M)
TERMS = [term for terms, _ in ENTRIES for term in terms.splitlines()]
CHAPTERS = [page for page in PAGES if page.startswith("notebooks/")]


def test_each_term_stands_once_and_each_entry_in_its_place():
    assert len(ENTRIES) >= 60
    assert len({term.lower() for term in TERMS}) == len(TERMS)
    assert all(meaning.count("{derived}`") == 1 for _, meaning in ENTRIES)
    first = [terms.splitlines()[0].lower().replace("√", "") for terms, _ in ENTRIES]
    others = [one for one in first if one not in ("d", "d_model")]  # under s, for "square root"
    assert others == sorted(others)


@pytest.mark.parametrize("terms", [terms for terms, _ in ENTRIES], ids=lambda t: t.split("\n")[0])
def test_an_entry_is_one_or_two_sentences_and_a_few_words(terms):
    meaning = dict(ENTRIES)[terms].split("{derived}")[0]
    assert 5 <= len(meaning.split()) <= 60
    assert len(re.findall(r"[.?](?:\s|$)", meaning)) <= 3


def test_a_term_with_capitals_inside_is_found_only_as_it_is_written():
    pattern = glossary.spelled(TERMS)
    assert not pattern.search("the weights are zero, or zeros")
    assert [match[0] for match in pattern.finditer("ZeRO, Logits and RNNs")] == [
        "ZeRO",
        "Logits",
        "RNNs",
    ]


def test_every_place_is_a_link_to_a_heading(site):
    page = (site / "book/glossary.html").read_text(encoding="utf-8")
    links = re.findall(r'href="\.\./notebooks/(\w+\.html)(?:#([\w-]+))?">Chapter \d+', page)
    assert len(links) == len(ENTRIES)
    for file, anchor in links:
        chapter = (SITE / "notebooks" / file).read_text(encoding="utf-8")
        assert not anchor or f'id="{anchor}"' in chapter


def test_every_letter_leads_to_its_first_word(site):
    page = (site / "book/glossary.html").read_text(encoding="utf-8")
    line = re.search(r'<p class="letters">(.*?)</p>', page, re.DOTALL)[1]
    letters = re.findall(r'href="#([^"]+)">(\w)</a>', line)
    firsts = [terms.splitlines()[0].lstrip("√")[0].upper() for terms, _ in ENTRIES]
    assert [letter for _, letter in letters] == list(dict.fromkeys(firsts))
    for anchor, letter in letters:
        assert re.search(rf'<dt id="{re.escape(anchor)}">√?{letter}', page, re.IGNORECASE)


@pytest.mark.parametrize("page", CHAPTERS)
def test_a_chapter_explains_words_of_others_and_none_of_its_own(page):
    text = (SITE / page).read_text(encoding="utf-8")
    marked = re.findall(r'<a class="term[^>]*#term-([^"]+)"', text)
    assert len(marked) == len(set(marked)) > 3
    number = re.search(r"(\d+)_", page)
    own = number[1].lstrip("0") if number else "-"
    here = [terms for terms, meaning in ENTRIES if re.search(rf"\{{derived\}}`{own}[:`]", meaning)]
    ids = {re.sub(r"[^\w]+", "-", term) for terms in here for term in terms.splitlines()}
    assert ids.isdisjoint(marked)


def test_a_function_returns_in_the_ordinary_sense(site):
    for page in CHAPTERS:
        text = (site / page).read_text(encoding="utf-8")
        assert not re.search('<a class="term[^>]*#term-return"', text), page


@pytest.fixture
def chapter(open_page):
    tab = open_page("notebooks/04_blocks.html")
    yield tab
    tab.close()


def test_a_meaning_appears_for_the_pointer_and_stays_while_it_is_read(chapter):
    word, note = chapter.locator("a.term").first, chapter.locator("#glossary-note")
    assert note.is_hidden()
    word.hover()
    assert note.inner_text() == word.get_attribute("data-meaning")
    note.hover()
    chapter.wait_for_timeout(400)
    assert note.is_visible()
    chapter.mouse.move(0, 0)
    note.wait_for(state="hidden")


def test_a_meaning_appears_for_the_keyboard_and_goes_with_escape(chapter):
    word, note = chapter.locator("a.term").first, chapter.locator("#glossary-note")
    word.focus()
    assert note.is_visible()
    assert word.get_attribute("aria-describedby") == "glossary-note"
    chapter.keyboard.press("Escape")
    assert note.is_hidden()
    assert word.get_attribute("aria-describedby") is None


def test_a_meaning_stays_on_a_phone(open_page):
    tab = open_page("notebooks/04_blocks.html", width=390)
    for word in tab.locator("a.term").all():
        word.focus()
        box = tab.locator("#glossary-note").bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
    tab.close()
