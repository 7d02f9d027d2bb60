"""The reference, made from the code when the book is built.

    ```{api} transformer_lib.layers
    ```

walks a folder of the package, or takes single modules: for each its public functions and classes
with arguments and docstring, and a link to the chapter that derives it.
"""

import ast
import importlib
import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

from derived import DERIVED
from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx import addnodes

ROOT = Path(__file__).resolve().parents[2]
LISTS = ("Args", "Attributes", "Raises")  # sections of a docstring that are a list of terms
TEXTS = ("Returns", "Yields")


class Api(Directive):
    """Sections of the modules that the arguments name, folders walked."""

    required_arguments = 1
    optional_arguments = 20

    def run(self):
        """A section for each module."""
        return [module_section(name) for whole in self.arguments for name in modules_of(whole)]


def modules_of(name: str) -> list[str]:
    """The modules of a folder, in the order of the chapters; a module is its own."""
    module = importlib.import_module(name)
    files = sorted(Path(folder) for folder in getattr(module, "__path__", []))
    inside = [path.stem for folder in files for path in sorted(folder.glob("[!_]*.py"))]
    return sorted((f"{name}.{stem}" for stem in inside), key=first_chapter) or [name]


def first_chapter(module: str) -> str:
    """Where the first of a module's names is derived; what no chapter derives comes last."""
    short = module.removeprefix("transformer_lib.")
    return min((chapter_of(f"{short}.{own}") or "~" for own, _ in public(module)), default="~")


def public(name: str) -> Iterator[tuple[str, object]]:
    """The public functions and classes that a module defines, in its order."""
    for own, thing in vars(importlib.import_module(name)).items():
        described = inspect.isclass(thing) or inspect.isfunction(inspect.unwrap(thing))
        if not own.startswith("_") and described and thing.__module__ == name:
            yield own, thing


def module_section(name: str) -> nodes.section:
    """What a module is for, and all that it offers."""
    short = name.removeprefix("transformer_lib.")
    section = titled(nodes.literal(text=short), short)
    section += prose(inspect.getdoc(importlib.import_module(name)))
    things = list(public(name))
    chapters = {chapter_of(f"{short}.{own}") for own, _ in things}
    if len(chapters) == 1:
        section += derived_in(*chapters)
    for own, thing in things:
        part = titled(nodes.literal(text=own), f"{short}.{own}")
        part += signature(own, thing)
        if len(chapters) > 1:
            part += derived_in(chapter_of(f"{short}.{own}"))
        part += docstring(thing)
        if inspect.isclass(thing):
            part += methods(thing)
        section += part
    return section


def titled(title: nodes.Node, name: str) -> nodes.section:
    """An empty section with its title, and the name that links find it by."""
    title = nodes.title("", "", title)
    return nodes.section("", title, ids=[name.replace(".", "-")], names=[name], classes=["api"])


def chapter_of(name: str) -> str | None:
    """The notebook that derives a symbol, if one does."""
    for number, wholes in DERIVED.items():
        if any(f"{name}.".startswith(f"{whole}.") for whole in wholes):
            (path,) = (ROOT / "notebooks").glob(f"{number:02}_*.ipynb")
            return path.stem
    return None


def derived_in(chapter: str | None) -> list[nodes.Node]:
    """A line with the link to a chapter."""
    if chapter is None:
        return []
    link = addnodes.pending_xref(
        "",
        nodes.inline("", chapter),
        refdomain="std",
        reftype="doc",
        reftarget=f"/notebooks/{chapter}",
        refexplicit=False,
        refwarn=True,
    )
    return [nodes.paragraph("", "", nodes.Text("Derived in "), link, classes=["api-chapter"])]


def signature(name: str, thing: object) -> nodes.literal_block:
    """A call as one writes it; long ones an argument a line."""
    code = f"{name}({', '.join(arguments(thing))})"
    if len(code) > 84:
        code = "\n".join([f"{name}(", *(f"    {given}," for given in arguments(thing)), ")"])
    return nodes.literal_block(code, code, language="python", classes=["api-signature"])


