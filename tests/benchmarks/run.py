"""Measure, print, and write `results.md`.

    python tests/benchmarks/run.py                     all tables (let the machine do nothing else)
    python tests/benchmarks/run.py attention_speed     one of them; the others stay as they are
    python tests/benchmarks/run.py --quick             tiny sizes, nothing written: does it run?

One file is one table: it has TITLE, NOTE, HEAD and `rows(quick)`, which yields the lines. A new
one is added to TABLES.
"""

import argparse
import importlib
import re
import time
from pathlib import Path

import torch
from measure import THREADS, machine

TABLES = [
    "transformer_speed",
    "models_speed",
    "generation_speed",
    "attention_speed",
    "attention_forms",
    "attention_memory",
    "xl_step",
    "xl_evaluation",
    "page_speed",
]
RESULTS = Path(__file__).with_name("results.md")
PREFACE = "# Benchmarks\n\nWritten by `make bench`; measured, never typed.\n"


def section(name: str, quick: bool) -> str:
    """Measure one table and return it as Markdown, printing each line as it comes."""
    table = importlib.import_module(name)
    lines = [
        f"## {table.TITLE}\n",
        f"{table.NOTE}\n",
        f"Measured {time.strftime('%Y-%m-%d')} on {machine()}.\n",
        f"| {' | '.join(table.HEAD)} |",
        f"|{'---|' * len(table.HEAD)}",
    ]
    print("\n".join(lines))
    for row in table.rows(quick):
        lines.append(f"| {' | '.join(map(str, row))} |")
        print(lines[-1], flush=True)
    print()
    return "\n".join(lines) + "\n"


def write(measured: dict[str, str]) -> None:
    """Put the measured sections into the results, in the order of TABLES, and keep the others."""
    old = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else ""
    kept = {part.splitlines()[0]: part for part in re.split(r"(?m)^(?=## )", old)[1:]}
    parts = []
    for name in TABLES:
        title = f"## {importlib.import_module(name).TITLE}"
        part = measured.get(name) or kept.get(title)
        if part:
            parts.append(part.strip() + "\n")
    RESULTS.write_text("\n".join([PREFACE, *parts]), encoding="utf-8", newline="\n")


def main() -> None:
    """Measure the chosen tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", nargs="*", help=f"some of {', '.join(TABLES)}; by default all")
    parser.add_argument("--quick", action="store_true", help="tiny sizes; writes nothing")
    options = parser.parse_args()
    if unknown := set(options.table) - set(TABLES):
        parser.error(f"there is no table {', '.join(sorted(unknown))}")
    torch.set_num_threads(THREADS)
    torch.manual_seed(0)
    measured = {name: section(name, options.quick) for name in options.table or TABLES}
    if not options.quick:
        write(measured)


if __name__ == "__main__":
    main()
