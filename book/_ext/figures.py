"""Plots stand in the page itself: a style sheet does not reach into a file of its own."""

import re
from pathlib import Path

from docutils import nodes
from narrow import narrowed
from panels import in_panels

from transformer_lib.show.vector import part_of_page

# What nobody sees: blanks between tags, turns by no angle, and the font of all plots (custom.css).
_BLANKS, _TURNS = r"(?<=>)\s+(?=<)", r' transform="rotate\(-0 [^)]*\)"'
_IDLE = re.compile(rf"{_BLANKS}|{_TURNS}|font-family: DejaVu Sans, Verdana, sans-serif; ")


def put_in(app, doctree, docname):
    """Put the plots of a page in place of the images that name their files."""
    if app.builder.format != "html":
        return
    for image in list(doctree.findall(nodes.image)):
        path = Path(app.srcdir) / image["uri"]
        if path.suffix == ".svg" and "jupyter_execute" in path.parts:
            text = _for_any_width(path.read_text(encoding="utf-8"), image.get("alt", ""))
            image.replace_self(nodes.raw("", _IDLE.sub("", text), format="html"))


def _for_any_width(svg: str, alt: str) -> str:
    """A plot that a phone can show whole: in panels, or twice, of which one is seen."""
    part = in_panels(part_of_page(svg, alt), svg)
    phone = narrowed(svg) if part.startswith("<svg") else None
    if phone is None:
        return part
    phone = part_of_page(phone, alt).replace('class="plot"', 'class="plot for-phone"', 1)
    return part.replace('class="plot"', 'class="plot for-desk"', 1) + phone


def setup(app):
    """Connect it."""
    app.connect("doctree-resolved", put_in)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
