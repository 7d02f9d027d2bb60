"""Every page of the book: it loads clean, stays at home, reads well and is open to everyone."""

import html
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest
from conftest import PAGES, ROOT, SITE
from fontTools.ttLib import TTFont

AXE = ROOT / "tests/book/vendor/axe.min.js"
RULES = {
    "light": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"],
    "dark": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]},  # what differs
}
# Words of code get their colours by a class. One of each is enough: there are thousands.
HIDE_REPEATED_CODE = """() => {
  const seen = new Set();
  for (const word of document.querySelectorAll("div.highlight span")) {
    if (seen.has(word.className)) word.style.display = "none";
    seen.add(word.className);
  }
}"""
SHOW_CODE = """() => document.querySelectorAll("div.highlight span")
  .forEach((word) => word.style.removeProperty("display"))"""
NOTEBOOKS = [page for page in PAGES if page.startswith("notebooks/")]
# In bytes: a page itself; what it loads before the reader touches it; and after that, all of it.
ITSELF, LOADED, IN_ALL = 1e6, 2.5e6, 4e6
BLOCKING = 60e3  # of scripts that are read before anything below them is
STILL = 0.05  # layout shift, where a window that jumps by its whole height has 1

with TTFont(ROOT / "book/_static/vendor/stix-two-math.woff") as font:
    FORMULA_LETTERS = {chr(code) for code in font.getBestCmap()}

every_page = pytest.mark.parametrize("page", PAGES)
every_notebook = pytest.mark.parametrize("page", NOTEBOOKS)


class Links(HTMLParser):
    """The links, sources, anchors and meta tags of one page."""

    def __init__(self, path: Path):
        super().__init__()
        self.targets, self.sources, self.ids, self.meta = [], [], set(), {}
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        """Note what this element points to, or may be pointed at by."""
        given = dict(attrs)
        self.ids |= {given[key] for key in ("id", "name") if given.get(key)}
        if tag == "a" and given.get("href"):
            self.targets.append(given["href"])
        if tag in ("img", "script") and given.get("src"):
            self.sources.append(given["src"])
        if tag == "meta":
            self.meta[given.get("property") or given.get("name")] = given.get("content")


def test_every_chapter_of_the_contents_is_a_page(site):
    wanted = re.findall(r"(?:file|root): (\S+)", (ROOT / "book/_toc.yml").read_text("utf-8"))
    assert {f"{name}.html" for name in wanted} == set(PAGES)
    assert "book/index.html" in (site / "index.html").read_text("utf-8")


def test_page_loads_clean_and_stays_at_home(tab):
    assert (tab.errors, tab.failed, tab.outside) == ([], [], [])


@every_page
def test_page_loads_clean_from_its_folder(open_page, page):
    tab = open_page(page, "file")
    assert (tab.errors, tab.failed, tab.outside) == ([], [], [])
    tab.close()


def test_no_markup_shows_through(tab):
    prose = tab.evaluate(
        """() => {
          const copy = document.querySelector("article.bd-article").cloneNode(true);
          copy.querySelectorAll("pre, code, script, style, math").forEach(n => n.remove());
          return copy.textContent;
        }"""
    )
    assert len(prose) > 200
    marks = r"\$|\{(ref|cite|numref|eq|doc|code-cell)\}|WARNING|\\\(|:::|\*\*|\]\("
    assert re.findall(f".*(?:{marks}).*", prose) == []


def test_formulas_stand_in_the_font_that_was_made_for_them(tab):
    """Each has a height, and no letter of it comes from another font."""
    heights = tab.eval_on_selector_all(
        "article math", "all => all.filter(m => m.checkVisibility()).map(m => m.clientHeight)"
    )
    assert 0 not in heights
    if heights:
        assert tab.evaluate("name => document.fonts.check(`1em '${name}'`)", "STIX Two Math")
    texts = tab.eval_on_selector_all("article math", "all => all.map(m => m.textContent)")
    assert {*"".join(texts)} - FORMULA_LETTERS - {*" \n"} == set()


def test_every_picture_has_an_alternative(tab):
    alts = tab.eval_on_selector_all("img", "all => all.map(i => i.getAttribute('alt'))")
    alts += tab.eval_on_selector_all(".plot", "all => all.map(i => i.ariaLabel)")
    assert [alt for alt in alts if not alt or re.search(r"\.png|\.svg|_images/", alt)] == []
    loaded = tab.eval_on_selector_all(
        "img", "all => Promise.all(all.map(i => i.decode().then(() => true, () => i.src)))"
    )
    assert [one for one in loaded if one is not True] == []


