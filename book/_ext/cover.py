"""The cover: a line that answers, a ladder, a card for each part, and why the book may be trusted.

    ```{first-line}
    ```

    ```{ladder}
    ```

    :::{part} I. Attention
    One formula, taken apart.
    :::

A card lists the chapters that the table of contents has under that caption: those that stand.
"""

import os
import re
from html import escape
from pathlib import Path

import first_line
import rungs
import small_drawings
import yaml
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

ROOT = Path(__file__).resolve().parents[2]
DRAWINGS = {
    "I": small_drawings.attention,
    "II": small_drawings.transformer,
    "III": small_drawings.language,
    "IV": small_drawings.beyond_text,
    "V": small_drawings.far_away,
    "VI": small_drawings.in_practice,
}


def parts() -> dict[str, list[dict]]:
    """The chapters of each part, by its caption."""
    contents = yaml.safe_load((ROOT / "book/_toc.yml").read_text(encoding="utf-8"))
    return {part["caption"]: part["chapters"] for part in contents["parts"]}


class FirstLine(SphinxDirective):
    """The line, drawn in its first state."""

    def run(self):
        """As HTML, with the way to the folder of the scripts."""
        root = "../" * self.env.docname.count("/")
        return [nodes.raw("", first_line.figure(root), format="html")]


class Ladder(SphinxDirective):
    """One line that gets better, and what each model pays for the next character."""

    def run(self):
        """As HTML, with the way to the chapters."""
        root = "../" * self.env.docname.count("/")
        self.env.note_dependency(str(rungs.STUDIES / "ladder.json"))
        return [nodes.raw("", rungs.figure(root), format="html")]


class Part(SphinxDirective):
    """A card: a drawing, the caption, what the directive holds, and links to the chapters."""

    required_arguments, final_argument_whitespace, has_content = 1, True, True

    def run(self):
        """A container of Markdown that is read as if it stood in the page.

        Raises:
            ValueError: if the table of contents has no part of that caption.
        """
        caption, up = self.arguments[0], "../" * self.env.docname.count("/")
        if caption not in (known := parts()):
            raise ValueError(f"part must be one of {[*known]}, got {caption!r}")
        links = [
            f"- [{chapter['title']}]({up}{chapter['file']}.ipynb)" for chapter in known[caption]
        ]
        text = [f"### {caption}", "", *self.content, "", *links]
        card = nodes.container(classes=["part"])
        drawing = DRAWINGS[caption.partition(".")[0]]()
        card += nodes.raw("", f'<div class="drawn">{drawing}</div>', format="html")
        self.state.nested_parse(StringList(text, self.env.docname), self.content_offset, card)
        return [card]


class Trust(SphinxDirective):
    """Three numbers, and where each comes from."""

    def run(self):
        """A list; what is not known is left out."""
        lines = [
            ("0 €", "to read it, to run it, to pass it on; no account"),
            ("0 bytes", "to fetch from elsewhere while you read, from the web or from a folder"),
        ]
        if checked := recomputed():
            date, systems = checked
            lines.append((date, f"every chapter recomputed and compared, on {systems}"))
        items = "".join(f"<div><dt>{escape(n)}</dt><dd>{escape(t)}</dd></div>" for n, t in lines)
        return [nodes.raw("", f'<dl class="trust">{items}</dl>', format="html")]


def recomputed(environ=os.environ) -> tuple[str, str] | None:
    """The day on which CI last ran all chapters of this commit, and on what; None: it does not say.

    `BOOK_CHECKED` is set by .github/workflows/pages.yml, which builds what the tests have passed.
    """
    found = re.match(r"\d{4}-\d\d-\d\d", environ.get("BOOK_CHECKED", ""))
    if not found:
        return None
    tests = yaml.safe_load((ROOT / ".github/workflows/test.yml").read_text(encoding="utf-8"))
    matrix = tests["jobs"]["test"]["strategy"]["matrix"]
    names = {"ubuntu": "Linux", "macos": "macOS", "windows": "Windows"}
    systems = [names[system.partition("-")[0]] for system in matrix["os"]]
    return found[0], f"{', '.join(systems)} and Python {', '.join(matrix['python'])}"


def write_script(app, exception):
    """Sphinx's `build-finished`: the model that answers, for all pages that ask for it."""
    if not exception and app.builder.format == "html":
        path = Path(app.outdir, "_static/verses_gpt.js")
        path.write_text(first_line.page_script(), encoding="utf-8", newline="\n")


def setup(app):
    """Connect it."""
    app.add_directive("first-line", FirstLine)
    app.add_directive("ladder", Ladder)
    app.add_directive("part", Part)
    app.add_directive("trust", Trust)
    app.connect("build-finished", write_script)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
