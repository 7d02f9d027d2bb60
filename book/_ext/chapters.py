"""A chapter's page: what is folded on it, and the line under its title.

All of it is decided on the notebook before it is read, so that the notebook in JupyterLab needs
nothing but its tags.

- A heading's cell that is tagged `deep` begins a section that the page folds.
- A cell of nothing but imports is folded to one line that says how many there are.
- A cell of nothing but assertions and prints is folded under what it printed.
- What is first seen stands above the code that leads to it, which is in one fold with its own,
  or in a few where it is long.
- Under the title: the minutes to read the core and all, the time to run, the chapters it needs.
"""

import ast
import json
import re
import sys
from pathlib import Path

from docutils import nodes
from IPython.core.inputtransformer2 import TransformerManager

ROOT = Path(__file__).resolve().parents[2]
TIMES = ROOT / "book/times.json"  # seconds that each notebook runs; `make times` rewrites it

# How long a reader takes: words a minute, and seconds for a line of code and for a picture.
WORDS, LINE, PICTURE = 230, 3, 15

CHECKS = ("assert_close", "print", "gradcheck")
HEADING = re.compile(r"(#{1,6}) .+")
LONG, PIECE = 150, 105  # lines of code: more than a fold shall hold, and what one then holds


def on_read(app, docname, source):
    """Sphinx's `source-read`: the notebook as the page shall show it."""
    path = Path(app.env.doc2path(docname))
    if path.suffix == ".ipynb":
        notebook = json.loads(source[0])
        source[0] = json.dumps(as_page(notebook, path.stem))


def as_page(notebook: dict, name: str) -> dict:
    """The notebook with marks for what is folded, and the line under its title."""
    cells = notebook["cells"]
    line = facts(cells, name)
    for cell in cells:
        cell["source"] = text = "".join(cell["source"])
        tags = cell["metadata"].setdefault("tags", [])
        if cell["cell_type"] == "markdown" and "deep" in tags:
            if not HEADING.match(text):
                raise ValueError(f"{name}: a cell tagged deep must begin with a heading: {text!r}")
            cell["source"] = f"{{.deep}}\n{text}"
        elif cell["cell_type"] == "code":
            if fold := folded(text, cell["outputs"]):
                tag, show = fold
                hide = show
                tags += [tag, "hide-input"]
            elif "hide-input" in tags:
                show, hide = (f"{verb} the code{_holds(cell)}" for verb in ("Show", "Hide"))
            else:
                continue
            prompts = {"code_prompt_show": show, "code_prompt_hide": hide}
            cell["metadata"].setdefault("mystnb", {}).update(prompts)  # beside a figure's alt
    show_first(cells)
    title, _, rest = cells[0]["source"].partition("\n")
    cells[0]["source"] = f"{title}\n\n{{.facts}}\n{line}\n{rest}"
    return notebook


def show_first(cells: list[dict]) -> None:
    """Take the code in front of the first cell that shows something below it.

    Where the cell's own code is folded, the rest joins it there, in the order in which it runs;
    more of it than a fold shall hold is cut into a few, each named by what it defines first.
    """
    at = next((i for i, cell in enumerate(cells) if cell.get("outputs")), 0)
    start = at
    while start and cells[start - 1]["cell_type"] == "code":
        start -= 1
    before, first = cells[start:at], cells[at]
    if not before:
        return
    if "hide-input" not in first["metadata"]["tags"]:
        cells[start : at + 1] = [first, *before]
        return
    pieces = in_pieces([*before, first])
    for i, cell in enumerate(pieces):
        part = f", {i + 1} of {len(pieces)}{_names(cell)}" if pieces[1:] else ""
        said = f"the code up to here{part}, {len(cell['source'].splitlines())} lines"
        prompts = {"code_prompt_show": f"Show {said}", "code_prompt_hide": f"Hide {said}"}
        cell["metadata"].setdefault("mystnb", {}).update(prompts)
    cells[start : at + 1] = pieces


