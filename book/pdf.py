"""The whole book as one PDF: `make pdf`, after `make book`.

Each page is opened in Chromium as a reader opens it, so that its widgets stand in their first
state, and what it shows then is put into one document, behind a title page and the contents. That
is printed twice: only the first time tells on which sheet each chapter begins, and the second has
it in the contents. The PDF lies beside the pages, and the cover of the book then has a link to it.
"""

import json
import os
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

import yaml
from playwright.sync_api import Browser, sync_playwright

BOOK = Path(__file__).resolve().parent
SITE = BOOK / "_build/html"
PDF = SITE / "transformers-built-and-run.pdf"
PICTURE = BOOK / "_static/hero.png"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
STYLE = """
@page { size: A4; margin: 18mm 16mm 20mm; }
html, body { background: #fff; }
body { font-size: 10.5pt; }
.chapter { break-before: page; }
/* The outline would lose the blanks at which a heading's lines break. */
.bd-article :is(h1, h2, h3, h4) { white-space: break-spaces; }
.title-page { align-items: center; display: flex; flex-direction: column; height: 245mm; }
.title-page p { text-align: center; }
.title-page .name { font: 600 34pt/1.2 'Source Serif 4'; margin: 38mm 0 8mm; }
.title-page .lede { font-size: 13pt; max-width: 120mm; }
.title-page img { filter: brightness(1.02); margin: 12mm 0 auto; width: 135mm; }
.title-page .imprint { font-size: 9pt; max-width: 140mm; }
/* Of the cover stays what can be read. */
.before :is(h1, .lede, .start, .first-line, .whole-pdf), section:has(> .parts) {
  display: none !important;
}
.whole, .whole .bd-article { max-width: none; padding: 0; }
.bd-article a.here { margin-top: 0; } /* next to the text: a long title reaches the edge */
.sheets li { list-style: none; }
.sheets a { display: flex; justify-content: space-between; }
.sheets b { display: block; margin: 0.8em 0 0.2em; }
.cell_output figure { zoom: 0.84; }
.bd-article:has(section.api) > section, dl.glossary { columns: 2; column-gap: 8mm; }
.bd-article:has(section.api) > section, .bd-article dl.glossary { font-size: 8.6pt; }
.bd-article:has(section.api) h1 { column-span: all; }
.bd-article section.api h2 { font-size: 13pt; margin-top: 1.2em; }
.bd-article section.api h3 { font-size: 10.5pt; margin-top: 0.9em; }
.bd-article section.api pre { font-size: 6.8pt !important; padding: 0.3rem 0.6rem; }
.bd-article section.api :is(p, dl) { font-size: inherit; margin-bottom: 0.35em; }
noscript, .tlp-problem:empty { display: none !important; }
"""
HEAD = "@page p%d { @top-right { content: %s; color: #57606a; font: 8pt 'Source Serif 4'; } }"
BEFORE = "Before you begin"  # what is left of the cover
AUTHORS = "By the authors of this book"
SEEN = "Where each word of Isaiah 11:6 looks: the wolf at the lion, the lamb at the kid."
FOLDED = "Code that is folded in a page, and the solutions of exercises, stand in the notebooks."
PRINT = {
    "prefer_css_page_size": True,
    "print_background": True,
    "display_header_footer": True,
    "header_template": "<i></i>",
    "footer_template": '<div style="font:8pt system-ui,sans-serif;width:100%;text-align:center">'
    '<span class="pageNumber"></span></div>',
    "outline": True,
    "tagged": True,
}

# What large widgets need comes at the first touch (_static/widgets.js).
DRAWN = """() => {
  dispatchEvent(new Event("pointermove"));
  const places = [...document.querySelectorAll('script[type$="widget-view+json"]')];
  return places.every((place) => place.matches(".drawn"));
}"""