def test_nothing_runs_over_the_edge_of_a_phone(tab):
    tab.set_viewport_size({"width": 390, "height": 800})
    for _ in range(2):
        assert tab.evaluate("document.documentElement.scrollWidth") <= 390
        tab.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")


# Code and print that go on beyond the edge, without a shadow there.
UNSEEN = """() => [...document.querySelectorAll("div.cell_input pre, div.cell_output pre")]
  .filter((box) => box.checkVisibility() && box.scrollWidth > box.clientWidth + 1)
  .filter((box) => !getComputedStyle(box).backgroundImage.includes("linear-gradient"))
  .map((box) => box.textContent.slice(0, 40))"""
# Letters of plots below 9 px, where the plot could be wider.
SMALL = """() => [...document.querySelectorAll("svg.plot, .panels svg")].flatMap((plot) => {
  const scale = plot.getBoundingClientRect().width / plot.viewBox.baseVal.width;
  if (!plot.checkVisibility() || scale > 1.33) return [];
  return [...(plot.closest(".panels") ?? plot).querySelectorAll("text, tspan")]
    .filter((text) => parseFloat(getComputedStyle(text).fontSize) * scale < 8.95)
    .map((text) => text.textContent);
})"""


def test_what_goes_on_beyond_an_edge_shows_it_and_plots_are_legible(tab):
    tab.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert tab.evaluate(UNSEEN) == []
    tab.set_viewport_size({"width": 390, "height": 800})
    assert tab.evaluate(UNSEEN) == []
    assert tab.evaluate(SMALL) == []


@every_page
def test_page_is_light(page):
    path = SITE / page
    sources = (path.parent / unquote(source) for source in Links(path).sources)
    pictures = {file.resolve() for file in sources if "_images" in file.parts}
    assert path.stat().st_size + sum(p.stat().st_size for p in pictures) <= ITSELF


@every_page
def test_the_first_toy_waits_for_few_scripts(page):
    path = SITE / page
    text = path.read_text(encoding="utf-8")
    scripts = re.findall(r'<script(?![^>]*\b(?:async|defer)\b)[^>]*\bsrc="([^"?]+)', text)
    assert sum((path.parent / unquote(name)).stat().st_size for name in scripts) <= BLOCKING


# A box that is hidden would be laid out to be measured, and the page would wait for it.
NOTE_HIDDEN = """
  self.hidden = [];
  const { get } = Object.getOwnPropertyDescriptor(Element.prototype, "scrollWidth");
  Object.defineProperty(Element.prototype, "scrollWidth", { configurable: true, get() {
    if (!this.checkVisibility()) hidden.push(this.className || this.tagName);
    return get.call(this);
  } });
"""


@pytest.mark.parametrize("page", ["notebooks/04_blocks.html", "notebooks/14_vit.html"])
def test_nothing_hidden_is_measured(open_page, page):
    for width in (1280, 390):
        tab = open_page(page, width=width, before=NOTE_HIDDEN)
        tab.locator("details.deep > summary").first.click()
        tab.wait_for_timeout(400)  # the theme measures after changes, too
        assert tab.evaluate("hidden") == []
        tab.close()


def test_what_stands_below_a_toy_is_seen_when_it_is_drawn(tab):
    assert tab.locator(".waits").count() == 0


def test_page_loads_little(tab):
    names = " ".join(name for name, _ in tab.loaded)
    assert "fontawesome.js" not in names
    assert "searchindex.js" not in names
    assert sum(size for _, size in tab.loaded) <= LOADED, tab.loaded
    in_all = tab.evaluate("() => performance.getEntries().map(e => e.decodedBodySize ?? 0)")
    assert sum(in_all) <= IN_ALL


def test_at_once_come_the_weights_of_the_first_toy_alone(tab):
    """Others, and those of one whose first answer stands in the page, come at the first touch."""
    text = (SITE / tab.path).read_text(encoding="utf-8")
    asked = set(re.findall(r'<script async src="[^"]*_static/weights/(\w+)\.js"', text))
    came = {Path(name).stem for name, _ in tab.loaded if "/weights/" in name}
    assert came == asked


def test_nothing_moves_while_the_page_loads(tab):
    assert tab.moved <= STILL


