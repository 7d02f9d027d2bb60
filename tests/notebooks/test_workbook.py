"""The workbook: each chapter with its central functions empty, and nothing else changed."""

import ast
import importlib.util
import sys
from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
SPEC = importlib.util.spec_from_file_location("workbook", NOTEBOOKS / "workbook.py")
workbook = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(workbook)

CHAPTERS = sorted(path for path in NOTEBOOKS.glob("[0-9]*.ipynb"))

FUNCTION = '''\
def weigh(q, k, *, scale=(lambda n: n**-0.5)):
    """Compare each query with each key."""
    scores = q @ k.mT  # (q_len, k_len)
    # large scores would saturate
    return scores * scale(q.size(-1))


class Reader(Module):
    def __init__(self, d_model):
        super().__init__()
        self.out = Linear(d_model, 2)

    def forward(
        self, x
    ):
        # the last one answers
        return self.out(x[:, -1])  # fmt: skip


HEADS = 4'''

EMPTY = '''\
def weigh(q, k, *, scale=(lambda n: n**-0.5)):
    """Compare each query with each key."""
    # (q_len, k_len)
    # large scores would saturate
    raise NotImplementedError("weigh is yours to write")


class Reader(Module):
    def __init__(self, d_model):
        super().__init__()
        self.out = Linear(d_model, 2)

    def forward(
        self, x
    ):
        # the last one answers
        raise NotImplementedError("forward is yours to write")


HEADS = 4'''


def holes(path: Path) -> list[nbformat.NotebookNode]:
    cells = nbformat.read(path, as_version=4).cells
    return [cell for cell in cells if workbook.HOLE in cell.metadata.get("tags", [])]


def test_names_arguments_docstrings_and_comments_stay():
    assert workbook.emptied(FUNCTION) == EMPTY


def test_a_hole_without_a_function_is_refused():
    with pytest.raises(ValueError, match="must define a function, got 'x = 1'"):
        workbook.emptied("x = 1")


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda p: p.stem)
def test_each_chapter_has_three_to_six_holes(path):
    assert 3 <= len(holes(path)) <= 6


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda p: p.stem)
def test_filled_with_the_chapters_own_bodies_a_workbook_is_the_chapter(path):
    """Nothing but the bodies is gone: what `make test` runs is the workbook, filled."""

    class Empty(ast.NodeTransformer):
        def visit_FunctionDef(self, node):
            node.body = [] if node.name != "__init__" else node.body
            return node

    for cell in holes(path):
        before, after = ast.parse(cell.source), ast.parse(workbook.emptied(cell.source))
        assert ast.dump(Empty().visit(before)) == ast.dump(Empty().visit(after))
    chapter = nbformat.read(path, as_version=4)
    made = workbook.workbook(nbformat.read(path, as_version=4), path.stem)
    del made.cells[1]
    other = [
        (old, new) for old, new in zip(chapter.cells, made.cells, strict=True)
        if old.source != new.source
    ]  # fmt: skip
    assert len(other) == len(holes(path))
    assert all(not cell.get("outputs") for cell in made.cells)


def test_what_the_reader_wrote_is_kept(tmp_path, monkeypatch, capsys):
    name = CHAPTERS[0].stem
    monkeypatch.setattr(sys, "argv", ["workbook.py", name, "--to", str(tmp_path)])
    assert workbook.main() == 0
    mine = tmp_path / f"{name}.ipynb"
    assert "yours to write" in mine.read_text("utf-8")
    mine.write_text("my work", "utf-8")
    assert workbook.main() == 0
    assert mine.read_text("utf-8") == "my work"
    assert "kept" in capsys.readouterr().out


def test_a_chapter_that_is_not_there_is_named(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["workbook.py", "99_nothing"])
    assert workbook.main() == 1
    assert "no chapter with holes is called '99_nothing'; there are 01_attention" in (
        capsys.readouterr().err
    )