def arguments(thing) -> list[str]:
    """The arguments as one writes them in a call: names, defaults, the star; no types."""
    shown, keywords = [], False
    if getattr(thing, "_is_protocol", False):  # it is described, not called
        return shown
    called = thing.__init__ if inspect.isclass(thing) and "__init__" in vars(thing) else thing
    try:
        parameters = inspect.signature(called).parameters
    except ValueError:  # a subclass of str, say: it is not made by hand
        return shown
    for name, parameter in parameters.items():
        if name == "self":
            continue
        starred = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}
        if parameter.kind is parameter.KEYWORD_ONLY and not keywords:
            shown.append("*")
            keywords = True
        plain = parameter.default is parameter.empty
        default = getattr(parameter.default, "__name__", repr(parameter.default))
        default = "..." if default.startswith("<") else default
        shown.append(starred.get(parameter.kind, "") + (name if plain else f"{name}={default}"))
        keywords |= parameter.kind is parameter.VAR_POSITIONAL
    return shown


def methods(thing: type) -> list[nodes.Node]:
    """Public methods and properties that the class itself defines and describes."""
    items = []
    for name, member in vars(thing).items():
        inner = getattr(member, "__func__", getattr(member, "fget", member))
        if name.startswith("_") or not inspect.isfunction(inner) or not inspect.getdoc(inner):
            continue
        given = [a for a in arguments(inner) if a != "cls"]
        call = name if isinstance(member, property) else f"{name}({', '.join(given)})"
        term = nodes.term("", "", nodes.literal(text=call))
        items.append(nodes.definition_list_item("", term, nodes.definition("", *docstring(inner))))
    return [nodes.definition_list("", *items, classes=["api-methods"])] if items else []


def docstring(thing: object) -> list[nodes.Node]:
    """A docstring in Google's form: prose, then lists of terms, and what comes back."""
    heads = "|".join((*LISTS, *TEXTS))
    pieces = re.split(rf"^({heads}):\n((?:(?: .*)?\n)+)", f"{inspect.getdoc(thing)}\n", flags=re.M)
    found = prose(pieces[0])
    for head, body, rest in zip(pieces[1::3], pieces[2::3], pieces[3::3], strict=True):
        found.append(nodes.paragraph("", "", nodes.strong(text=head), classes=["api-head"]))
        body = textwrap.dedent(body)
        found += terms(body) if head in LISTS else prose(body)
        found += prose(rest)
    return found


def terms(text: str) -> list[nodes.Node]:
    """`name: what it is`, a line or several each."""
    items = []
    for entry in re.split(r"\n(?=\S)", text.strip("\n")):
        name, _, said = entry.partition(": ")
        term = nodes.term("", "", nodes.literal(text=name))
        body = nodes.definition("", nodes.paragraph("", "", *inline(textwrap.dedent(said))))
        items.append(nodes.definition_list_item("", term, body))
    return [nodes.definition_list("", *items, classes=["api-terms"])]


def prose(text: str) -> list[nodes.Node]:
    """Paragraphs, lists, and what is indented as code."""
    found = []
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        if not block.strip():
            continue
        if block.startswith("    "):
            code = textwrap.dedent(block)
            if found and isinstance(found[-1], nodes.literal_block):  # a blank line in the code
                code = f"{found.pop().astext()}\n\n{code}"
            found.append(nodes.literal_block(code, code, language=language(code)))
        elif block.startswith("- "):
            points = re.split(r"\n?^- ", block, flags=re.M)[1:]
            items = [nodes.list_item("", nodes.paragraph("", "", *inline(p))) for p in points]
            found.append(nodes.bullet_list("", *items))
        else:
            found.append(nodes.paragraph("", "", *inline(block)))
    return found


def language(code: str) -> str:
    """Python, or a formula."""
    try:
        ast.parse(code)
    except SyntaxError:
        return "text"
    return "python"


def inline(text: str) -> list[nodes.Node]:
    """Text in which backticks mark code, and stars what is stressed."""
    found = []
    for part in re.split(r"(``?.+?``?|\*\w[^*]*\*)", " ".join(text.split())):
        if part.startswith("`"):
            found.append(nodes.literal(text=part.strip("`")))
        elif re.fullmatch(r"\*.+\*", part):
            found.append(nodes.emphasis(text=part[1:-1]))
        elif part:
            found.append(nodes.Text(part))
    return found


def setup(app):
    """Register the directive."""
    app.add_directive("api", Api)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
