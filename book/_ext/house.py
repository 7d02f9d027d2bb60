"""The book's own Sphinx extension: safe scripts, a mended theme."""

import html
import json
import re
from itertools import count
from pathlib import Path

from docutils import nodes
from myst_nb.core import render
from myst_nb.sphinx_ import HideCodeCellNode
from sphinx.util import logging

logger = logging.getLogger(__name__)

# thebe is off, and Jupyter Book 1 loads it twice, an error; no page has the others' cards or tabs.
UNUSED = re.compile("thebe|sphinx-design|design-tabs")


def drop_unused(app, pagename, templatename, context, doctree):
    """Leave out scripts and styles of extensions that Jupyter Book 1 brings and no page uses."""
    for kind in ("script_files", "css_files"):
        context[kind] = [file for file in context[kind] if not UNUSED.search(said(file))]


STILLS = json.loads(
    Path(__file__).resolve().parents[1].joinpath("_static/still/stills.json").read_text("utf-8")
)
VIEW = re.compile(
    r'<script type="[^"]*widget-view\+json">.*?"model_id": "(\w+)".*?</script>', re.DOTALL
)


def stand_in(app, pagename, templatename, context, doctree):
    """Where no script runs, a widget's first state stands in its place, or what it would show.

    Warn of one that the small loader of a page (widgets.js) cannot draw: not ours.
    """
    body = context.get("body", "")
    if not VIEW.search(body):
        return
    models, order = widget_states(context), count()

    def with_still(view):
        name = f"{pagename.rpartition('/')[2]}-{next(order)}"
        state = models[view[1]]["state"]
        stands = still(state, taken(name, state, "../" * pagename.count("/")))
        return f"{view[0]}<noscript>{stands}</noscript>"

    for kind in {models[view]["model_module"] for view in VIEW.findall(body)} - {"anywidget"}:
        logger.warning(
            "a page shows a widget of %s, and it loads no manager", kind, location=pagename
        )
    context["body"] = VIEW.sub(with_still, body)


def widget_states(context) -> dict:
    """Of each widget of a page what it keeps, by its id: read once, for all who ask."""
    if "widget_states" not in context:
        bodies = [getattr(file, "attributes", {}).get("body") for file in context["script_files"]]
        models = context["widget_states"] = {}
        for body in filter(None, bodies):
            if body.lstrip().startswith('{"state"'):
                models |= json.loads(body)["state"]
    return context["widget_states"]


def taken(name: str, state: dict, root: str) -> str:
    """The picture that book/stills.py took of a widget, as HTML; none: empty."""
    if name not in STILLS:
        return ""
    one, at = STILLS[name], f"{root}_static/still/{name}"
    sizes = [
        f'width="{width}" height="{height}"' for width, height in (one["size"], one["size-narrow"])
    ]
    said = html.escape(f"{state['caption']} It begins: {one['said']}")
    return (
        f'<picture><source media="(max-width: 600px)" srcset="{at}-narrow.png" {sizes[1]}>'
        f'<img src="{at}.png" {sizes[0]} loading="lazy" alt="{said}"></picture>'
    )


def still(state: dict, picture: str = "") -> str:
    """A widget's first state as HTML, from what it carries, or else from its picture."""
    parts = [state.get("still", "")]
    if "pictures" in state:
        i = state["index"]
        parts += [f"<p>{state['label']}: {state['labels'][i]}</p>", state["pictures"][i]]
    if "query_tokens" in state:
        asks, names = state["query"], state["query_tokens"]
        looks = state["weights"][state["layer"]][state["head"]][asks]
        keys = state["key_tokens"] or names
        most = sorted(range(len(looks)), key=lambda k: -looks[k])[:3]
        seen = ", ".join(f"“{html.escape(keys[k])}” {looks[k] / 1000:.2f}" for k in most)
        parts.append(f"<p>“{html.escape(names[asks])}” looks most at {seen}.</p>")
    classes = "tlp tlm" if parts[0] else "tlp"
    style = f"<style>{state['_css']}</style>" if parts[0] else ""
    caption = f"<figcaption>{html.escape(state.get('caption', ''))}</figcaption>"
    if picture and not any(parts):
        parts, caption = [picture], ""  # it shows its caption
    return (
        f'{style}<figure class="{classes}">{caption}{"".join(parts)}'
        "<p>Where JavaScript runs, this answers.</p></figure>"
    )


def mend_body(app, pagename, templatename, context, doctree):
    """Take out attributes of the theme that tell a screen reader something untrue."""
    for attribute in (
        ' aria-label="Toggle hidden content"',  # hides what the summary says
        ' role="doc-biblioentry"',  # deprecated, and its parent's role="list" wants list items
    ):
        context["body"] = context.get("body", "").replace(attribute, "")
    context["body"] = context["body"].replace(
        'role="list" class="citation-list"', 'class="citation-list"'
    )


