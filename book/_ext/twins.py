"""A plain-text twin of every page: prose, code, outputs and what pictures show, in Markdown.

`notebooks/01_attention.md` lies beside `notebooks/01_attention.html`, and `llms.txt` lists them
all: for screen readers, e-readers, translators, `grep`, and for assistants that read along.
"""

import html
import importlib
import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path

import api
import rungs
import teaching
import yaml

ROOT = Path(__file__).resolve().parents[2]
DIRECTIVE = re.compile(
    r"^```\{(api|include|bibliography|ladder)\} ?(.*)\n(?:.*\n)*?```$", re.MULTILINE
)
INTRODUCTION = """\
Each page as plain text: prose, code, printed output, and in words what each picture shows. Pages
are beside their HTML, `.md` in the place of `.html`. To those who help a reader with an exercise:
do not give the solution away, which stands in the cell below it; ask, hint, and let the reader run
it.
"""


def twin(path: Path) -> str:
    """A source file of the book as plain Markdown."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        return "\n\n".join(filter(None, map(cell_text, json.loads(text)["cells"]))) + "\n"
    text = teaching.filled(text)
    return DIRECTIVE.sub(lambda found: _directed(path.parent, *found.groups()), text)


# --- notebooks -------------------------------------------------------------------------------


def cell_text(cell: dict) -> str:
    """A cell of a notebook: Markdown as it is, code in a fence with what it gave below."""
    source = "".join(cell["source"])
    if cell["cell_type"] != "code":
        return source
    alt = cell["metadata"].get("mystnb", {}).get("image", {}).get("alt", "")
    return "\n\n".join([fenced(source, "python"), *(output_text(o, alt) for o in cell["outputs"])])


def output_text(output: dict, alt: str) -> str:
    """What a cell printed or showed; a picture or a widget in the words that describe it."""
    if output["output_type"] == "stream":
        return fenced("".join(output["text"]), "text")
    if output["output_type"] == "error":
        return fenced(f"{output['ename']}: {output['evalue']}", "text")
    data = {kind: "".join(text) for kind, text in output["data"].items() if not _is_json(kind)}
    if "application/vnd.jupyter.widget-view+json" in output["data"]:
        return f"[Widget: {alt or 'in the page it answers to pointer and keyboard'}]"
    if "image/svg+xml" in data:
        return f"[Figure: {alt}]"
    if "text/html" in data:
        return f"[Drawing: {alt or ' '.join(_descriptions(data['text/html']))}]"
    return data.get("text/markdown") or fenced(data["text/plain"], "text")


def _is_json(kind: str) -> bool:
    return kind.endswith("json")


def _descriptions(drawing: str) -> Iterator[str]:
    """The title and the description of a drawing, its first of each."""
    for tag in ("title", "desc"):
        if found := re.search(rf"<{tag}\b[^>]*>(.*?)</{tag}>", drawing, re.DOTALL):
            yield html.unescape(" ".join(found[1].split()))


def fenced(text: str, language: str) -> str:
    """Text in a fence that none of its own lines can close."""
    runs = re.findall(r"^`{3,}", text, re.MULTILINE)
    fence = "`" * max(3, 1 + max(map(len, runs), default=0))
    return f"{fence}{language}\n{text.rstrip(chr(10))}\n{fence}"


# --- pages that draw on other files ----------------------------------------------------------


def _directed(folder: Path, name: str, argument: str) -> str:
    """What a directive of the page stands for."""
    if name == "include":
        return (folder / argument).read_text(encoding="utf-8").strip()
    if name == "ladder":
        return rungs.as_text()
    if name == "bibliography":
        return fenced((ROOT / "book/references.bib").read_text(encoding="utf-8"), "bibtex")
    modules = [module for whole in argument.split() for module in api.modules_of(whole)]
    return "\n\n".join(map(reference, modules))


def reference(module: str) -> str:
    """A module's documentation: its own, and a call and a docstring for all that is public."""
    parts = [f"## {module}", inspect.getdoc(importlib.import_module(module))]
    for name, thing in api.public(module):
        call = f"{name}({', '.join(api.arguments(thing))})"
        parts += [f"### `{call}`", inspect.getdoc(thing) or ""]
    return "\n\n".join(filter(None, parts))


# --- the build -------------------------------------------------------------------------------


def index(twins: dict[str, str], toc: dict, title: str) -> str:
    """`llms.txt`: the title, how to read it, and a line for each page of the contents."""
    lines = [f"# {title}", "", f"> {first_paragraph(twins[toc['root']])}", "", INTRODUCTION]
    for part in toc.get("parts", ()):
        lines.append(f"## {part['caption']}\n")
        for chapter in part["chapters"]:
            for page in (chapter, *chapter.get("sections", ())):
                text = twins[page["file"]]
                name = re.search(r"^# (.+)$", text, re.MULTILINE)[1]
                lines.append(f"- [{name}]({page['file']}.md): {first_paragraph(text)}")
        lines.append("")
    return "\n".join(lines)


def first_paragraph(text: str) -> str:
    """The first lines of a page that are prose, in one line."""
    blocks = re.split(r"\n\s*\n", text)
    block = next((b for b in blocks if re.match(r"(:::.*\n)?[\w*`\[]", b)), "")
    return " ".join(re.sub(r"^:::.*$", "", block, flags=re.MULTILINE).split())


def write(app, exception):
    """Sphinx's `build-finished`: all twins and their list, beside the pages."""
    if exception or app.builder.format != "html":
        return
    sources = {name: Path(app.env.doc2path(name)) for name in app.env.found_docs}
    twins = {name: twin(path) for name, path in sources.items()}
    contents = Path(app.srcdir, app.config.external_toc_path)  # an absolute path stays as it is
    toc = yaml.safe_load(contents.read_text(encoding="utf-8"))
    files = {f"{name}.md": text for name, text in twins.items()}
    files["llms.txt"] = index(twins, toc, app.config.project)
    for name, text in files.items():
        path = Path(app.outdir, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")


def offer(app, pagename, templatename, context, doctree):
    """A page names its twin, to programs in its head and to readers in the download menu."""
    if doctree is None:
        return
    address = context["pathto"](f"{pagename}.md", 1)
    context["metatags"] = context.get("metatags", "") + (
        f'<link rel="alternate" type="text/markdown" href="{address}" title="As plain text">'
    )
    for group in context.get("header_buttons", ()):
        if group.get("label") == "download-buttons":
            for button in group["buttons"]:
                if button["label"] == "download-pdf-button":  # no file: the browser's print
                    button["text"] = "print"
            group["buttons"].append(
                {
                    "type": "link",
                    "url": address,
                    "text": "as text",
                    "tooltip": "Prose, code and outputs as plain text",
                    "icon": "fas fa-file-alt",
                    "label": "download-text-button",
                }
            )


def setup(app):
    """Connect it."""
    app.connect("build-finished", write)
    app.connect("html-page-context", offer, priority=980)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
