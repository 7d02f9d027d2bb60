"""Which chapters to run, and one run of a chapter in a kernel of its own."""

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[2]


def arguments(description: str) -> argparse.ArgumentParser:
    """The options that every run of chapters has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("names", nargs="*", help="chapters, by name or number (the changed ones)")
    parser.add_argument("--all", action="store_true", help="every chapter")
    parser.add_argument("--jobs", type=int, default=2, help="chapters run side by side (2)")
    return parser


def chosen(options: argparse.Namespace) -> list[Path]:
    """The chapters that were named; all; or those that changed since the branch left main."""
    there = sorted((ROOT / "notebooks").glob("*.ipynb"))
    if options.all:
        return there
    if options.names:
        named = {n: [p for p in there if p.stem.startswith(Path(n).stem)] for n in options.names}
        for name, paths in named.items():
            if not paths:
                sys.exit(f"no chapter {name!r}; there are: {', '.join(p.stem for p in there)}")
        return sorted({p for paths in named.values() for p in paths})
    new = changed(ROOT)
    return [p for p in there if p.relative_to(ROOT).as_posix() in new]


def changed(folder: Path) -> set[str]:
    """The files of a checkout that differ from where its branch left main."""

    def git(*words: str) -> str:
        ran = subprocess.run(
            ["git", *words], cwd=folder, capture_output=True, text=True, check=False
        )
        return ran.stdout.strip()

    base = git("merge-base", "HEAD", "origin/main") or git("merge-base", "HEAD", "main") or "HEAD"
    return set(git("diff", "--name-only", base).splitlines())


def run(
    path: Path,
    *,
    env: dict[str, str] | None = None,
    edit: Callable[[Iterable], list] = list,
    go_on: bool = False,
) -> nbformat.NotebookNode:
    """Run a chapter, its file untouched, and return it with its new outputs.

    Args:
        path: the notebook.
        env: what the kernel's environment has besides this process's.
        edit: takes the cells, returns those to run.
        go_on: run on after a cell that raises; its output says what it raised.
    """
    nb = nbformat.read(path, as_version=4)
    nb.cells = edit(nb.cells)
    client = NotebookClient(
        nb,
        allow_errors=go_on,
        coalesce_streams=True,
        extra_arguments=["--log-level=ERROR"],
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        timeout=900,
    )
    return client.execute(env={"OMP_NUM_THREADS": "1"} | dict(os.environ) | (env or {}))
