"""Chapter 24's patients with three seeds: is each named first, and nothing found on the healthy?

python notebooks/studies/training_problems.py

It runs the chapter's own cells that are tagged "patients", and writes training_problems.json.
"""

import json
import platform
import subprocess
import sys
from pathlib import Path

import nbformat

HERE = Path(__file__).parent
CHAPTER = HERE.parent / "24_training_problems.ipynb"


def chapter(seed: int) -> dict:
    """The names of the chapter's cells, made with a seed."""
    cells = [cell for cell in nbformat.read(CHAPTER, 4).cells if cell.cell_type == "code"]
    names: dict = {"__name__": "chapter"}
    sys.modules["chapter"] = type(sys)("chapter")  # dataclasses look for their module
    exec(cells[0].source, names)
    for cell in cells:
        if "patients" in cell.metadata.get("tags", []):
            exec(cell.source.replace("seed = 0\n", f"seed = {seed}\n"), names)
    return names


def first_finding(training) -> str:
    """What is named first, as on the page."""
    if training.afterwards:
        training.run()
    found = training.examine().findings
    return found[0].name if found else "nothing"


def main() -> None:
    """Examine all, and write what was found."""
    rows = []
    for seed in (0, 1, 2):
        names = chapter(seed)
        for make, illness in {names["healthy"]: "nothing", **names["ILL"]}.items():
            rows.append({"seed": seed, "ill of": illness, "named": first_finding(make())})
    commit = subprocess.check_output(["git", "rev-parse", "--short", "HEAD"], text=True).strip()
    about = {"command": f"python notebooks/studies/{Path(__file__).name}", "commit": commit}
    about |= {"cpu": platform.processor() or platform.machine(), "rows": rows}
    (HERE / "training_problems.json").write_text(json.dumps(about, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
