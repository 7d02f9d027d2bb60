"""Execute the notebooks in place so that a second run changes no byte.

    python notebooks/run.py                 # all, two at a time
    python notebooks/run.py 01_attention    # one; its number alone will do
    python notebooks/run.py --jobs 1 --times book/times.json    # and keep the seconds of each

A notebook's file is replaced only when its run was whole, and nobody wrote to it meanwhile. What
the reader wrote stays as it is. In what came out, time stamps and the kernel's version are left
out, widgets get numbers for names, in the order in which they were made, and addresses zeros.
"""

import argparse
import json
import math
import multiprocessing
import os
import re
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).resolve().parent
ANSI = re.compile(r"\x1b\[[0-9;]*m")
ADDRESS = re.compile(r" at 0x[0-9a-f]{6,}")
ID = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")


def execute(path: Path) -> str:
    """Run a notebook from top to bottom in a fresh kernel; return the text of its new file."""
    nb = nbformat.read(path, as_version=4)
    nb.metadata.pop("widgets", None)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    nb.metadata.kernelspec = nbformat.from_dict(kernel)
    for cell in nb.cells:  # so that `where` sees how far this run came, and not the last
        if cell.cell_type == "code":
            cell.execution_count = None
    client = NotebookClient(
        nb,
        coalesce_streams=True,
        extra_arguments=["--log-level=ERROR"],
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": str(path.parent)}},
        timeout=600,
    )
    try:
        client.execute()
    except Exception as error:
        raise RuntimeError(f"{where(nb)}\n{ANSI.sub('', str(error)).strip()}") from None
    nb.metadata.language_info = {"name": "python"}
    name_by_order(nb)
    return nbformat.writes(nb) + "\n"


def name_by_order(nb: nbformat.NotebookNode) -> None:
    """Put numbers for the names of widgets, and zeros for addresses, in all that came out."""
    widgets = nb.metadata.get("widgets", {})
    states = (key for kind in widgets.values() for key in kind["state"])
    names = {key: f"{i:032x}" for i, key in enumerate(states)}

    def tidy(part):
        text = re.sub(ID, lambda m: names.get(m[0], m[0]), json.dumps(part))
        return nbformat.from_dict(json.loads(re.sub(ADDRESS, " at 0x000000", text)))

    for cell in nb.cells:
        if cell.cell_type == "code":
            cell.outputs = tidy(cell.outputs)
    if widgets:
        nb.metadata.widgets = tidy(widgets)


def where(nb: nbformat.NotebookNode) -> str:
    """Name the last cell that was begun, as its reader sees it: a number and ``In [...]``."""
    begun = [(i, c) for i, c in enumerate(nb.cells) if c.cell_type == "code" and c.execution_count]
    number, cell = begun[-1] if begun else (0, {"execution_count": None})
    return f"cell {number}, In [{cell['execution_count']}]"


def replace(path: Path) -> float:
    """Execute one notebook and put the result in its place; return the seconds that it computed.

    They are those of its kernel's processes, the same on a machine that does other things too.
    """
    start = _computed()
    before = path.read_bytes()
    text = execute(path)
    new = path.with_name(f".{path.name}.new")
    new.write_text(text, encoding="utf-8", newline="\n")
    if not path.exists() or path.read_bytes() != before:
        new.unlink()
        raise RuntimeError("was edited while it ran, and stays as it was edited: run it again")
    os.replace(new, path)
    return _computed() - start


def _computed() -> float:
    """The processor's seconds of all processes that this one began and that have ended."""
    spent = os.times()  # of Windows it counts none
    return spent.children_user + spent.children_system


def main() -> int:
    """Read the command line, run the notebooks side by side, and tell how each went."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("names", nargs="*", help="notebooks, by name, number or path (all)")
    parser.add_argument("--jobs", type=int, default=2, help="notebooks run side by side (2)")
    parser.add_argument("--times", type=Path, help="a table of seconds, to be brought up to date")
    args = parser.parse_args()
    there = sorted(HERE.glob("*.ipynb"))
    if not there:
        parser.error(f"no notebook in {HERE}")
    paths = dict.fromkeys(p for n in args.names for p in there if p.stem.startswith(Path(n).stem))
    for name in args.names:
        if not any(p.stem.startswith(Path(name).stem) for p in there):
            parser.error(f"no notebook {name!r}; there are: {', '.join(p.stem for p in there)}")

    os.environ.setdefault("OMP_NUM_THREADS", "1")  # part of a float's last digits
    failed, times = 0, {}
    alike = multiprocessing.get_context("spawn")  # on every system
    with ProcessPoolExecutor(max_workers=args.jobs, mp_context=alike) as pool:
        runs = {pool.submit(replace, path): path for path in paths or there}
        for run in as_completed(runs):
            try:
                times[runs[run].stem] = math.ceil(run.result())
                print(f"{runs[run].stem:<28}{run.result():6.1f} s", flush=True)
            except RuntimeError as error:
                failed += 1
                print(f"{runs[run].stem}: {error}", file=sys.stderr, flush=True)
    if args.times:
        table = json.loads(args.times.read_text()) | times
        args.times.write_text(json.dumps(table, indent=1, sort_keys=True) + "\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
