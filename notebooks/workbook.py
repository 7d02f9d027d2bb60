"""Write each chapter as a workbook: its central functions are empty, and the reader fills them.

    python notebooks/workbook.py                 # all, into workbook/
    python notebooks/workbook.py 01_attention    # one; its number alone will do

A cell with the tag ``hole`` defines them. Names, arguments, docstrings and comments, which tell the
shapes, stay; so does ``__init__``, which makes the parts; and so do the cells below, which compare
what was written with the library. A workbook that is there already is somebody's work and is kept.
"""

import argparse
import ast
import io
import sys
import tokenize
from pathlib import Path

import nbformat

HERE = Path(__file__).resolve().parent
HOLE = "hole"
TASK = """\
**Workbook.** {count} cells of this chapter wait for you: each raises `NotImplementedError` until
you have written what its comments describe. The cells below each compare your version with the
library's. The whole chapter is [`notebooks/{name}.ipynb`](../notebooks/{name}.ipynb)."""


def emptied(source: str) -> str:
    """A cell's source without the bodies of its functions and methods.

    Raises:
        ValueError: if there is none.
    """
    lines = source.splitlines()
    functions = list(_functions(ast.parse(source)))
    if not functions:
        raise ValueError(f"a cell with the tag {HOLE} must define a function, got {source!r}")
    for function in reversed(functions):
        described = ast.get_docstring(function) is not None
        head = function.body[0].end_lineno if described else _end_of_head(function, lines)
        indent = " " * function.body[0].col_offset
        comments = [indent + text for text in _comments(lines[head : function.end_lineno])]
        hole = f'{indent}raise NotImplementedError("{function.name} is yours to write")'
        lines[head : function.end_lineno] = [*comments, hole]
    return "\n".join(lines)


def _functions(tree: ast.Module):
    """The functions of a cell, in order, with the methods of its classes but for ``__init__``."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node
        elif isinstance(node, ast.ClassDef):
            methods = (m for m in node.body if isinstance(m, ast.FunctionDef))
            yield from (m for m in methods if m.name != "__init__")


def _end_of_head(function: ast.FunctionDef, lines: list[str]) -> int:
    """The number of the line that ends ``def …:``: what follows is the body, with its comments."""
    depth = 0
    for token in _tokens(lines[function.lineno - 1 : function.end_lineno]):
        depth += (token.string in "([{") - (token.string in ")]}") if token.string else 0
        if token.string == ":" and not depth:
            return function.lineno - 1 + token.start[0]
    raise AssertionError("a function has a head")


def _comments(lines: list[str]) -> list[str]:
    """The comments in the lines of a body, in order."""
    tokens = _tokens(["if True:", *lines])
    found = [token.string for token in tokens if token.type == tokenize.COMMENT]
    return [comment for comment in found if not comment.startswith(("# fmt", "# noqa"))]


def _tokens(lines: list[str]):
    return tokenize.generate_tokens(io.StringIO("\n".join(lines) + "\n").readline)


def workbook(chapter: nbformat.NotebookNode, name: str) -> nbformat.NotebookNode:
    """A chapter with its holes, and without what came out."""
    holes = [cell for cell in chapter.cells if HOLE in cell.metadata.get("tags", [])]
    for cell in holes:
        cell.source = emptied(cell.source)
    for cell in chapter.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    chapter.metadata.pop("widgets", None)
    task = nbformat.v4.new_markdown_cell(TASK.format(count=len(holes), name=name), id="workbook")
    chapter.cells.insert(1, task)  # below the title
    return chapter


def chapters(asked: list[str]) -> list[Path]:
    """The chapters that have holes, or those of them that were asked for.

    Raises:
        ValueError: if there is no such chapter, or it has no hole.
    """
    paths = [p for p in sorted(HERE.glob("*.ipynb")) if f'"{HOLE}"' in p.read_text("utf-8")]
    for name in asked:
        if not any(path.stem.startswith(name) for path in paths):
            known = ", ".join(path.stem for path in paths)
            raise ValueError(f"no chapter with holes is called {name!r}; there are {known}")
    return [p for p in paths if not asked or p.stem.startswith(tuple(asked))]


def main() -> int:
    """Write what was asked for; status 1 if there is no such chapter."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("names", nargs="*", help="chapters; by default all")
    parser.add_argument("--to", type=Path, default=HERE.parent / "workbook", help="the folder")
    given = parser.parse_args()
    try:
        paths = chapters(given.names)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    given.to.mkdir(parents=True, exist_ok=True)
    for path in paths:
        target = given.to / path.name
        if target.exists():
            print(f"{target} is there already, and kept: delete it to begin anew")
            continue
        made = workbook(nbformat.read(path, as_version=4), path.stem)
        target.write_text(nbformat.writes(made) + "\n", encoding="utf-8")
        print(target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
