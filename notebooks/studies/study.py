"""What all studies share: the functions of a chapter, and the file that a page prints from.

A study is a module beside this one: ``ARMS``, a list of settings, and ``run(**arm, stop=None)``,
which trains one arm and returns its first losses and its figures. With ``stop=50`` it ends after
50 steps of the same training; a test does that with the first arm.

    python notebooks/studies/same_reading.py     what `make study-same_reading` runs
"""

import json
import platform
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import nbformat

HERE = Path(__file__).resolve().parent
KEPT = 50  # losses of each arm, for the test that runs one of them again


def chapter(name: str, stop: int | None = None) -> SimpleNamespace:
    """Run the cells of a chapter that have the tag ``study``, and return what they define.

    Args:
        name: the chapter, without its ending.
        stop: end each training after this many steps of its schedule.
    """
    made = {"__name__": name, "histories": []}  # of its trainings, in order
    for cell in nbformat.read(HERE.parent / f"{name}.ipynb", as_version=4).cells:
        if "study" in cell.metadata.get("tags", []):
            exec(compile(cell.source, f"{name}, cell {cell.id}", "exec"), made)

    def train(*given, **options):
        if stop and "steps" in options:
            options["steps"] = stop
        made["histories"].append(whole(*given, **options))
        return made["histories"][-1]

    whole, made["train"] = made.get("train"), train
    return SimpleNamespace(**made)


def machine() -> str:
    """The kind of processor."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def first_losses(history) -> list[float]:
    """The losses that are kept of an arm."""
    return [round(loss, 4) for loss in history.loss[:KEPT]]


def keep(
    file: str,
    arms: list[dict],
    run: Callable[..., dict],
    conclude: Callable[[list[dict]], dict] | None = None,
) -> None:
    """Run every arm and write the study's file: command, commit, processor, and all runs.

    What `conclude` makes of the runs stands there too.
    """
    path = Path(file).with_suffix(".json")
    ask = ["git", "rev-parse", "--short=12", "HEAD"]
    head = subprocess.run(ask, cwd=HERE, capture_output=True, text=True, check=False)
    study = {"command": f"make study-{path.stem}", "commit": head.stdout.strip()}
    study |= {"cpu": machine(), "runs": []}
    for arm in arms:
        start = time.process_time()
        study["runs"].append(arm | run(**arm))
        seconds = time.process_time() - start
        print(arm, f"{seconds:.0f} s of the processor", flush=True)
    if conclude is not None:
        study["conclusion"] = conclude(study["runs"])
    text = json.dumps(study, ensure_ascii=False, indent=1)
    path.write_text(text + "\n", encoding="utf-8")
