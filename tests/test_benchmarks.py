"""The benchmarks' own rules: quiet, side by side, one table for each kind of processor."""

import os
import sys
import time
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

sys.path.append(str(Path(__file__).parent / "benchmarks"))
import gpu_context
import gpu_generation
import gpu_models
import measure
import run

TABLE = "Measured on it.\n\n| a |\n|---|\n| 1 |\n"


def test_a_table_stands_beside_that_of_another_kind_of_processor():
    one = run.merge("", {"xl_step": TABLE}, "No bfloat16 products")
    both = run.merge(one, {"xl_step": TABLE.replace("1", "2")}, "With bfloat16 products")
    assert [line for line in both.splitlines() if line.startswith(("### ", "| 1", "| 2"))] == [
        "### With bfloat16 products", "| 2 |", "### No bfloat16 products", "| 1 |",
    ]  # fmt: skip
    again = run.merge(both, {"xl_step": TABLE.replace("1", "3")}, "With bfloat16 products")
    assert again == both.replace("| 2 |", "| 3 |")
    assert again.count(run.importlib.import_module("xl_step").NOTE) == 1


def test_the_results_are_as_they_would_be_written():
    results = run.RESULTS.read_text(encoding="utf-8")
    assert run.merge(results, {}, "any") == results


def test_what_no_gpu_has_measured_says_so():
    assert run.merge("", {}, "any").count(run.NOT_YET) == len(run.ON_GPU)
    assert run.merge("", {"gpu_models": TABLE}, "Some GPU").count(run.NOT_YET) == 2


def process(pid, own, children=0.0):
    """A process as psutil lists it, after so many seconds of work."""
    times = SimpleNamespace(user=own, system=0.0, children_user=children, children_system=0.0)
    return SimpleNamespace(pid=pid, info={"cpu_times": times})


@pytest.mark.parametrize(
    ("end", "cores"),
    [
        ([process(1, 2), process(7, 5)], 0.0),
        ([process(1, 2, 90), process(7, 5)], 0.0),  # the first inherits ours
        ([process(1, 2), process(7, 8), process(9, 1)], 0.4),  # one is new
        ([process(1, 2), process(7, 5, 3)], 0.3),  # a child came and went
        ([process(1, 2), process(7, 5), process(os.getpid(), 30)], 0.0),
        ([process(1, 2), process(7, 5), process(8, 30)], 0.0),  # we started it
    ],
)
def test_others_are_all_but_we_and_what_we_started(monkeypatch, end, cores):
    walls, seen = iter([5.0, 15.0]), iter([[process(1, 2), process(7, 5)], end])
    monkeypatch.setattr(time, "perf_counter", lambda: next(walls))
    monkeypatch.setattr(psutil, "process_iter", lambda attrs: next(seen))
    monkeypatch.setattr(psutil.Process, "children", lambda self, **_: [SimpleNamespace(pid=8)])
    with measure.Others() as others:
        pass
    assert others.cores == pytest.approx(cores)


@pytest.mark.parametrize("busy", [0.0, 0.5])
def test_what_was_measured_on_a_busy_machine_is_not_written(monkeypatch, tmp_path, busy):
    monkeypatch.setattr(run, "RESULTS", tmp_path / "results.md")
    monkeypatch.setattr(run, "section", lambda name, quick: (TABLE, busy))
    monkeypatch.setattr(sys, "argv", ["run.py", "xl_step"])
    if busy:
        with pytest.raises(SystemExit, match=r"busy \(at most 0.1\):\nxl_step: .* 0.50 of a core"):
            run.main()
        assert not run.RESULTS.exists()
    else:
        run.main()
        assert "| 1 |" in run.RESULTS.read_text(encoding="utf-8")


def test_a_gpu_is_asked_for_where_there_is_none(monkeypatch, capsys):
    monkeypatch.setattr(run, "device", lambda: SimpleNamespace(type="cpu"))
    monkeypatch.setattr(sys, "argv", ["run.py", "--gpu"])
    with pytest.raises(SystemExit):
        run.main()
    assert "there is no GPU here; --gpu --quick" in capsys.readouterr().err


@pytest.mark.parametrize("table", [gpu_models, gpu_context, gpu_generation])
def test_each_table_of_a_gpu_runs_at_tiny_sizes_on_the_cpu(monkeypatch, table):
    monkeypatch.setattr("gpu.compiled", lambda model: model)  # compiling is what takes minutes
    monkeypatch.setattr("gpu.CLOCK.start", time.perf_counter())
    rows = list(islice(table.rows(quick=True), 40))
    assert {len(row) for row in rows} == {len(table.HEAD)}
    assert {"ours", "Hugging Face", "x-transformers"} == {row[-4] for row in rows}
    assert all(float(row[-3].replace(",", "")) > 0 for row in rows)


def test_nothing_is_begun_when_the_time_is_over(monkeypatch):
    monkeypatch.setattr("gpu.CLOCK.start", time.perf_counter() - 601)
    row = next(gpu_context.rows(quick=True))
    assert row == ("16", "ours", *["not measured: the time was over"] * 3)
