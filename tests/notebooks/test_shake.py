"""The shaken run: other processors are imitated, and what moves or is allowed too much is told."""

import os
import subprocess
import sys
from pathlib import Path

import chapter_runs
import nbformat
import pytest
import shake
from nbformat.v4 import new_code_cell, new_notebook, new_output

WEIGHTS = """
import torch
torch.manual_seed(0)
layers = torch.nn.Linear(50, 40, bias=False), torch.nn.LayerNorm(3)
draws = torch.rand(1).item()
torch.manual_seed(0)
again = torch.nn.Linear(50, 40, bias=False).weight
print(torch.cpu.get_capabilities().get("avx512_bf16", False), draws)
print(torch.equal(layers[0].weight, again), torch.equal(layers[1].weight, torch.ones(3)))
print(*layers[0].weight.double().flatten().tolist())
"""


def weights(**env):
    """What a process of a variant says, and the weights of its first layer."""
    ran = subprocess.run(
        [sys.executable, "-c", WEIGHTS],
        capture_output=True,
        check=True,
        env=dict(os.environ) | shake.environment("as it is") | env,
        text=True,
        timeout=240,
    )
    *said, numbers = ran.stdout.splitlines()
    return said, [float(number) for number in numbers.split()]


def test_noise_is_of_its_size_and_takes_no_number_from_torchs_stream():
    said, still = weights()
    noisy_said, noisy = weights(SHAKE_NOISE="1e-3")
    ratios = [b / a - 1 for a, b in zip(still, noisy, strict=True)]
    assert all(abs(abs(ratio) - 1e-3) < 1e-6 for ratio in ratios)
    assert 0.3 < sum(ratio > 0 for ratio in ratios) / len(ratios) < 0.7
    assert noisy_said == said
    assert said[1] == "True True"


@pytest.mark.parametrize("variant", shake.BY_DEFAULT)
def test_a_processor_without_avx512_has_no_products_of_bfloat16(variant):
    said, _ = weights(**shake.VARIANTS[variant])
    assert said[0].startswith("False")


def cell(source, text, **metadata):
    """A cell committed with a printed text."""
    output = new_output("stream", name="stdout", text=f"{text}\n")
    return new_code_cell(source, outputs=[output], metadata=metadata)


MOVES = "print(0.52 if os.environ.get('ATEN_CPU_CAPABILITY') == 'avx2' else 0.50)"


def test_what_leaves_its_tolerance_is_told_and_what_has_too_much(tmp_path):
    cells = [
        new_code_cell("import os"),
        cell(MOVES, "0.50"),
        cell(MOVES, "0.50", tolerance=0.19),
        cell(MOVES, "0.50", tolerance=0.21),
        cell(MOVES, "half", tags=["not-compared"]),
        cell("print('yes')", "no"),
        cell("None", "0.50"),
    ]
    path = tmp_path / "02_toy.ipynb"
    nbformat.write(new_notebook(cells=cells), path)
    lines, seen = shake.shake(path, "AVX2, two threads")
    assert [line.split("\n")[0] for line in lines] == [
        "02_toy, In [2], AVX2, two threads: 0.50 became 0.52, allowed are 0.01",
        "02_toy, In [6], AVX2, two threads: other words",
        "02_toy, In [7], AVX2, two threads: 1 outputs became 0",
    ]
    assert seen == pytest.approx({2: 0.02, 3: 0.02, 4: 0.02})
    wide = shake.too_wide(path, seen)
    assert wide == ["02_toy, In [4]: tolerance 0.21, moved 0.02"]


def test_a_chapter_that_raises_is_told(tmp_path):
    path = tmp_path / "02_toy.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell("1 / 0")]), path)
    (line,), seen = shake.shake(path, "as it is")
    assert line.startswith("02_toy, as it is:")
    assert "ZeroDivisionError" in line
    assert not seen


def test_chapters_are_found_by_name_and_number():
    def names(*words):
        return [p.stem for p in chapter_runs.chosen(chapter_runs.arguments("").parse_args(words))]

    there = sorted(p.stem for p in (chapter_runs.ROOT / "notebooks").glob("*.ipynb"))
    assert names("--all") == there
    assert names("05") == names("05_encoder") == names("notebooks/05_encoder.ipynb")
    assert len(names("05")) == 1
    with pytest.raises(SystemExit, match="no chapter '5x'; there are: 01_"):
        names("05", "5x")


def test_changed_is_what_differs_from_where_the_branch_left_main(tmp_path):
    def git(*words):
        me = ["-c", "user.name=me", "-c", "user.email=me@example.org"]
        subprocess.run(["git", *me, *words], cwd=tmp_path, check=True, capture_output=True)

    git("init", "-b", "main")
    for name in "abcd":
        (tmp_path / name).write_text("old")
    git("add", ".")
    git("commit", "-m", "all")
    git("checkout", "-b", "branch")
    (tmp_path / "a").write_text("new")
    git("commit", "-am", "one")
    (tmp_path / "b").write_text("new")  # not committed
    git("checkout", "main")
    (tmp_path / "c").write_text("new")
    git("commit", "-m", "another", "c")
    git("checkout", "branch")
    assert chapter_runs.changed(tmp_path) == {"a", "b"}


def test_the_environment_leads_to_the_other_cpu():
    folder = shake.environment("as it is")["PYTHONPATH"].split(os.pathsep)[0]
    assert (Path(folder) / "sitecustomize.py").is_file()
