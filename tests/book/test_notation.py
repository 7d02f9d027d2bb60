"""The notation page and the code say the same: each name of the page is a name of the code."""

import re

import pytest
from conftest import ROOT

CODE = "".join(
    path.read_text(encoding="utf-8")
    for floor in ("layers", "training")
    for path in sorted((ROOT / "transformer_lib" / floor).glob("*.py"))
)
PAGE = (ROOT / "book/notation.md").read_text(encoding="utf-8")
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
    loose = {"heads", "kv_heads", "length", "len", "num_classes", "patches", "queries", "tokens"}
    assert axes - set(NAMES) - loose == set()


def test_each_shape_of_the_page_is_made_of_its_names():
    for row in ROWS:
        for shape in re.findall(r"`\(([^)]*)\)`", "|".join(row)):
            assert set(re.findall(r"\w+", shape)) <= {*NAMES, "heads"}, shape
