"""Every widget of the book, with no kernel: worked by key, pointer, finger and seen to change."""

import pytest
from conftest import PAGES, SITE

WITH_WIDGETS = [
    page for page in PAGES if "jupyter.widget-view+json" in (SITE / page).read_text("utf-8")
]


def test_only_a_page_with_widgets_loads_what_draws_them():
    for page in PAGES:
        text = (SITE / page).read_text(encoding="utf-8")
        assert ("_static/widgets.js" in text) == (page in WITH_WIDGETS), page


def test_chapters_have_widgets(site):
    """Part I: each of its chapters has one; later chapters may do without."""
    chapters = {path.name for path in (site / "notebooks").glob("0[123]_*.html")}
    assert chapters <= {page.split("/")[1] for page in WITH_WIDGETS}


def explorers(tab) -> list:
    """The explorers of a page; sections that hold one are unfolded."""
    for fold in tab.locator("details:has(.tlx)").all():
        fold.evaluate("fold => (fold.open = true)")
    return tab.locator(".tlx").all()


def state(explorer) -> tuple:
    """What an explorer shows: the chosen token, the weights, the sentence."""
    return explorer.evaluate(
        """e => [
          e.querySelector('[role=radio][aria-checked=true]').textContent,
          [...e.querySelectorAll('.tlx-weight')].map(w => w.textContent).join(),
          e.querySelector('.tlx-said').textContent,
          e.querySelector('caption').textContent,
        ].map(String)"""
    )


def test_explorers_answer_to_keys(tab):
    for explorer in explorers(tab):
        tokens = explorer.locator("[role=radio]")
        assert explorer.locator("[role=radio][tabindex='0']").count() == 1  # one tab stop
        explorer.locator("[role=radio][tabindex='0']").focus()
        tab.keyboard.press("Home")
        first = state(explorer)
        tab.keyboard.press("ArrowRight")
        second = state(explorer)
        assert second[2] != first[2] or second[1] != first[1]
        assert tokens.nth(1).evaluate("t => t === document.activeElement")
        assert tokens.nth(1).evaluate("t => getComputedStyle(t).outlineStyle") == "solid"
        tab.keyboard.press("ArrowLeft")
        assert state(explorer) == first
        tab.keyboard.press("ArrowLeft")  # around to the last
        assert tokens.last.get_attribute("aria-checked") == "true"
        for group in explorer.locator("fieldset").all():
            before = state(explorer)[3]
            group.locator("input:checked").focus()
            tab.keyboard.press("ArrowRight")
            assert state(explorer)[3] != before  # another head or layer


def test_explorers_answer_to_pointer_and_do_not_jump(tab):
    for explorer in explorers(tab):
        explorer.scroll_into_view_if_needed()
        height = explorer.bounding_box()["height"]
        seen = set()
        tokens = explorer.locator("[role=radio]")
        for token in tokens.all()[:4]:
            token.hover()
            assert token.get_attribute("aria-checked") == "true"
            seen.add(tuple(state(explorer)))
            assert explorer.bounding_box()["height"] == height
        assert len(seen) == min(4, tokens.count())
        for choice in explorer.locator("fieldset").all():
            before = state(explorer)[3]
            choice.locator("label:not(:has(:checked))").first.click()
            assert state(explorer)[3] != before


@pytest.mark.parametrize("page", WITH_WIDGETS)
def test_explorers_answer_to_touch(open_page, page):
    tab = open_page(page, width=390, touch=True)
    for explorer in explorers(tab):
        for i in (1, 0):
            token = explorer.locator("[role=radio]").nth(i)
            token.tap()
            assert token.get_attribute("aria-checked") == "true"
    tab.close()


def test_explorer_table_says_what_the_tokens_show(tab):
    for explorer in explorers(tab):
        explorer.locator("summary").press("Enter")
        shown = explorer.locator(".tlx-weight").all_text_contents()
        chosen = explorer.evaluate(
            "e => [...e.querySelectorAll('[role=radio]')].findIndex(t => t.ariaChecked === 'true')"
        )
        row = explorer.locator("tbody tr").nth(chosen)
        assert row.locator("td").all_text_contents() == shown
        assert row.locator("td").first.is_visible()
        assert explorer.locator("thead th").count() == len(shown)


def test_slides_stay_legible_on_a_phone(open_page):
    tab = open_page("notebooks/02_multi_head.html", width=390)
    slides = tab.locator(".tls .plot")
    slides.first.wait_for()
    for slide in slides.locator("visible=true").all():
        assert slide.bounding_box()["width"] > 500
        box = slide.locator("xpath=..")
        assert box.get_attribute("tabindex") == "0"  # it scrolls, by keys too
        assert box.evaluate("box => { box.scrollLeft = 99; return box.scrollLeft }") == 99
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    tab.close()


def test_slides_drawn_for_a_phone_are_seen_whole(open_page):
    """The answer that the first picture of chapter 20 explains stands at its right edge."""
    tab = open_page("notebooks/20_recurrence.html", width=390)
    slide = tab.locator(".tls .plot").locator("visible=true").first
    slide.wait_for()
    box = slide.locator("xpath=..")
    assert box.evaluate("box => { box.scrollLeft = 99; return box.scrollLeft }") == 0
    assert slide.bounding_box()["width"] > 340
    tab.close()


def test_slideshows_answer_to_keys_and_choice(tab):
    for fold in tab.locator("details:has(.tls)").all():  # some stand in a folded section
        fold.evaluate("fold => { fold.open = true; }")
    for show in tab.locator(".tls").all():
        seen = set()

        def note(show=show, seen=seen):
            picture = show.locator(".plot")
            seen.add((picture.inner_html(), picture.get_attribute("aria-label")))

        control = show.locator("input, select")
        assert control.evaluate("c => c.labels.length") == 1
        if control.get_attribute("type") == "range":
            frames = int(control.get_attribute("max")) + 1
            control.press("Home")
            for _ in range(frames):
                note()
                said = show.locator("output").text_content()
                assert control.get_attribute("aria-valuetext") == said
                control.press("ArrowRight")
        else:
            options = control.locator("option").all_text_contents()
            frames = len(options)
            for option in options:
                control.select_option(label=option)
                note()
        assert len(seen) == frames
