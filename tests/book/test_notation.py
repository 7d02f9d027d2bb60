"""The notation page and the code say the same: each name of the page is a name of the code."""

import importlib
import inspect
import re
import sys

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "book/_ext"))
from house import api_rows

CODE = "".join(
    path.read_text(encoding="utf-8")
    for floor in ("layers", "training")
    for path in sorted((ROOT / "transformer_lib" / floor).glob("*.py"))
)
PAGE = (ROOT / "book/notation.md").read_text(encoding="utf-8")
TABLES = re.findall(r"\{api-table\} (\S+)", PAGE)
ROWS = [re.split(r"(?<!\\)\|", line)[1:-1] for line in PAGE.splitlines() if line.startswith("| ")]
NAMES = [re.findall(r"`(\w+)`", row[1])[0] for row in ROWS if "`" in row[1]]


def test_page_has_its_tables():
    assert len(NAMES) > 15
    assert len(set(NAMES)) == len(NAMES)  # one name, one line
    symbols = [row[0].strip() for row in ROWS if "$" in row[0]]
    assert len(set(symbols)) == len(symbols)  # one symbol, one line


@pytest.mark.parametrize("name", NAMES)
def test_each_name_of_the_page_is_in_the_code(name):
    assert re.search(rf"\b{name}\b", CODE)


def test_each_axis_of_the_code_is_on_the_page():
    shapes = re.findall(
        r"\(((?:batch, heads|batch|\.\.\.), (?:[a-z_]+, )*(?:d_model|\w+_len|\w+_dim))\)", CODE
    )
    axes = {word for shape in shapes for word in re.findall(r"\b[a-z]\w+", shape)}
    assert {"batch", "q_len", "head_dim"} <= axes
    assert axes - set(NAMES) - {"heads", "length", "len", "patches"} == set()  # loose words


def test_each_shape_of_the_page_is_made_of_its_names():
    for row in ROWS:
        for shape in re.findall(r"`\(([^)]*)\)`", "|".join(row)):
            assert set(re.findall(r"\w+", shape)) <= {*NAMES, "heads"}, shape


def test_each_module_behind_the_symbols_has_its_table():
    layers = sorted((ROOT / "transformer_lib/layers").glob("[a-z]*.py"))
    assert {f"transformer_lib.layers.{path.stem}" for path in layers} <= set(TABLES)


@pytest.mark.parametrize("name", TABLES)
def test_tables_of_the_package_are_made_from_it(name):
    shown = {row[0].astext().partition("(")[0] for row in api_rows(name)}
    public = {
        thing.__name__
        for thing in vars(importlib.import_module(name)).values()
        if (inspect.isclass(thing) or inspect.isfunction(thing)) and thing.__module__ == name
    }
    assert shown == {name for name in public if not name.startswith("_")}
