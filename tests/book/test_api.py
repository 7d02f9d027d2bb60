"""The reference: every public name of the package on one page, with all that is said of it."""

import ast
import importlib
import inspect
import re
import sys
from collections import Counter

import pytest
from conftest import ROOT
from docutils import nodes
from sphinx import addnodes

sys.path.insert(0, str(ROOT / "book/_ext"))
import api

PAGES = sorted((ROOT / "book/api").glob("*.md"))
PACKAGE = ROOT / "transformer_lib"
WITHOUT = {"transformer_lib.__main__"}  # it is called from a terminal, as the first page says


def modules_on(page):
    named = re.findall(r"\{api\} (.*)", page.read_text(encoding="utf-8"))
    return [module for whole in named for name in whole.split() for module in api.modules_of(name)]


MODULES = [module for page in PAGES for module in modules_on(page)]


def of(node, kind, css=""):
    return [n for n in node.findall(kind) if not css or css in n["classes"]]


def test_every_public_name_is_on_one_page():
    names = {
        ".".join(("transformer_lib", *path.relative_to(PACKAGE).with_suffix("").parts))
        for path in PACKAGE.rglob("*.py")
        if path.name != "__init__.py"
    }
    assert {name for name, times in Counter(MODULES).items() if times != 1} == set()
    assert set(MODULES) == names - WITHOUT


@pytest.mark.parametrize("name", MODULES)
def test_a_section_has_all_that_its_module_offers(name):
    module = importlib.import_module(name)
    tree = ast.parse(inspect.getsource(module))
    defined = [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    offered = {own: getattr(module, own) for own in defined if not own.startswith("_")}
    section = api.module_section(name)
    parts = [node for node in section.children if isinstance(node, nodes.section)]
    assert [part.next_node(nodes.title).astext() for part in parts] == list(offered)
    said = "".join(section.astext().split())
    for own, thing in offered.items():
        doc = inspect.getdoc(thing)
        assert doc, f"{own} has no docstring"
        for word in re.findall(r"[A-Za-z]{4,}", doc):
            assert word in said, (own, word)
    ids = [i for node in section.findall(nodes.section) for i in node["ids"]]
    assert len(set(ids)) == len(ids)


def example(x, *, scale=1.0):
    """Say in one sentence what *it* does to `x`.

        y = example(x)

        z = example(y)

    Args:
        x: a tensor
            (batch, len).
        scale: how much; `None`: all.

    Returns:
        The same, but scaled.

    Raises:
        ValueError: if it cannot.

    Source: nowhere.
    """


def test_the_parts_of_a_docstring():
    section = nodes.section("", api.signature("example", example), *api.docstring(example))
    call, code = (node.astext() for node in of(section, nodes.literal_block))
    assert call == "example(x, *, scale=1.0)"
    assert code == "y = example(x)\n\nz = example(y)"
    assert [node.astext() for node in of(section, nodes.strong)] == ["Args", "Returns", "Raises"]
    assert [node.astext() for node in of(section, nodes.emphasis)] == ["it"]
    terms = {
        item.next_node(nodes.term).astext(): item.next_node(nodes.definition).astext()
        for item in of(section, nodes.definition_list_item)
    }
    assert terms == {
        "x": "a tensor (batch, len).",
        "scale": "how much; None: all.",
        "ValueError": "if it cannot.",
    }
    assert of(section, nodes.paragraph)[-1].astext() == "Source: nowhere."


def test_a_name_leads_to_the_chapter_that_derives_it():
    assert api.chapter_of("layers.masks.causal_mask") == "01_attention"
    assert api.chapter_of("measure.maps.collect_attention") == "02_multi_head"
    assert api.chapter_of("measure.maps.attention_rollout") == "12_sentiment"
    assert api.chapter_of("data.text.Windows") is None
    section = api.module_section("transformer_lib.measure.maps")
    links = [node["reftarget"] for node in section.findall(addnodes.pending_xref)]
    assert links == ["/notebooks/02_multi_head", "/notebooks/12_sentiment"]
