"""Plots stand in the page itself: a style sheet does not reach into a file of its own."""

from pathlib import Path

from docutils import nodes
from panels import in_panels

from transformer_lib.show.vector import part_of_page


def put_in(app, doctree, docname):
    """Put the plots of a page in place of the images that name their files."""
    if app.builder.format != "html":
        return
    for image in list(doctree.findall(nodes.image)):
        path = Path(app.srcdir) / image["uri"]
        if path.suffix == ".svg" and "jupyter_execute" in path.parts:
            svg = path.read_text(encoding="utf-8")
            part = in_panels(part_of_page(svg, image.get("alt", "")), svg)
            image.replace_self(nodes.raw("", part, format="html"))


def setup(app):
    """Connect it."""
    app.connect("doctree-resolved", put_in)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
