"""notebooks/run.py: a second run changes no byte, and none loses what a reader wrote."""

import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

RUN = Path(__file__).resolve().parents[2] / "notebooks" / "run.py"

WIDGETS = (
    "import sys\n"
    "import ipywidgets as widgets\n"
    "slider, stack = widgets.IntSlider(), widgets.Stack([widgets.HTML('a'), widgets.HTML('b')])\n"
    "widgets.jslink((slider, 'value'), (stack, 'selected_index'))\n"
    "print('one')\n"
    "sys.stdout.flush()\n"
    "print('two')\n"
    "widgets.VBox([slider, stack])"
)


def make(path: Path, *sources: str) -> bytes:
    """Write a notebook that has run before; return its bytes."""
    cells = [new_markdown_cell("# A title"), *map(new_code_cell, sources)]
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"
        if number:
            cell.execution_count = number  # of an earlier run
    nbformat.write(new_notebook(cells=cells), path)
    return path.read_bytes()


def run(folder: Path, *names: str) -> subprocess.CompletedProcess:
    """Run a copy of run.py that lies beside the notebooks of a folder."""
    command = [sys.executable, shutil.copy(RUN, folder), *names]
    return subprocess.run(command, capture_output=True, check=False, encoding="utf-8", timeout=240)


def test_a_second_run_changes_no_byte_and_a_failing_one_leaves_its_file(tmp_path):
    good, bad = tmp_path / "01_good.ipynb", tmp_path / "02_bad.ipynb"
    make(good, WIDGETS, "object()")
    untouched = make(bad, "x = 1", "x / 0", "x = 2")

    first = run(tmp_path)
    assert first.returncode == 1
    assert "01_good" in first.stdout
    assert "02_bad: cell 2, In [2]" in first.stderr
    assert "ZeroDivisionError: division by zero" in first.stderr
    assert bad.read_bytes() == untouched
    assert not list(tmp_path.glob(".*"))

    after = good.read_bytes()
    assert run(tmp_path, "01").returncode == 0
    assert good.read_bytes() == after

    nb = nbformat.reads(after.decode(), as_version=4)
    assert nb.cells[1].outputs[0].text == "one\ntwo\n"
    (widgets,) = nb.metadata.widgets.values()
    view = nb.cells[1].outputs[-1].data["application/vnd.jupyter.widget-view+json"]
    assert view["model_id"] in widgets["state"]
    assert "execution" not in nb.cells[1].metadata


ADDRESSES = "made at 0xdeadbeef, at 0x123456789abc"


def test_what_the_reader_wrote_stays_as_it_is(tmp_path):
    path = tmp_path / "01_mine.ipynb"
    code = f"print({ADDRESSES!r})  # {ADDRESSES}\n{WIDGETS}"
    make(path, code)
    nb = nbformat.read(path, as_version=4)
    nb.cells[0].source = f"# Lives {ADDRESSES}\r\n\ttab \u2028 \x0c and more"
    nb.cells[1].metadata.update(tags=["deep"], mine={"at": ADDRESSES})
    nb.metadata.update(title="Mine", mine={"at": ADDRESSES}, widgets={"old": {"state": {}}})
    nbformat.write(nb, path)

    assert run(tmp_path).returncode == 0
    after = nbformat.read(path, as_version=4)
    assert [cell.source for cell in after.cells] == [cell.source for cell in nb.cells]
    assert [cell.metadata for cell in after.cells] == [cell.metadata for cell in nb.cells]
    assert (after.metadata.title, after.metadata.mine) == ("Mine", {"at": ADDRESSES})
    assert "old" not in after.metadata.widgets
    assert after.cells[1].outputs[0].text.startswith("made at 0x000000, at 0x000000\n")


EDIT = """
from pathlib import Path
path = Path("01_edited.ipynb")
path.write_text(path.read_text(encoding="utf-8").replace("A title", "Another"), encoding="utf-8")
"""


@pytest.mark.parametrize(
    ("edit", "left"), [(EDIT, ["01_edited.ipynb"]), ("import os; os.remove('01_edited.ipynb')", [])]
)
def test_an_edit_made_while_it_ran_is_kept(tmp_path, edit, left):
    make(tmp_path / "01_edited.ipynb", edit)
    ran = run(tmp_path)
    assert ran.returncode == 1
    assert "01_edited: was edited while it ran, and stays as it was edited" in ran.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == [*left, "run.py"]
    for name in left:
        nb = nbformat.read(tmp_path / name, as_version=4)
        assert (nb.cells[0].source, nb.cells[1].outputs) == ("# Another", [])


def test_an_unknown_name_is_refused_with_those_that_there_are(tmp_path):
    make(tmp_path / "01_good.ipynb", "1")
    ran = run(tmp_path, "07")
    assert ran.returncode == 2
    assert "no notebook '07'; there are: 01_good" in ran.stderr
