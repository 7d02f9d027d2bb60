"""notebooks/run.py: a second run changes no byte, and a failing one changes nothing."""

import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
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
    """Write a notebook whose cells have not run; return its bytes."""
    cells = [new_markdown_cell("# A title"), *map(new_code_cell, sources)]
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"
    nbformat.write(new_notebook(cells=cells), path)
    return path.read_bytes()


def run(folder: Path, *names: str) -> subprocess.CompletedProcess:
    """Run a copy of run.py that lies beside the notebooks of a folder."""
    command = [sys.executable, shutil.copy(RUN, folder), *names]
    return subprocess.run(command, capture_output=True, check=False, text=True, timeout=240)


def test_a_second_run_changes_no_byte_and_a_failing_one_leaves_its_file(tmp_path):
    good, bad = tmp_path / "01_good.ipynb", tmp_path / "02_bad.ipynb"
    make(good, WIDGETS, "object()")
    untouched = make(bad, "x = 1", "x / 0")

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


def test_an_unknown_name_is_refused_with_those_that_there_are(tmp_path):
    make(tmp_path / "01_good.ipynb", "1")
    ran = run(tmp_path, "07")
    assert ran.returncode == 2
    assert "no notebook '07'; there are: 01_good" in ran.stderr