# What a page shows, all of it unfolded; names and links are made those of the one document.
TAKE = """([number, numbers]) => {
  dispatchEvent(new Event("beforeprint"));
  const article = document.querySelector("article.bd-article");
  const here = (id) => `p${number}-${id}`;
  for (const canvas of article.querySelectorAll("canvas")) {
    const picture = Object.assign(new Image(), { src: canvas.toDataURL() });
    picture.style.width = `${canvas.clientWidth}px`;
    canvas.replaceWith(picture);
  }
  for (const node of article.querySelectorAll("script, noscript")) node.remove();
  for (const heading of article.querySelectorAll("h1, h2, h3, h4"))
    for (const text of heading.childNodes)
      if (text.nodeType === Node.TEXT_NODE) text.data = text.data.replace(/\\s+/g, " ");
  const own = (name, id) => (document.getElementById(id) ? `#${here(id)}` : name);
  const dress = ({ textContent }) => { // a page's own styles reach no other page
    const rules = textContent.replaceAll("html[data-theme]", ":scope");
    return `@scope (#p${number}) { ${rules.replace(/#([a-z][-a-z0-9_]*)/gi, own)} }`;
  };
  const styles = [...document.querySelectorAll("head style")].map(dress);
  for (const style of article.querySelectorAll("style")) style.textContent = dress(style);
  for (const input of article.querySelectorAll("input")) { // what is typed or chosen stays so
    input.setAttribute("value", input.value);
    input.toggleAttribute("checked", input.checked);
  }
  for (const option of article.querySelectorAll("option"))
    option.toggleAttribute("selected", option.selected);
  for (const link of article.querySelectorAll("a[href]")) {
    const to = new URL(link.getAttribute("href"), document.baseURI); // drawings have links, too
    const page = numbers[to.origin + to.pathname];
    const inside = `#p${page}` + to.hash.replace("#", "-");
    link.setAttribute("href", page === undefined ? to.href : inside);
  }
  for (const picture of article.querySelectorAll("img")) picture.setAttribute("src", picture.src);
  for (const node of [article, ...article.querySelectorAll("*")])
    for (const { name, value } of [...node.attributes]) {
      if (name === "id") node.id = here(value);
      else if (/^(for|aria-(labelledby|describedby|controls))$/.test(name))
        node.setAttribute(name, value.split(" ").map(here).join(" "));
      else if (value.includes("url(#"))
        node.setAttribute(name, value.replaceAll("url(#", `url(#p${number}-`));
      else if (/^(xlink:)?href$/.test(name) && value[0] === "#" && node.matches("svg :not(a)"))
        node.setAttribute(name, `#${here(value.slice(1))}`);
    }
  return {
    title: article.querySelector("h1").firstChild.textContent,
    lede: article.querySelector(".lede")?.textContent ?? "",
    imprint: document.querySelector(".extra_footer")?.textContent ?? "",
    html: article.outerHTML,
    styles,
    sheets: [...document.querySelectorAll("link[rel=stylesheet]")].map((sheet) => sheet.href),
  };
}"""


def chromium(own: str) -> str:
    """The browser: $CHROME, one of the usual names, or Playwright's own.

    Raises:
        FileNotFoundError: if there is none.
    """
    found = os.environ.get("CHROME") or next(filter(None, map(shutil.which, BROWSERS)), own)
    if not shutil.which(found):
        raise FileNotFoundError(
            "no Chromium: install one, or name it in the variable CHROME "
            f"(looked for {', '.join(BROWSERS)})"
        )
    return found


def parts() -> list[tuple[str, list[Path]]]:
    """The pages of each part, in the order of the contents; the cover is a part by itself."""
    toc = yaml.safe_load((BOOK / "_toc.yml").read_text(encoding="utf-8"))
    found = [("", [SITE / f"{toc['root']}.html"])]
    for part in toc["parts"]:
        pages = [p for c in part["chapters"] for p in (c, *c.get("sections", ()))]
        found.append((part["caption"], [SITE / f"{page['file']}.html" for page in pages]))
    return found


def take(pages: Sequence[Path], browser: Browser) -> list[dict]:
    """What each page shows: its title, its article, and how that is dressed."""
    numbers, taken = {page.as_uri(): n for n, page in enumerate(pages)}, []
    for n, page in enumerate(pages):
        tab = browser.new_page(color_scheme="light")
        tab.goto(page.as_uri())
        tab.wait_for_function(DRAWN)
        taken.append(tab.evaluate(TAKE, [n, numbers]))
        tab.close()
    return taken


def write(parts: Sequence[tuple[str, Sequence[Path]]], browser: Browser, to: Path) -> int:
    """Make one PDF of the pages.

    Args:
        parts: captions, each with its pages.
        browser: prints.
        to: the file.

    Returns:
        The number of sheets.
    """
    taken = take([page for _, pages in parts for page in pages], browser)
    sheets: dict[str, int] = {}
    for _ in range(2):
        source = to.with_suffix(".html")
        source.write_text(document(parts, taken, sheets), encoding="utf-8")
        tab = browser.new_page(color_scheme="light")
        tab.goto(source.as_uri())
        printed = tab.pdf(**PRINT)
        tab.close()
        sheets = begins(printed)
    source.unlink()
    to.write_bytes(printed)
    return len(sheets_of(printed))


