"""The library's own code on the page: shown from where it stands, never pasted."""

import ast
import inspect
import textwrap

from transformer_lib import checks


class Code(str):
    """Python that a notebook shows in its colours."""

    def _repr_markdown_(self) -> str:
        return f"```python\n{self}\n```"

    def __repr__(self) -> str:
        return str(self)


def code(*things, docstrings: bool = False) -> Code:
    """Show the source of functions, methods or classes, as the last line of a cell.

    Args:
        *things: what to show, in order.
        docstrings: whether to show their docstrings too.

    Raises:
        ValueError: as `source`.
    """
    checks.flag(docstrings=docstrings)
    return Code("\n\n".join(source(thing, docstrings=docstrings) for thing in things))


def source(thing, *, docstrings: bool = False) -> str:
    """The source of a function, method or class, at the left margin.

    Args:
        thing: the function, method or class.
        docstrings: whether to keep the docstrings.

    Raises:
        ValueError: if `docstrings` is neither True nor False.
    """
    checks.flag(docstrings=docstrings)
    text = textwrap.dedent(inspect.getsource(thing)).rstrip()
    lines = text.split("\n")
    if docstrings:
        return text
    for node in reversed(list(ast.walk(ast.parse(text)))):
        if not isinstance(node, ast.FunctionDef | ast.ClassDef) or not ast.get_docstring(node):
            continue
        first, last = node.body[0].lineno - 1, node.body[0].end_lineno
        only = len(node.body) == 1  # a body must hold something
        while not only and not lines[last].strip():
            last += 1
        lines[first:last] = [" " * node.body[0].col_offset + "..."] if only else []
    return "\n".join(lines)
