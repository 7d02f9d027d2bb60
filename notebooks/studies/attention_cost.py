"""Chapter 26: what one more token costs, and a training step, against full attention.

What is kept are ratios. All calls of a table take their turns in one run, so that a busy moment
hits all alike; of each call's times the lower quartile counts; the unit is full attention at the
least length. Another machine moves these ratios less than it moves microseconds.
"""

import json
import statistics
import subprocess
import time
from pathlib import Path

import torch
from study import chapter, machine

TOKEN, TRAINED, ALONE = (256, 1024, 4096, 16_384), (256, 1024, 2048), (512, 2048, 4096)
ROUNDS, WARM = 24, 2


def ratios(calls: dict) -> dict[int, dict[str, float]]:
    """Of calls by (length, name): their times, as multiples of the first one's."""
    found = {key: [] for key in calls}
    for turn in range(WARM + ROUNDS):
        for key, call in calls.items():
            start = time.process_time()
            call()
            if turn >= WARM:
                found[key].append(time.process_time() - start)
    least = {key: statistics.quantiles(times, n=4)[0] for key, times in found.items()}
    unit, table = next(iter(least.values())), {}
    for (length, name), seconds in least.items():
        table.setdefault(length, {})[name] = round(seconds / unit, 3)
    return table


def main() -> None:
    """Measure, and write the file that the page prints from."""
    torch.set_num_threads(1)
    here = chapter("26_which_attention")
    more = {(n, k): here.repeated(here.one_more(k, n), 8) for n in TOKEN for k in here.KINDS}
    steps = {(n, k): here.forward_backward(k, n) for n in TRAINED for k in here.KINDS}
    alone = {(n, way): call for n in ALONE for way, call in here.three_windows(n).items()}
    tables = {"token": ratios(more), "training": ratios(steps), "window": ratios(alone)}
    ask = ["git", "rev-parse", "--short=12", "HEAD"]
    commit = subprocess.run(ask, capture_output=True, text=True, check=False).stdout.strip()
    about = {"command": "make study-attention_cost", "commit": commit, "cpu": machine()}
    path = Path(__file__).with_suffix(".json")
    path.write_text(json.dumps(about | tables, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
