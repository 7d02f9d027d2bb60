"""Run the chapters as other processors would, and see that no page says anything else.

    python tests/notebooks/shake.py              the changed chapters, as two other processors would
    python tests/notebooks/shake.py 05 07        those chapters
    python tests/notebooks/shake.py --all        all chapters and the package's tests, all variants

Prints every number that leaves its tolerance. With --all, on a processor with AVX-512, where all
variants differ, also every tolerance in a cell's metadata that is wider than ten times what was
seen to move. Ends with status 1 if there is one.
"""

import os
import re
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import nbformat
import torch
from chapter_runs import ROOT, arguments, chosen, run
from compare_numbers import NOT_COMPARED, TEXTS, diff, pairs, too_far, value
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbval.plugin import get_sanitize_patterns

HERE = Path(__file__).resolve().parent
SANITIZE = get_sanitize_patterns((HERE.parent / "nbval_sanitize.cfg").read_text(encoding="utf-8"))

# A run of all chapters takes half an hour, so each differs from this machine in two ways.
VARIANTS = {
    "AVX2, two threads": {
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "MKL_CBWR": "AVX2",
        "OMP_NUM_THREADS": "2",
        "OMP_WAIT_POLICY": "passive",  # jobs side by side would wait for each other's threads
    },
    "SSE, noise": {
        "ATEN_CPU_CAPABILITY": "default",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "MKL_CBWR": "COMPATIBLE",
        "SHAKE_NOISE": "1e-6",
    },
    "as it is": {},
}
# A number of a chaotic training, moving as normal numbers do, leaves three times the larger of two
# moves on one new processor in 16, ten times on one in 160.
WIDEST = 10
ROUNDING = 0.001  # a tolerance of no more is a ceiling on rounding errors, which have no spread
BY_DEFAULT = ["AVX2, two threads", "SSE, noise"]


def environment(variant: str) -> dict[str, str]:
    """What a variant's processes have in their environment."""
    path = os.pathsep.join(filter(None, [str(HERE / "other_cpu"), os.environ.get("PYTHONPATH")]))
    return {"OMP_NUM_THREADS": "1", "PYTHONPATH": path} | VARIANTS[variant]


def texts(cell: nbformat.NotebookNode) -> list[str]:
    """What a cell says, one text for each output and kind, without what may always differ."""
    said = []
    for output in cell.outputs:
        data = output.get("data", {})
        said += [output.get("text", "")] + [data[kind] for kind in TEXTS if kind in data]
    for pattern, replacement in SANITIZE:
        said = [re.sub(pattern, replacement, text) for text in said]
    return said


def moved(committed: str, computed: str) -> float:
    """How far a number went: the tolerance that it would need."""
    a, b = value(committed), value(computed)
    return float(abs(a - b) / max(1, abs(a)))


def shake(path: Path, variant: str) -> tuple[list[str], dict[int, float]]:
    """Run a chapter in a variant.

    Returns:
        A line for each difference; and for each cell, by its number, how far its numbers went.
    """
    committed = [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]
    try:
        cells = [c for c in run(path, env=environment(variant)).cells if c.cell_type == "code"]
    except (CellExecutionError, DeadKernelError, TimeoutError) as error:
        return [f"{path.stem}, {variant}: {error}"], {}
    lines, seen = [], {}
    for number, (old, new) in enumerate(zip(committed, cells, strict=True), 1):
        if NOT_COMPARED in old.metadata.get("tags", []):
            continue
        place = f"{path.stem}, In [{number}], {variant}:"
        before, after = texts(old), texts(new)
        if len(before) != len(after):
            lines.append(f"{place} {len(before)} outputs became {len(after)}")
            continue
        for a, b in zip(before, after, strict=True):
            both = pairs(a, b)
            if both is None:
                lines.append(f"{place} other words\n{diff(a, b)}")
                continue
            far = too_far(both, old.metadata.get("tolerance", 0.0))
            lines += [f"{place} {a} became {b}, allowed are {limit}" for a, b, limit in far]
            seen[number] = max([seen.get(number, 0.0), *(moved(*pair) for pair in both)])
    return lines, seen


def too_wide(path: Path, seen: dict[int, float]) -> list[str]:
    """A line for each tolerance of more than `WIDEST` times what was seen, rounding apart."""
    cells = [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]
    return [
        f"{path.stem}, In [{number}]: tolerance {cell.metadata.tolerance}, moved {seen[number]:.2g}"
        for number, cell in enumerate(cells, 1)
        if number in seen
        and cell.metadata.get("tolerance", 0.0) > max(ROUNDING, WIDEST * seen[number])
    ]


def package_passes(variant: str) -> bool:
    """Whether the package's tests pass in a variant."""
    print(f"== the package, {variant}", flush=True)
    without = ["book", "benchmarks", "notebooks"]
    command = [sys.executable, "-m", "pytest", "-q", "tests", "-n", "2", "--dist", "loadfile"]
    command += [f"--ignore=tests/{folder}" for folder in without]
    env = dict(os.environ) | {"MPLBACKEND": "agg"} | environment(variant)
    return subprocess.run(command, cwd=ROOT, env=env, check=False).returncode == 0


def main() -> int:
    """Run what was asked for, print what moved too far, return the exit status."""
    options = arguments(__doc__.splitlines()[0]).parse_args()
    variants = list(VARIANTS) if options.all else BY_DEFAULT
    chapters = chosen(options)
    all_seen = options.all and torch.backends.cpu.get_cpu_capability() == "AVX512"
    failed = sum(not package_passes(variant) for variant in variants) if options.all else 0
    with ProcessPoolExecutor(options.jobs) as pool:
        runs = {p: [pool.submit(shake, p, variant) for variant in variants] for p in chapters}
        for path, results in runs.items():
            print(f"== {path.stem}", flush=True)
            farthest = {}
            for lines, seen in (result.result() for result in results):
                failed += len(lines)
                print(*lines, sep="\n", end="\n" if lines else "", flush=True)
                farthest |= {n: max(x, farthest.get(n, 0.0)) for n, x in seen.items()}
            wide = too_wide(path, farthest) if all_seen else []
            failed += len(wide)
            print(*wide, sep="\n", end="\n" if wide else "", flush=True)
    print(f"{failed} to mend in {len(chapters)} chapters: {', '.join(variants)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
