"""The book's own Sphinx extension: what the theme leaves to be mended, and the site's address."""

import html
import os
import re

from docutils import nodes
from myst_nb.sphinx_ import HideCodeCellNode


def drop_thebe(app, pagename, templatename, context, doctree):
    """Leave out thebe's scripts: it is off, and Jupyter Book 1 loads them twice, an error."""
    for kind in ("script_files", "css_files"):
        context[kind] = [file for file in context[kind] if "thebe" not in said(file)]


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
    first = next(iter(doctree.findall(nodes.paragraph)), None) if doctree else None
    if first is None:
        return
    text = html.escape(" ".join(first.astext().split()))
    tags = r'(<meta (?:property="og:|name=")description" content=")[^"]*"'
    context["metatags"] = re.sub(tags, lambda m: f'{m[1]}{text}"', context.get("metatags", ""))


def name_folds(app, doctree, docname):
    """Say what is folded away: a whole cell is a solution, an input is the code of a figure."""
    names = {"content": "the solution", "source": "the code", "output": "the output"}
    for node in doctree.findall(HideCodeCellNode):
        name = names.get(node["prompt_show"].split()[-1], "more")
        node["prompt_show"], node["prompt_hide"] = f"Show {name}", f"Hide {name}"


def said(file) -> str:
    """The name of a script or style sheet, and its text when it stands in the page."""
    attributes = getattr(file, "attributes", {})
    return f"{getattr(file, 'filename', file)} {attributes.get('body', '')}".lower()


def setup(app):
    """Mend the pages; take the address of the site from the environment."""
    app.connect("html-page-context", drop_thebe, priority=990)
    app.connect("html-page-context", mend_body, priority=990)
    app.connect("html-page-context", describe, priority=990)
    app.connect("doctree-resolved", name_folds)
    app.config.ogp_site_url = os.environ.get("BOOK_URL", "")
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
