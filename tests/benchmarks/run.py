"""Measure, print, and write `results.md`.

    python tests/benchmarks/run.py                     all tables (let the machine do nothing else)
    python tests/benchmarks/run.py attention_speed     one of them; the others stay as they are
    python tests/benchmarks/run.py --quick             tiny sizes, nothing written: does it run?
    python tests/benchmarks/run.py --gpu               the tables of a GPU, ten minutes at most

One file is one table: it has TITLE, NOTE, HEAD and `rows(quick)`, which yields the lines. A new
one is added to TABLES. What was measured on another kind of processor stays beside it.
"""

import argparse
import importlib
import re
import sys
import time
from pathlib import Path

import torch
from gpu import device
from measure import QUIET, THREADS, Others, kind, machine

TABLES = [
    "transformer_speed",
    "models_speed",
    "generation_speed",
    "attention_speed",
    "attention_forms",
    "attention_memory",
    "xl_step",
    "xl_evaluation",
    "one_minute",
    "page_speed",
]
ON_GPU = ["gpu_models", "gpu_context", "gpu_generation"]
NOT_YET = "Not measured: `make bench-gpu` fills this table on a machine with a GPU.\n"
RESULTS = Path(__file__).with_name("results.md")
PREFACE = "# Benchmarks\n\nWritten by `make bench`; measured, never typed.\n"


def section(name: str, quick: bool) -> tuple[str, float]:
    """Measure one table, printing each line as it comes.

    Returns:
        The table as Markdown, and how many cores other programs used meanwhile.
    """
    table = importlib.import_module(name)
    lines = [f"| {' | '.join(table.HEAD)} |", f"|{'---|' * len(table.HEAD)}"]
    print(f"## {table.TITLE}\n\n{machine()}.\n", *lines, sep="\n")
    with Others() as others:
        for row in table.rows(quick):
            lines.append(f"| {' | '.join(map(str, row))} |")
            print(lines[-1], flush=True)
    measured = (
        f"Measured {time.strftime('%Y-%m-%d')} on {machine()}; other programs used "
        f"{others.cores:.2f} of a core.\n"
    )
    print()
    return "\n".join([measured, *lines]) + "\n", others.cores


def merge(old: str, measured: dict[str, str], here: str) -> str:
    """The results with the measured tables in them, in the order of TABLES, then ON_GPU.

    Args:
        old: the results as they are.
        measured: the new tables, by the names of their files.
        here: the kind of processor that they were measured on. The tables of other kinds stay.
    """
    kept = {part.splitlines()[0]: part for part in re.split(r"(?m)^(?=## )", old)[1:]}
    parts = [PREFACE]
    for name in TABLES + ON_GPU:
        table = importlib.import_module(name)
        kinds = re.split(r"(?m)^### (.*)\n", kept.get(f"## {table.TITLE}", ""))[1:]
        of_kind = dict(zip(kinds[::2], kinds[1::2], strict=True))
        if name in measured:
            of_kind[here] = measured[name]
        if of_kind or name in ON_GPU:
            parts.append(f"## {table.TITLE}\n\n{table.NOTE}\n")
        if not of_kind and name in ON_GPU:
            parts.append(NOT_YET)
        for title, text in sorted(of_kind.items(), reverse=True):
            parts.append(f"### {title}\n\n{text.strip()}\n")
    return "\n".join(parts)


def main() -> None:
    """Measure the chosen tables, and keep those that were measured in quiet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", nargs="*", help=f"some of {', '.join(TABLES)}; by default all")
    parser.add_argument("--quick", action="store_true", help="tiny sizes; writes nothing")
    parser.add_argument("--gpu", action="store_true", help="the tables of a GPU")
    options = parser.parse_args()
    tables = ON_GPU if options.gpu else TABLES
    if unknown := set(options.table) - set(tables):
        parser.error(f"there is no table {', '.join(sorted(unknown))}")
    if options.gpu and not options.quick and device().type != "cuda":
        parser.error("there is no GPU here; --gpu --quick runs the same at tiny sizes on the CPU")
    here = torch.cuda.get_device_name() if options.gpu and not options.quick else kind()
    torch.set_num_threads(THREADS)
    torch.manual_seed(0)
    refused = []
    for name in options.table or tables:
        text, others = section(name, options.quick)
        if options.quick:
            continue
        if others > QUIET:
            refused.append(f"{name}: other programs used {others:.2f} of a core")
            continue
        old = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else ""
        RESULTS.write_text(merge(old, {name: text}, here), encoding="utf-8", newline="\n")
    if refused:
        sys.exit(f"not written, for the machine was busy (at most {QUIET}):\n" + "\n".join(refused))


if __name__ == "__main__":
    main()
