"""The book as one PDF: two small pages, and on which sheet the contents say that each begins."""

import re
import sys

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "book"))
import pdf

PAGE = """<!doctype html><meta charset="utf-8"><style>p {{ margin: 0; line-height: 100px; }}</style>
<main>beside<article class="bd-article"><h1 id="top">{title}<a class="headerlink">#</a></h1>
{body}<script>document.querySelector("#drawn").textContent = "by a script"</script></article></main>
"""


@pytest.fixture
def parts(tmp_path):
    """A cover and a part of two pages, the first of them long."""
    cover = '<p id="drawn"></p><a href="one.html">one</a> <a href="one.html#end">its end</a>'
    one = '<p id="drawn"></p>' + "<p>line</p>" * 30 + '<p id="end">end <a href="#top">up</a></p>'
    for name, body in (("cover", cover), ("one", one), ("two", '<p id="drawn"></p>')):
        (tmp_path / f"{name}.html").write_text(PAGE.format(title=name, body=body), "utf-8")
    names = [("", ["cover"]), ("A part", ["one", "two"])]
    return [(caption, [tmp_path / f"{n}.html" for n in pages]) for caption, pages in names]


def test_each_page_begins_on_the_sheet_that_the_contents_name(browser, parts, tmp_path):
    count = pdf.write(parts, browser, tmp_path / "book.pdf")
    printed = (tmp_path / "book.pdf").read_bytes()
    assert pdf.begins(printed) == {
        "p0": 3,
        "p1": 4,
        "p2": count,
    }  # the title is on 1, the contents on 2
    assert count == len(re.findall(rb"/Type /Page\n", printed)) > 5
    assert [p.name for p in tmp_path.glob("book*")] == ["book.pdf"]


def test_links_stay_inside_scripts_have_run_and_the_rest_of_a_page_is_left_out(browser, parts):
    taken = pdf.take([page for _, pages in parts for page in pages], browser)
    made = pdf.document(parts, taken, {"p0": 3, "p1": 4, "p2": 7})
    lines = re.findall(r'href="#(\w+)"><span>([\w ]+)</span><span>(\d+)</span>', made)
    assert lines == [("p0", pdf.BEFORE, "3"), ("p1", "one", "4"), ("p2", "two", "7")]
    assert re.findall(r'href="(#[\w-]+)">(?!<)', made) == ["#p1", "#p1-end", "#p1-top"]
    assert made.count("by a script") == 3
    assert "<script" not in made
    assert "beside" not in made


def test_without_a_browser_it_says_so(monkeypatch, tmp_path):
    monkeypatch.delenv("CHROME", raising=False)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(FileNotFoundError, match="no Chromium: install one, or name it"):
        pdf.chromium(str(tmp_path / "none"))


def test_what_is_typed_and_chosen_is_printed(browser, tmp_path):
    body = (
        '<input id="a"><input id="b" type="radio" name="r"><input type="radio" name="r" checked>'
        '<select><option selected>one</option><option>two</option></select><p id="drawn"></p>'
        '<script>document.querySelector("#a").value = "typed";'
        'document.querySelector("#b").checked = true;'
        'document.querySelector("select").selectedIndex = 1</script>'
    )
    (tmp_path / "one.html").write_text(PAGE.format(title="one", body=body), "utf-8")
    (taken,) = pdf.take([tmp_path / "one.html"], browser)
    assert 'value="typed"' in taken["html"]
    assert re.findall(r'<input id="p0-b"[^>]* checked', taken["html"])
    assert taken["html"].count("checked") == 1
    assert '<option>one</option><option selected="">two' in taken["html"]


def test_links_of_a_drawing_lead_to_their_chapter(browser, tmp_path):
    drawn = (
        '<svg><g><a href="two.html"><rect/></a><a href="#top"><rect/></a></g>'
        '<path id="x"/><use href="#x"/></svg><p id="drawn"></p>'
    )
    for name, body in (("one", drawn), ("two", '<p id="drawn"></p>')):
        (tmp_path / f"{name}.html").write_text(PAGE.format(title=name, body=body), "utf-8")
    one, _ = pdf.take([tmp_path / "one.html", tmp_path / "two.html"], browser)
    links = re.findall(r'<(?:a|use) href="([^"]*)"><', one["html"])
    assert links == ["#p1", "#p0-top", "#p0-x"]