def document(parts: Sequence, taken: Sequence[dict], sheets: Mapping[str, int]) -> str:
    """All of it in one page: title, contents, and each chapter from a sheet of its own.

    Above the text of each sheet stands the title of its chapter.
    """
    cover, *others = taken
    before = (
        f'<div class="bd-article"><h1>{BEFORE}</h1></div><div class="before">{cover["html"]}</div>'
    )
    chapters = [
        f'<section class="chapter" id="p{n}" style="page: p{n}">{html}</section>'
        for n, html in enumerate([before, *(page["html"] for page in others)])
    ]
    numbers, contents = iter(range(len(taken))), []
    for caption, pages in parts:
        lines = "".join(
            f'<li><a href="#p{n}"><span>{escape(taken[n]["title"] if n else BEFORE)}</span>'
            f"<span>{sheets.get(f'p{n}', '')}</span></a></li>"
            for _, n in zip(pages, numbers, strict=False)
        )
        contents.append(f"<b>{escape(caption)}</b><ol>{lines}</ol>")
    links = dict.fromkeys(sheet for page in taken for sheet in page["sheets"])
    styles = [style for page in taken for style in page["styles"]]
    titles = [json.dumps(page["title"], ensure_ascii=False) for page in taken]
    heads = [HEAD % (n, title) for n, title in enumerate(titles) if n]
    return (
        '<!doctype html><html lang="en" data-theme="light" data-mode="light"><meta charset="utf-8">'
        f"<title>{escape(cover['title'])}</title>"
        + "".join(f'<link rel="stylesheet" href="{escape(link)}">' for link in links)
        + "".join(f"<style>{style}</style>" for style in (*styles, STYLE, *heads))
        + f'<body class="whole">{title_page(**cover)}<nav class="chapter sheets bd-article">'
        + f"<h1>Contents</h1>{''.join(contents)}<p>{FOLDED}</p></nav>"
        + f"{''.join(chapters)}</body></html>"
    )


def title_page(title: str, lede: str, imprint: str, **_) -> str:
    """What the book is, whose, and from which commit."""
    picture = f'<img src="{PICTURE.as_uri()}" alt="{SEEN}">' * PICTURE.is_file()
    return (
        f'<section class="bd-article title-page"><p class="name">{escape(title)}</p>'
        f'<p class="lede">{escape(lede)}</p>{picture}'
        f'<p class="imprint">{AUTHORS}<br>{escape(imprint)}</p></section>'
    )


def begins(pdf: bytes) -> dict[str, int]:
    """On which sheet each chapter begins: where the links of the contents lead."""
    order = sheets_of(pdf)
    found = re.findall(rb"/(p\d+) \[(\d+) 0 R /XYZ", pdf)
    return {name.decode(): order.index(page) + 1 for name, page in found}


def sheets_of(pdf: bytes) -> list[bytes]:
    """The numbers of a PDF's pages, in their order; Chromium writes all but streams as text."""
    kids = dict(re.findall(rb"\n(\d+) 0 obj\s*<</Type /Pages\b.*?/Kids \[(.*?)\]", pdf, re.DOTALL))
    (root,) = re.findall(rb"/Type /Catalog\s*/Pages (\d+) 0 R", pdf)

    def below(node: bytes) -> list[bytes]:
        if node not in kids:
            return [node]
        return [page for kid in re.findall(rb"(\d+) 0 R", kids[node]) for page in below(kid)]

    return below(root)


def offer(cover: Path, pdf: Path, sheets: int) -> None:
    """Fill the place that the cover keeps for a link to the PDF: empty where there is none."""
    size = f"{sheets:,} sheets, {pdf.stat().st_size / 1e6:.0f} MB"
    link = (
        f' Or take it all <a href="{os.path.relpath(pdf, cover.parent)}">as one PDF</a> ({size}).'
    )
    text = re.sub(
        r'(<span class="whole-pdf">).*?(?=</span>)', rf"\1{link}", cover.read_text("utf-8")
    )
    cover.write_text(text, encoding="utf-8", newline="\n")


def main() -> None:
    """Make the PDF of the pages that stand."""
    if not (SITE / "book/index.html").is_file():
        sys.exit(f"no pages in {SITE}: make book first")
    with sync_playwright() as driver:
        try:
            found = chromium(driver.chromium.executable_path)
        except FileNotFoundError as error:
            sys.exit(str(error))
        browser = driver.chromium.launch(executable_path=found, args=["--no-sandbox"])
        count = write(parts(), browser, PDF)
        browser.close()
    offer(SITE / "book/index.html", PDF, count)
    print(f"The book on {count} sheets: {PDF.as_uri()}")


if __name__ == "__main__":
    main()
