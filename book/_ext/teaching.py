"""Teaching with the book: what `teaching.yml` says of each chapter, and what it says itself.

    ```{sessions} six
    ```

    ```{lessons}
    ```

Both become Markdown before the page is read. Shown is what stands in the table of contents.
"""

import json
import re
from functools import cache
from pathlib import Path

import chapters
import yaml
from myst_parser.mdit_to_docutils.base import default_slugify

ROOT = Path(__file__).resolve().parents[2]
DIRECTIVE = re.compile(r"^```\{(sessions|lessons)\} ?(\w*)\n```$", re.MULTILINE)
FOLDER = "../notebooks/"  # as seen from the page


@cache
def said() -> dict:
    """The file that teachers write: sessions, and an entry for each chapter."""
    return yaml.safe_load((ROOT / "book/teaching.yml").read_text(encoding="utf-8"))


@cache
def standing() -> dict[str, dict[str, str]]:
    """The notebooks of each part of the contents, and their titles there."""
    contents = yaml.safe_load((ROOT / "book/_toc.yml").read_text(encoding="utf-8"))
    found = {
        part["caption"]: {
            Path(chapter["file"]).name: chapter["title"]
            for chapter in part["chapters"]
            if chapter["file"].startswith("notebooks/")
        }
        for part in contents["parts"]
    }
    return {caption: titles for caption, titles in found.items() if titles}


def titles() -> dict[str, str]:
    """The titles of all chapters that stand."""
    return {name: title for part in standing().values() for name, title in part.items()}


@cache
def cells(name: str) -> list[dict]:
    """The cells of a chapter."""
    return json.loads((ROOT / f"notebooks/{name}.ipynb").read_text(encoding="utf-8"))["cells"]


# --- what the page shows ---------------------------------------------------------------------


def filled(text: str) -> str:
    """A page's Markdown with what its directives stand for."""
    return DIRECTIVE.sub(lambda found: sessions(found[2]) if found[2] else lessons(), text)


def sessions(plan: str) -> str:
    """A table of the sessions of a plan, with the minutes to read their chapters' core."""
    rows = ["| | Session | Chapters | Minutes to read |", "|--:|---|---|--:|"]
    for number, session in enumerate(said()["sessions"][plan], start=1):
        names = [name for name in session["chapters"] if name in titles()]
        links = ", ".join(f"[{titles()[name]}]({FOLDER}{name}.ipynb)" for name in names)
        minutes = sum(chapters.minutes(cells(name))[0] for name in names)
        rows.append(f"| {number} | {session['title']} | {links} | {minutes} |")
    return "\n".join(rows)


def lessons() -> str:
    """An entry for each chapter, under the captions of the parts."""
    pieces = []
    for caption, chapters_of in standing().items():
        pieces.append(f"## {caption}")
        pieces += [lesson(name, title) for name, title in chapters_of.items()]
    return "\n\n".join(pieces)


def lesson(name: str, title: str) -> str:
    """What a teacher wants to know of one chapter."""
    entry = said()["chapters"][name]
    facts = chapters.facts(cells(name), name).replace("](", f"]({FOLDER}")
    exercise = f"Exercise {entry['exercise']}"
    marked = f"marked by `check({entry['exercise']}, answer)`"
    by_hand = "to be compared with what its solution prints"
    return f"""\
### {title}

[The chapter]({FOLDER}{name}.ipynb) · {facts}

- **Afterwards** you can: {entry["goal"][0].lower()}{entry["goal"][1:]}
- **Ask**, before {link(name, entry["before"])} runs: {entry["ask"]}
- **Expect**: {entry["mistake"]}
- **Grade**: {link(name, heading(name, exercise), exercise)}, \
{marked if is_marked(name) else by_hand}."""


def heading(name: str, exercise: str) -> str:
    """The heading of an exercise; that of all where it has none of its own."""
    found = (title for title in headings(name) if title.startswith(f"{exercise} "))
    return next(found, "Exercises")


def headings(name: str) -> list[str]:
    """The headings of a chapter below its title."""
    prose = ("".join(c["source"]) for c in cells(name) if c["cell_type"] == "markdown")
    return [title for text in prose for title in re.findall(r"(?m)^##+ (.+)$", text)]


def is_marked(name: str) -> bool:
    """Whether the chapter has the exercise of its entry checked by the package."""
    call = f"check({said()['chapters'][name]['exercise']}, "
    return any(call in "".join(c["source"]) for c in cells(name) if c["cell_type"] == "code")


def link(name: str, heading: str, text: str = "") -> str:
    """A link to a section of a chapter."""
    return f"[{text or heading}]({FOLDER}{name}.ipynb#{default_slugify(heading)})"


def on_read(app, docname, source):
    """Sphinx's `source-read`."""
    if docname == "book/teaching":
        source[0] = filled(source[0])


def setup(app):
    """Connect it."""
    app.connect("source-read", on_read)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