def test_a_page_s_own_styles_reach_no_other_page(browser, tmp_path):
    """The colour of the word in a page's own dress; its rules name ids, and the book's theme."""
    for name, colour in (("one", "red"), ("two", "blue")):
        style = (
            f"<style>#it {{ color: {colour} }} html[data-theme] .at {{ color: {colour} }}</style>"
        )
        body = f'{style}<p id="it">it</p><p class="at" id="drawn">at</p>'
        (tmp_path / f"{name}.html").write_text(PAGE.format(title=name, body=body), "utf-8")
    pages = [tmp_path / "one.html", tmp_path / "two.html"]
    taken = pdf.take(pages, browser)
    tab = browser.new_page()
    tab.set_content(pdf.document([("", pages)], taken, {}))
    colours = "all => all.map(p => getComputedStyle(p).color)"
    red, blue = "rgb(255, 0, 0)", "rgb(0, 0, 255)"
    assert tab.eval_on_selector_all("article p", colours) == [red, red, blue, blue]
    tab.close()


def test_each_sheet_is_headed_by_its_chapter(browser, tmp_path):
    names = ["cover", 'One · a "quoted" title']
    for name in names:
        (tmp_path / f"{name}.html").write_text(PAGE.format(title=name, body=""), "utf-8")
    pages = [tmp_path / f"{name}.html" for name in names]
    made = pdf.document([("", pages)], pdf.take(pages, browser), {})
    assert '@page p1 { @top-right { content: "One · a \\"quoted\\" title";' in made
    assert "@page p0" not in made
    assert [f'id="p{n}" style="page: p{n}"' in made for n in (0, 1)] == [True, True]


def test_it_begins_with_a_title_page_and_what_can_only_be_pressed_is_left_out(browser, tmp_path):
    body = (
        '<div class="lede"><p>What it is.</p></div><div class="start"><a href="#">Begin</a></div>'
        '<p>More.</p><p id="drawn"></p></article><p class="extra_footer">Built from 1234567.</p>'
    )
    (tmp_path / "cover.html").write_text(PAGE.format(title="A book", body=body), "utf-8")
    pages = [tmp_path / "cover.html"]
    tab = browser.new_page()
    tab.set_content(pdf.document([("", pages)], pdf.take(pages, browser), {}))
    title = tab.locator(".title-page").inner_text()
    assert title.split("\n\n") == [
        "A book",
        "What it is.",
        f"{pdf.AUTHORS}\nBuilt from 1234567.",
    ]
    assert tab.locator("h1:visible").all_inner_texts() == ["Contents", pdf.BEFORE]
    assert tab.get_by_text("More.").is_visible()
    assert tab.get_by_text("Begin", exact=True).is_hidden()
    tab.close()


def test_the_outline_keeps_the_blanks_of_a_heading_of_two_lines(browser, tmp_path):
    words = "How many words does a heading have that goes on in a second line of its sheet"
    body = f'<h2>\n{words.replace(" of ", chr(10) + " of ")}</h2><p id="drawn"></p>'
    (tmp_path / "one.html").write_text(PAGE.format(title="one", body=body), "utf-8")
    pdf.write([("", [tmp_path / "one.html"])], browser, tmp_path / "book.pdf")
    printed = (tmp_path / "book.pdf").read_bytes()
    assert words.encode() in re.sub(rb"/Title \((.*?)\)", rb"\1", printed)


def test_the_cover_has_a_link_to_the_file_where_there_is_one(tmp_path):
    cover, file = tmp_path / "book/index.html", tmp_path / "all.pdf"
    cover.parent.mkdir()
    cover.write_text('<p>Read.<span class="whole-pdf"></span></p>', "utf-8")
    file.write_bytes(b"%PDF" + b"0" * 2_000_000)
    for _ in range(2):  # made twice, offered once
        pdf.offer(cover, file, 1234)
    link = 'Or take it all <a href="../all.pdf">as one PDF</a> (1,234 sheets, 2 MB).'
    assert cover.read_text("utf-8") == f'<p>Read.<span class="whole-pdf"> {link}</span></p>'
