"""The comparison of notebooks: what agrees passes, and each kind of difference fails, in words."""

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import nbformat
import pytest
from compare_numbers import pairs, too_far
from nbformat.v4 import new_code_cell, new_notebook, new_output

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize(
    ("committed", "computed", "tolerance"),
    [
        ("0.41", "0.42", 0),
        ("loss 9.9", "loss 10.0", 0),
        ("0.00", "-0.01", 0),
        ("−0.3", "-0.3", 0),
        ("1e-05", "2e-05", 0),
        ("1.2e-05", "1.3e-05", 0),
        ("tensor([ 0.01, 0.96])", "tensor([-0.00, 0.97])", 0),
        ("tensor([1., 2.])", "tensor([1.0000, 2.0000])", 0),
        ("12.5px", "12.6px", 0),
        ("| 1,684.2 |\n| 9.9 |", "|1,684.3 |\n|10.0 |", 0),
        ("0.41", "0.46", 0.05),
        ("41.0 of 8", "42.9 of 8", 0.05),
        ("38 of 39", "37 of 39", 0.03),
    ],
)
def test_what_agrees(committed, computed, tolerance):
    assert too_far(pairs(committed, computed), tolerance) == []


@pytest.mark.parametrize(
    ("committed", "computed", "tolerance"),
    [
        ("0.41", "0.43", 0),
        ("0.41", "0.47", 0.05),
        ("41.0", "43.1", 0.05),
        ("38 of 39", "37 of 39", 0),
        ("38%", "37%", 0),
        ("1,684 bits", "1,685 bits", 0),
        ("12 h", "12,000 h", 0),
        ("1e-05", "1e-04", 0),
        ("-0.1", "0.1", 0),
        ("tensor([1., 2.])", "tensor([1., 3.])", 0),
        ("layer 3", "layer 4", 0),
        ("12.5px", "13.5px", 0),
    ],
)
def test_a_wrong_number(committed, computed, tolerance):
    assert len(too_far(pairs(committed, computed), tolerance)) == 1


@pytest.mark.parametrize(
    ("committed", "computed"),
    [
        ("yes 0.5", "no 0.5"),
        ("0.5 0.6", "0.5"),
        ("0.5", "0.5 0.6"),
        ("0.5", "nan"),
        ("inf", "0.5"),
        ("x1 0.5", "x2 0.5"),
        ("[0.5]", "(0.5)"),
        ("True", "False"),
        ("", "0.5"),
    ],
)
def test_another_word_and_another_count(committed, computed):
    assert pairs(committed, computed) is None


def printed(text, **metadata):
    """A cell that prints 0.50, 7 and yes, committed with another output."""
    stream = new_output("stream", name="stdout", text=f"{text}\n")
    return new_code_cell("print('0.50 7 yes')", outputs=[stream], metadata=metadata)


def compared(cells, folder, **env) -> tuple[str, dict[int, str]]:
    """What the plugin says of a notebook of these cells, and the outcome of each."""
    for number, cell in enumerate(cells, 1):
        cell.execution_count = number
    path = folder / "03_toy.ipynb"
    nbformat.write(new_notebook(cells=cells), path)
    plugin = ["-p", "tests.notebooks.compare_numbers", "-p", "no:cacheprovider"]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", *plugin, "--nbval-current-env", "-rA", str(path)],
        capture_output=True,
        check=False,
        cwd=ROOT,
        env=os.environ | env,
        text=True,
        timeout=240,
    )
    found = re.findall(r"^(PASSED|FAILED) .*::In \[(\d+)\]", ran.stdout, re.MULTILINE)
    return ran.stdout, {int(n): word for word, n in found}


def test_the_whole_chain_names_chapter_cell_numbers_and_tolerance(tmp_path):
    """Pytest, plugin, kernel: good cells pass, and the bad ones fail with what the reader needs."""
    good = [
        printed("0.51 7 yes"),
        printed("0.54 8 yes", tolerance=0.2),
        printed("other words", tags=["not-compared"]),
    ]
    bad = [
        printed("0.52 7 yes"),
        printed("0.50 8 yes"),
        printed("0.50 7 no"),
        printed("0.50 yes"),
        new_code_cell("print('0.50')", outputs=[]),
        new_code_cell("1 / 0", metadata={"tags": ["not-compared"]}),
    ]
    silent = new_code_cell("0.5;", outputs=printed("0.50").outputs)
    cells = [*good, *bad, silent]
    said, outcome = compared(cells, tmp_path)
    assert outcome == {
        n: "PASSED" if n <= len(good) else "FAILED" for n in range(1, len(cells) + 1)
    }, said
    assert "03_toy, In [4] differs from what is committed." in said
    assert re.search(r"committed +computed +allowed\n +0\.52 +0\.50 +0\.01\n", said)
    assert re.search(r"\n +8 +7 +0\n", said)
    assert "-0.50 7 no\n+0.50 7 yes" in said
    assert "unless the cell's metadata has a tolerance" in said
    assert "ZeroDivisionError" in said


def test_without_its_archive_a_cell_is_skipped_and_in_ci_it_fails(tmp_path):
    """A reader who is offline reads on; CI must have run everything."""
    cells = [printed("0.50 7 yes"), printed("0.50 7 yes", tags=["archive"])]
    said, outcome = compared(cells, tmp_path, CI="", TRANSFORMER_LIB_DATA=str(tmp_path))
    assert outcome == {1: "PASSED"}
    assert re.search(r"SKIPPED \[1\] .*not fetched: bible, .*make archives", said)
    said, outcome = compared(cells, tmp_path, CI="true", TRANSFORMER_LIB_DATA=str(tmp_path))
    assert outcome == {1: "PASSED", 2: "FAILED"}, said


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_chapter_leaves_at_most_three_cells_uncompared(path):
    cells = nbformat.read(path, as_version=4).cells
    tags = Counter(tag for cell in cells for tag in cell.metadata.get("tags", []))
    assert tags["not-compared"] <= 3
    assert not tags["nbval-ignore-output"], "the tag is not-compared"
