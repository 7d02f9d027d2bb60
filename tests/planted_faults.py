"""Break the package on purpose, one fault at a time, and see each caught by a test.

    python tests/planted_faults.py                  all faults of all parts
    python tests/planted_faults.py --only rotary    those whose name contains a word
    python tests/planted_faults.py --jobs 4

A fault is planted in a temporary copy, never in the working tree. First the one test that should
catch it is run; if that passes, all test files of its part. Ends with status 1 if a fault
survives, or if the unbroken copy does not pass.

Every run has a fresh process. Where the system can fork, it is born with torch already imported.
"""

import argparse
import contextlib
import importlib
import io
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from faults import PARTS
from faults.fault import Fault

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "transformer_lib"
# Modules that torch imports late, at the first assert_close or optimizer: seconds for each fault.
IMPORTED = ["hypothesis", "pytest", "torch", "torch._dynamo", "torch.distributed.tensor"]


def copy_to(folder: Path) -> None:
    """Copy the package, its tests and pytest's settings, nothing else."""
    skip = shutil.ignore_patterns("__pycache__", "book", "notebooks", "benchmarks")
    for name in (PACKAGE, "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=skip)
    shutil.copy(ROOT / "pyproject.toml", folder)


def plant(fault: Fault, package: Path) -> None:
    """Put the fault into a copy of the package; refuse one that has not exactly one place."""
    path = package / fault.file
    source = path.read_text(encoding="utf-8")
    count = source.count(fault.old)
    if count != 1:
        raise ValueError(
            f"{fault.name!r}: {fault.old!r} is {count} times in {fault.file}, not once"
        )
    path.write_text(source.replace(fault.old, fault.new), encoding="utf-8")


class FirstFailure:
    """A plugin of pytest that remembers the first test that failed."""

    test: str | None = None

    def pytest_runtest_logreport(self, report) -> None:
        if report.failed and self.test is None:
            self.test = report.nodeid.removeprefix("tests/")


def first_failure(folder: Path, selection: list[str]) -> str | None:
    """Run tests in a copy until one fails; return that one, or None if all pass."""
    import pytest  # not above: this process must first be in the copy
    from hypothesis import Phase, settings

    settings.register_profile("first failure will do", phases=[Phase.explicit, Phase.generate])
    settings.load_profile("first failure will do")
    seen, text = FirstFailure(), io.StringIO()
    arguments = ["-x", "-q", "--tb=short", *(f"tests/{test}" for test in selection)]
    with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
        status = pytest.main(arguments, plugins=[seen])
    if status != (0 if seen.test is None else 1):  # it could not even collect the tests
        raise RuntimeError(f"pytest could not run {selection}:\n{text.getvalue()}")
    return seen.test


def try_fault(fault: Fault | None, test_files: list[str]) -> str | None:
    """In a copy with this fault (None: unbroken), return the test that fails first, or None."""
    home = Path.cwd()
    with tempfile.TemporaryDirectory(prefix="fault-") as name:
        folder = Path(name).resolve()
        copy_to(folder)
        if fault is not None:
            plant(fault, folder / PACKAGE)
        os.chdir(folder)
        sys.path.insert(0, str(folder))
        try:
            imported = Path(importlib.import_module(PACKAGE).__file__).resolve()
            if folder not in imported.parents:
                raise RuntimeError(f"the tests would import {imported} instead of the broken copy")
            named = [] if fault is None else [fault.caught_by]
            return (named and first_failure(folder, named)) or first_failure(folder, test_files)
        finally:
            os.chdir(home)


def main() -> int:
    """Plant every chosen fault, print a table, return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", metavar="NAME", default="", help="part of a fault's name")
    parser.add_argument("--jobs", type=int, default=2, help="faults tried at the same time")
    options = parser.parse_args()
    started = time.perf_counter()

    cases = []
    for part, faults in PARTS.items():
        test_files = sorted({fault.caught_by.split("::")[0] for fault in faults})
        cases += [(part, fault, test_files) for fault in faults if options.only in fault.name]
    if not cases:
        parser.error(f"no fault has {options.only!r} in its name")
    for _, fault, _ in cases:  # all must have their place before the first is tried
        count = (ROOT / PACKAGE / fault.file).read_text(encoding="utf-8").count(fault.old)
        if count != 1:
            parser.error(f"{fault.name!r}: its text is {count} times in {fault.file}, not once")

    os.environ |= {
        "OMP_NUM_THREADS": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    can_fork = "forkserver" in multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if can_fork else "spawn")
    if can_fork:
        context.set_forkserver_preload(IMPORTED)
    survived = 0
    with ProcessPoolExecutor(options.jobs, mp_context=context, max_tasks_per_child=1) as pool:
        named = sorted({fault.caught_by for _, fault, _ in cases})
        unbroken = pool.submit(try_fault, None, named)
        results = [pool.submit(try_fault, fault, files) for _, fault, files in cases]
        for (part, fault, _), result in zip(cases, results, strict=True):
            test = result.result()
            survived += test is None
            note = "" if test is None or test.startswith(fault.caught_by) else "  (unexpectedly)"
            print(f"{part}  {fault.name:<62} {test or 'NOT CAUGHT'}{note}", flush=True)
        if failed := unbroken.result():
            print(f"The unbroken copy fails {failed}, so what that test catches says nothing.")
            return 1
    minutes, seconds = divmod(round(time.perf_counter() - started), 60)
    caught = len(cases) - survived
    print(f"{caught} of {len(cases)} faults caught in {minutes} min {seconds} s.")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
