"""The rendered book in a real browser: served from a loopback port, and read from its folder.

BOOK_HTML names the folder of the pages (book/_build/html by default), CHROME a browser. Without a
browser or without pages these tests skip, but fail where the variable CI is set.
"""

import functools
import os
import shutil
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SITE = Path(os.environ.get("BOOK_HTML", ROOT / "book/_build/html")).resolve()
PAGES = sorted(
    path.relative_to(SITE).as_posix()
    for part in ("book", "notebooks")
    for path in SITE.glob(f"{part}/**/*.html")
)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

# How much of the window has moved by itself so far: the sum of what the browser kept.
MOVED = """() => new Promise((done) => {
  let moved = 0;
  new PerformanceObserver((list) => {
    for (const shift of list.getEntries()) if (!shift.hadRecentInput) moved += shift.value;
  }).observe({ type: "layout-shift", buffered: true });
  requestAnimationFrame(() => setTimeout(() => done(moved)));
})"""


def give_up(reason: str):
    """Skip, or fail where a skip would hide that nothing was tested."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def site() -> Path:
    """The folder of the rendered pages."""
    if not PAGES:
        give_up(f"no pages in {SITE}: build the book first (make book)")
    return SITE


@pytest.fixture(scope="session")
def served(site):
    """The address of the pages over http, on a free port of this machine."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture(scope="session")
def address(site, served):
    """Where a page is, by `address(scheme, page)` with "http" or "file"."""
    return lambda scheme, page: f"{served if scheme == 'http' else site.as_uri()}/{page}"


@pytest.fixture(scope="session")
def browser():
    """One Chromium for all tests: $CHROME, the system's, or Playwright's own."""
    playwright = pytest.importorskip("playwright.sync_api")
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    found = os.environ.get("CHROME") or next(filter(None, map(shutil.which, names)), None)
    with playwright.sync_playwright() as driver:
        if not found and not Path(driver.chromium.executable_path).exists():
            give_up("no Chromium: install one, or name it in the variable CHROME")
        chromium = driver.chromium.launch(executable_path=found, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(params=[1280, 390])
def toy_tab(browser, toy, tmp_path, request):
    """A module's `toy` on a page of its own, read from a file: no error, and nothing beside it."""
    file = tmp_path / "page.html"
    file.write_text(f'<!doctype html><meta charset="utf-8"><body>{toy._repr_html_()}', "utf-8")
    tab = browser.new_page(viewport={"width": request.param, "height": 900}, has_touch=True)
    wrong = []
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    tab.goto(file.as_uri())
    yield tab
    assert wrong == []
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    tab.close()


@pytest.fixture(scope="session")
def open_page(browser, address):
    """`open_page(page, scheme, width, touch, before)`: a page that has settled, what it did noted.

    The page gets three lists: `.errors` (console and exceptions), `.failed` (requests that failed
    or were refused) and `.outside` (requests that left this site); and `.moved`, how much of it
    moved while it loaded. It has been touched: what it loaded before that is `.loaded`, pairs of
    name and bytes. `before` is a script that runs before those of the page. The caller closes it.
    """

    def visit(page, scheme="http", width=1280, touch=False, before=""):
        tab = browser.new_page(
            viewport={"width": width, "height": 900}, reduced_motion="reduce", has_touch=touch
        )
        tab.add_init_script(before)
        tab.errors, tab.failed, tab.outside = [], [], []
        home = (address(scheme, ""), "data:", "blob:")

        def leave(request):
            if not request.url.startswith(home):
                tab.outside.append(request.url)

        tab.on("console", lambda m: tab.errors.append(m.text) if m.type == "error" else None)
        tab.on("pageerror", lambda error: tab.errors.append(str(error)))
        tab.on("requestfailed", lambda r: tab.failed.append(r.url))
        tab.on("response", lambda r: tab.failed.append(r.url) if r.status >= 400 else None)
        tab.on(
            "request", lambda r: tab.outside.append(r.url) if not r.url.startswith(home) else None
        )
        tab.goto(address(scheme, page))
        settle(tab)
        tab.moved = tab.evaluate(MOVED)
        return tab

    return visit


@pytest.fixture(
    scope="session",
    params=[pytest.param(page, marks=pytest.mark.xdist_group(page)) for page in PAGES],
)
def tab(request, open_page):
    """Each page in turn, opened once and shared by the tests that take `tab`; `tab.path` names it.

    pytest runs all tests of one page before it opens the next, in one process (its group). A test
    may leave the page in any state but with its width, theme and folds changed for good: `fresh`
    sets those back.
    """
    page = open_page(request.param)
    page.path = request.param
    yield page
    page.close()


@pytest.fixture(autouse=True)
def fresh(request):
    """A shared page is wide, light and folded when a test begins."""
    if "tab" in request.fixturenames:
        page = request.getfixturevalue("tab")
        page.set_viewport_size({"width": 1280, "height": 900})
        page.emulate_media(color_scheme="light")
        page.mouse.move(0, 0)
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = false)")


def settle(tab) -> None:
    """Wait until the widgets stand; note in `tab.loaded` what came before the first touch."""
    tab.wait_for_load_state("load")
    stand = """(kinds) => [...document.querySelectorAll('script[type$="widget-view+json"]')]
      .every((place) => place.matches(kinds))"""
    tab.wait_for_function(stand, arg=".drawn, .later")
    tab.loaded = tab.evaluate(
        "() => performance.getEntries().map(e => [e.name, e.decodedBodySize ?? 0])"
    )
    tab.evaluate("dispatchEvent(new Event('pointermove'))")
    tab.wait_for_function(stand, arg=".drawn")
    tab.wait_for_timeout(100)