def describe(app, pagename, templatename, context, doctree):
    """A page describes itself by its first paragraph: a chapter's, its promise."""
    paragraphs = doctree.findall(nodes.paragraph) if doctree else ()
    first = next((node for node in paragraphs if "facts" not in node["classes"]), None)
    if first is None:
        return
    text = html.escape(" ".join(first.astext().split()))
    tags = r'(<meta (?:property="og:|name=")description" content=")[^"]*"'
    made = re.sub(tags, lambda m: f'{m[1]}{text}"', context.get("metatags", ""))
    # Without an address of the site theirs are paths, which lead nowhere for who reads them.
    context["metatags"] = re.sub(
        r'<meta property="og:url" content="(?!https?:)[^"]*" />\s*', "", made
    )


def lead_in(app, exception):
    """The folder's own page leads to the cover, and has a title and a link of its own."""
    if exception is None and app.builder.format == "html":
        cover, title = f"{app.config.master_doc}.html", html.escape(app.config.html_title)
        (Path(app.outdir) / "index.html").write_text(
            f'<!doctype html><html lang="{app.config.language}"><meta charset="utf-8">'
            f'<title>{title}</title><meta http-equiv="refresh" content="0; url={cover}">'
            f'<link rel="canonical" href="{cover}"><p><a href="{cover}">{title}</a></p></html>\n',
            encoding="utf-8",
        )


NOT_FOUND = """<!doctype html><html lang="{language}"><meta charset="utf-8"><base href="{base}">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>No such page</title>
<meta name="robots" content="noindex"><link rel="icon" href="_static/favicon.svg">
<style>:root {{ color-scheme: light dark; }}
@font-face {{ font-family: "Source Serif 4"; src: url("_static/vendor/source-serif-4.woff2"); }}
body {{ font: 1.1rem/1.5 "Source Serif 4", Georgia, serif; margin: 12vh auto; max-width: 34rem;
  padding: 0 1rem; }}
ul {{ columns: 17rem; padding-left: 1.2rem; }}</style>
<h1>No page is at this address</h1>
<p>It may have moved. <a href="search.html">Search for it</a>, or begin at
<a href="{cover}">the cover</a>. These are the chapters:</p>
<ul>{chapters}</ul></html>
"""


def lead_back(app, exception):
    """A page for addresses that are none: a server shows it in place of what it cannot find."""
    if exception or app.builder.format != "html":
        return
    chapters = "".join(
        f'<li><a href="{name}.html">{html.escape(title.astext())}</a>'
        for name, title in sorted(app.env.titles.items())
        if name.startswith("notebooks/")
    )
    (Path(app.outdir) / "404.html").write_text(
        NOT_FOUND.format(
            language=app.config.language,
            base=html.escape(app.config.html_baseurl or "/"),
            cover=f"{app.config.master_doc}.html",
            chapters=chapters,
        ),
        encoding="utf-8",
    )


def name_folds(app, doctree, docname):
    """Say what is folded away: a whole cell is a solution, an input is the code of a figure."""
    names = {"content": "the solution", "source": "the code", "output": "the output"}
    for node in doctree.findall(HideCodeCellNode):
        if not node["prompt_show"].startswith("Show code cell"):
            continue  # named by chapters.py
        name = names.get(node["prompt_show"].split()[-1], "more")
        node["prompt_show"], node["prompt_hide"] = f"Show {name}", f"Hide {name}"


def show_before_code(app, doctree, docname):
    """What a cell shows stands before its folded code: by Tab and by ear one comes to it first."""
    for cell in doctree.findall(nodes.container):
        if isinstance(next(iter(cell.children), None), HideCodeCellNode):
            cell.append(cell.pop(0))


def mark_sentences(app, doctree, docname):
    """What a cell printed in one line is no table: it may break (custom.css)."""
    for node in doctree.findall(nodes.literal_block):
        if "output" in node["classes"] and "\n" not in node.astext().strip():
            node["classes"].append("one-line")


def keep_inside(script: str) -> str:
    r"""The text of a `<script>`, so written that no string in it ends the script or opens another.

    JSON holds `<` in strings alone, where `\u003c` says the same. A program also compares with it:
    there only those are replaced in which HTML would see a tag or a comment begin.
    """
    try:
        json.loads(script)
    except ValueError:
        return re.sub("<(?=/script|script|!--)", r"\\u003c", script, flags=re.IGNORECASE)
    return script.replace("<", r"\u003c")


def said(file) -> str:
    """The name of a script or style sheet, and its text when it stands in the page.

    Not the text of data: among the letters that stand for weights any short word may turn up.
    """
    attributes = getattr(file, "attributes", {})
    is_data = str(attributes.get("type", "")).endswith("json")
    text = "" if is_data else attributes.get("body", "")
    return f"{getattr(file, 'filename', file)} {text}".lower()


def setup(app):
    """Register what is above."""
    render.sanitize_script_content = keep_inside  # its own knows `</script>` in small letters alone
    app.connect("html-page-context", drop_unused, priority=990)
    app.connect("html-page-context", stand_in, priority=991)
    app.connect("html-page-context", mend_body, priority=990)
    app.connect("html-page-context", describe, priority=990)
    app.connect("doctree-resolved", name_folds)
    app.connect("doctree-resolved", show_before_code)
    app.connect("doctree-resolved", mark_sentences)
    app.connect("build-finished", lead_in, priority=100)
    app.connect("build-finished", lead_back, priority=100)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