def in_pieces(cells: list[dict]) -> list[dict]:
    """Cells of code as one, or where that is long as a few of about one length.

    The first holds what the last of the cells puts out: all code stands below it.
    """
    lengths = [len(cell["source"].splitlines()) for cell in cells]
    total = sum(lengths)
    count = round(total / PIECE) if total > LONG else 1
    pieces, above = [[] for _ in range(count)], 0
    for cell, length in zip(cells, lengths, strict=True):
        pieces[int((above + length / 2) / total * count)].append(cell)
        above += length
    pieces = [piece for piece in pieces if piece]
    code = ["\n\n".join(cell["source"].strip() for cell in piece) for piece in pieces]
    rest = [
        piece[0] | {"source": text, "outputs": [], "metadata": {"tags": ["hide-input"]}}
        for piece, text in zip(pieces[1:], code[1:], strict=True)
    ]
    return [cells[-1] | {"source": code[0]}, *rest]


def folded(text: str, outputs: list) -> tuple[str, str] | None:
    """The tag and the words of a cell that is folded by what it holds; None where it stays open."""
    body = ast.parse(TransformerManager().transform_cell(text)).body
    imported = [node for node in body if isinstance(node, ast.Import | ast.ImportFrom)]
    if imported and not outputs and all(node in imported or _sets_up(node) for node in body):
        count = sum(len(node.names) for node in imported)
        return "imports", f"{count} import{'s' * (count != 1)}"
    checks = [node for node in body if isinstance(node, ast.Assert) or _calls(node, CHECKS[::2])]
    if checks and outputs and all(n in checks or _calls(n, CHECKS) for n in body):
        return "check", "How this is checked"
    return None


def _holds(cell: dict) -> str:
    """What the folded code of a cell makes, and how long it is."""
    kinds = {kind for output in cell["outputs"] for kind in output.get("data", ())}
    lines = len(cell["source"].splitlines())
    if "image/svg+xml" in kinds:
        what = " of the figure"
    elif any("widget" in kind or kind == "text/html" for kind in kinds):
        what = " of what is seen here"
    else:
        what = _names(cell) or " of the numbers" * bool(cell["outputs"])
    return f"{what}, {lines} line{'s' * (lines != 1)}"


