"""The halved run finds each training's length, and tells faults of a page from bounds."""

import ast
from pathlib import Path

import halved
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize(
    ("source", "half"),
    [
        ("STEPS = 600", "STEPS = 300"),
        ("train(model, steps=61, lr=3)", "train(model, steps=30, lr=3)"),
        ("def train(model, steps=400, seed=8): pass", "def train(model, steps=200, seed=8): pass"),
        ("def train(*, warm_up, epochs=1): pass", "def train(*, warm_up, epochs=1): pass"),
        ("longer_steps = steps = 10", "longer_steps = steps = 5"),
        ("s = trapezoid(steps=40, decay=20)", "s = trapezoid(steps=20, decay=20)"),
    ],
)
def test_every_length_of_a_training_is_halved_and_nothing_else(source, half):
    assert halved.halve(source) == ast.unparse(ast.parse(half))


@pytest.mark.parametrize("source", ["seeds = 4", "train(model, 600)", "steps = round(9.5)"])
def test_a_cell_with_the_tag_and_no_length_is_refused(source):
    with pytest.raises(ValueError, match="sets no training's length"):
        halved.halve(source)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_each_tagged_cell_of_the_book_sets_a_length(path):
    cells = nbformat.read(path, as_version=4).cells
    tagged = [cell.source for cell in cells if "steps" in cell.metadata.get("tags", [])]
    assert all(halved.halve(source) for source in tagged)


def test_a_fault_is_told_from_a_bound(tmp_path):
    """A page that needs its 6 steps, a bound that needs them too, and a deep section in use."""
    cells = [
        new_markdown_cell("# A title"),
        new_code_cell("STEPS = 6", metadata={"tags": ["steps"]}),
        new_markdown_cell("## More", metadata={"tags": ["deep"]}),
        new_markdown_cell("### Still more"),
        new_code_cell("losses = list(range(STEPS))\ntable = 1"),
        new_markdown_cell("## Again"),
        new_code_cell("losses = list(range(STEPS))\nassert len(losses) > 5, 'too few'"),
        new_code_cell("losses[5]"),
        new_code_cell("table"),
        new_code_cell("losses[2]"),
    ]
    code = [cell for cell in cells if cell.cell_type == "code"]
    for number, cell in enumerate(code, 1):
        cell.execution_count = number
    path = tmp_path / "04_toy.ipynb"
    nbformat.write(new_notebook(cells=cells), path)
    faults, bounds = halved.halved(path)
    assert faults == [
        "04_toy, In [4]: IndexError: list index out of range",
        "04_toy, In [5]: NameError: name 'table' is not defined",
    ]
    assert bounds == ["04_toy, In [3]: AssertionError: too few"]