@every_page
def test_nothing_moves_while_the_page_loads_on_a_phone(open_page, page):
    tab = open_page(page, width=390)
    assert tab.moved <= STILL
    tab.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_no_barrier(tab, theme):
    search_for_barriers(tab, theme)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_no_barrier_on_a_phone(open_page, theme):
    tab = open_page("book/index.html", width=390)
    search_for_barriers(tab, theme)
    tab.close()


def test_axe_finds_no_barrier_in_the_search(open_page):
    tab = open_page("search.html?q=softmax")
    tab.locator("#search-results li a").first.wait_for()
    search_for_barriers(tab, "light")
    search_for_barriers(tab, "dark")
    tab.close()


def search_for_barriers(tab, theme: str) -> None:
    """Fail with what axe finds on the page in this theme, with everything unfolded."""
    tab.emulate_media(color_scheme=theme)
    tab.wait_for_function("t => document.documentElement.dataset.theme === t", arg=theme)
    tab.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    tab.wait_for_timeout(500)  # what is unfolded is told so, and has faded in
    if not tab.evaluate("'axe' in window"):
        tab.evaluate(AXE.read_text(encoding="utf-8"))
    options = {"runOnly": RULES[theme], "resultTypes": ["violations"]}
    tab.evaluate(HIDE_REPEATED_CODE)
    found = tab.evaluate("options => axe.run(document, options)", options)["violations"]
    tab.evaluate(SHOW_CODE)
    told = {
        rule["id"]: [(node["html"][:160], node["failureSummary"][:300]) for node in rule["nodes"]]
        for rule in found
    }
    assert not found, json.dumps(told, indent=1)


@every_page
def test_page_introduces_itself(page):
    links = Links(SITE / page)
    for tag in ("og:title", "og:description", "og:image", "og:image:alt", "description"):
        assert links.meta.get(tag), tag
    text = (SITE / page).read_text(encoding="utf-8")
    icon = re.search(r'<link rel="icon" href="([^"]+)"', text).group(1)
    assert ((SITE / page).parent / icon).exists()


def test_links_lead_somewhere(site):
    pages = {path: Links(path) for path in site.rglob("*.html") if "_static" not in path.parts}
    broken = []
    for path, links in pages.items():
        for target in links.targets:
            if re.match(r"[a-z]+:", target):
                continue
            name, anchor = urldefrag(html.unescape(target))
            file = (path.parent / unquote(name)).resolve() if name else path
            lost = anchor and file in pages and unquote(anchor) not in pages[file].ids
            if lost or not file.exists():
                broken.append((path.name, target))
    assert broken == []


@every_notebook
def test_notebook_can_be_downloaded(page):
    path = SITE / page
    (target,) = {t for t in Links(path).targets if t.endswith(".ipynb") and "_sources" in t}
    assert json.loads((path.parent / target).read_text(encoding="utf-8"))["nbformat"] == 4


def test_code_can_be_copied_and_solutions_are_folded(tab):
    if tab.path not in NOTEBOOKS:
        assert tab.locator("div.cell_input").count() == 0
        return
    blocks = tab.locator("div.cell_input div.highlight")
    assert tab.locator("div.cell_input button.copybtn").count() == blocks.count() > 0
    folds = tab.locator("details.hide")
    assert tab.locator("details.hide[open]").count() == 0 < folds.count()
    folds.first.locator("summary").first.press("Enter")
    assert tab.locator("details.hide[open]").count() == 1


@every_page
def test_page_has_neighbours(page):
    text = (SITE / page).read_text(encoding="utf-8")
    assert re.search('class="(right-next|left-prev)"', text)


@pytest.mark.parametrize("toggle", [".primary-toggle", ".secondary-toggle"])
def test_buttons_open_the_contents_on_a_phone(open_page, toggle):
    tab = open_page("notebooks/01_attention.html", width=390)
    assert not tab.locator("dialog[open] a").count()
    tab.locator(f"{toggle}:visible").first.click()
    assert tab.locator("dialog[open] a:visible").count() > 3
    tab.close()


def test_button_changes_the_theme(open_page):
    tab = open_page("book/index.html")
    seen = set()
    for _ in range(3):
        tab.locator("button.theme-switch-button").locator("visible=true").first.click()
        seen.add(tab.evaluate("document.documentElement.dataset.theme"))
    tab.close()
    assert seen == {"light", "dark"}


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_search_finds_a_word(open_page, scheme):
    tab = open_page("search.html?q=softmax", scheme)
    tab.locator("#search-results li a[href*=notation]").first.wait_for()  # they come one by one
    tab.wait_for_timeout(300)
    assert (tab.errors, tab.failed, tab.outside) == ([], [], [])
    tab.close()