def _names(cell: dict) -> str:
    """The first functions and classes that a cell defines."""
    tree = ast.parse(TransformerManager().transform_cell(cell["source"]))
    made = [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    return f": {', '.join(made[:3])}{' …' * (len(made) > 3)}" if made else ""


def _calls(node: ast.stmt, names: tuple[str, ...]) -> bool:
    """Whether a statement is a call of one of the functions."""
    call = node.value if isinstance(node, ast.Expr) else None
    return isinstance(call, ast.Call) and ast.unparse(call.func).split(".")[-1] in names


def _sets_up(node: ast.stmt) -> bool:
    """Whether a statement gives nothing that the page uses: a call whose result is dropped."""
    if isinstance(node, ast.Assign):
        return ast.unparse(node.targets[0]) == "_"
    return isinstance(node, ast.Expr)


# --- the line under the title ----------------------------------------------------------------


def facts(cells: list[dict], name: str) -> str:
    """As "core 30 min · all 60 min · runs 0:40 · needs 2, 3", in Markdown."""
    core, whole = minutes(cells)
    said = [f"core {core} min", f"all {whole} min"] if core < whole else [f"{whole} min"]
    if seconds := json.loads(TIMES.read_text()).get(name):
        said.append(f"runs {seconds // 60}:{seconds % 60:02}")
    number = name.partition("_")[0]
    if number.isdigit() and (chapters := needs(cells, int(number))):
        said.append("needs " + ", ".join(f"[{n}]({_file(n)})" for n in chapters))
    return " · ".join(said)


def minutes(cells: list[dict]) -> tuple[int, int]:
    """How long the core and all of it take to read, to five minutes; solutions do not count."""
    core = whole = 0.0
    depth = 0  # that of the heading of the deep section we are in; 0 outside
    for cell in cells:
        text, tags = "".join(cell["source"]), cell["metadata"].get("tags", [])
        if cell["cell_type"] == "markdown":
            pieces = _by_headings(text)
        elif {"hide-cell", "hide-input"} & {*tags}:
            pieces = [(0, 0 if "hide-cell" in tags else _pictures(cell) * PICTURE)]
        else:
            pieces = [(0, len(text.splitlines()) * LINE + _pictures(cell) * PICTURE)]
        for heading, seconds in pieces:
            if heading and (not depth or heading <= depth):
                depth = heading if "deep" in tags else 0
            whole += seconds
            core += seconds * (not depth)
    return tuple(max(5, round(seconds / 300) * 5) for seconds in (core, whole))


def _by_headings(text: str) -> list[tuple[int, float]]:
    """The depth of each heading (0 for what stands before the first), and seconds to read it."""
    pieces = [[0, 0.0]]
    for block in re.split(r"(?ms)^(```.*?^```)", text):  # in a fence "# " is no heading
        for line in block.splitlines():
            heading = None if block.startswith("```") else HEADING.match(line)
            if heading:
                pieces.append([len(heading[1]), 0.0])
            pieces[-1][1] += len(line.split()) / WORDS * 60
    return [tuple(piece) for piece in pieces]


def _pictures(cell: dict) -> int:
    """How many drawings, figures and widgets a cell puts out."""
    kinds = ("image/svg+xml", "text/html", "application/vnd.jupyter.widget-view+json")
    return sum(any(kind in out.get("data", {}) for kind in kinds) for out in cell["outputs"])


def needs(cells: list[dict], chapter: int) -> list[int]:
    """The earlier chapters that derive what this one imports."""
    sys.path.append(str(ROOT / "tests/notebooks"))
    from test_order import DERIVED, imports, is_within, ours

    used = set()
    for cell in cells:
        if cell["cell_type"] == "code":
            code = TransformerManager().transform_cell("".join(cell["source"]))
            used |= {*ours(imports(ast.parse(code)))}
    return [n for n, names in DERIVED.items()
            if n < chapter and any(is_within(name, names) for name in used)]  # fmt: skip


def _file(chapter: int) -> str:
    return next((ROOT / "notebooks").glob(f"{chapter:02}_*.ipynb")).name


# --- the rendered page -----------------------------------------------------------------------


def fold_sections(app, doctree, docname):
    """What follows the heading of a deep section goes into a `details`."""
    for section in list(doctree.findall(nodes.section)):
        if "deep" not in section["classes"]:
            continue
        title, *rest = section.children
        drawn = [raw for node in rest for raw in node.findall(nodes.raw)]  # no words to read
        words = sum(len(node.astext().split()) for node in rest)
        words -= sum(len(raw.astext().split()) for raw in drawn)
        section.children = [title, _raw(f"<details class=\"deep\"><summary>Deeper, {words:,} words"
                                        "</summary>"), *rest, _raw("</details>")]  # fmt: skip


def mark_contents(app, pagename, templatename, context, doctree):
    """In the page's own contents the deep sections are known (custom.css)."""
    for section in doctree.findall(nodes.section) if doctree else ():
        if "deep" in section["classes"]:
            for name in section["ids"]:
                entry = rf'<li>(?=(?:<p>)?<a [^>]*href="#{re.escape(name)}")'
                context["toc"] = re.sub(entry, '<li class="deep">', context["toc"])


def lead_drawings_to_pages(app, pagename, templatename, context, doctree):
    """In JupyterLab the boxes of a drawing lead to notebooks, in the book to their pages."""
    link = r'<a xlink:href="(\d\d_\w+)\.ipynb"'
    context["body"] = re.sub(link, r'<a href="\1.html"', context.get("body", ""))


def _raw(html: str) -> nodes.raw:
    return nodes.raw("", html, format="html")


def setup(app):
    """Connect the parts."""
    app.connect("source-read", on_read)
    app.connect("doctree-resolved", fold_sections)
    app.connect("html-page-context", mark_contents)
    app.connect("html-page-context", lead_drawings_to_pages, priority=995)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
