"""Run the chapters with other numbers in them: a reader who changes one must not break the page.

    python tests/notebooks/halved.py             the changed chapters
    python tests/notebooks/halved.py 05 07       those chapters
    python tests/notebooks/halved.py --all       all chapters

Every training is half as long, and sections marked deep (by the tag ``deep`` of their heading) are
left out: no open section may need them. A bound may fail, for a shorter training earns less; so an
AssertionError is reported and passes. Anything else that a cell raises is a fault of the page.

Where a chapter sets the length of a training, its cell has the tag ``steps``. There every whole
number that is given to a name that ends in ``steps`` or ``epochs`` is halved, whether it is
assigned (``STEPS = 600``), passed (``train(model, steps=600)``) or a default. What depends on it
is computed from it (``decay=STEPS // 2``), here and in the cells below.
"""

import ast
import sys
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import nbformat
from chapter_runs import ROOT, arguments, chosen, run

sys.path.insert(0, str(ROOT / "book/_ext"))
from sections import in_the_open

STEPS = "steps"


def lengths(tree: ast.AST) -> list[ast.Constant]:
    """The numbers of a cell that say how long a training is."""
    given = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            given += [(target, node.value) for target in node.targets]
        elif isinstance(node, ast.keyword):
            given.append((node.arg, node.value))
        elif isinstance(node, ast.arguments):
            places = [*node.posonlyargs, *node.args]
            with_default = places[len(places) - len(node.defaults) :]
            given += zip((a.arg for a in with_default), node.defaults, strict=True)
            given += zip((a.arg for a in node.kwonlyargs), node.kw_defaults, strict=True)
    found = [
        value
        for name, value in given
        if isinstance(value, ast.Constant)
        and isinstance(value.value, int)
        and str(getattr(name, "id", name)).lower().endswith(("steps", "epochs"))
    ]
    return list(dict.fromkeys(found))  # a = b = 600 gives one number twice


def halve(source: str) -> str:
    """A cell's source with half of each training.

    Raises:
        ValueError: if there is none.
    """
    tree = ast.parse(source)
    found = lengths(tree)
    if not found:
        raise ValueError(f"a cell has the tag 'steps' but sets no training's length:\n{source}")
    for number in found:
        number.value = max(1, number.value // 2)
    return ast.unparse(tree)


def shorter(cells: Iterable) -> list:
    """A chapter's cells without the deep sections, and with half of each training."""
    kept = in_the_open(cells)
    for cell in kept:
        if STEPS in cell.metadata.get("tags", []):
            cell.source = halve(cell.source)
    return kept


def halved(path: Path) -> tuple[list[str], list[str]]:
    """Run a chapter; return a line for each fault and one for each bound that failed."""
    faults, bounds = [], []
    committed = {c.id: c.get("execution_count") for c in nbformat.read(path, as_version=4).cells}
    for cell in run(path, edit=shorter, go_on=True).cells:
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                lines = bounds if output.ename == "AssertionError" else faults
                said = output.evalue.strip().split("\n")[0]
                place = f"{path.stem}, In [{committed[cell.id]}]"
                lines.append(f"{place}: {output.ename}: {said}")
    return faults, bounds


def main() -> int:
    """Run the chapters, print what each raised, return the exit status."""
    options = arguments(__doc__.splitlines()[0]).parse_args()
    chapters = chosen(options)
    failed = 0
    with ProcessPoolExecutor(options.jobs) as pool:
        for path, (faults, bounds) in zip(chapters, pool.map(halved, chapters), strict=True):
            failed += len(faults)
            print(f"== {path.stem}", *faults, sep="\n", flush=True)
            print(*(f"   only a bound: {line}" for line in bounds), sep="\n", flush=True)
    print(f"{failed} to mend in {len(chapters)} chapters")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
