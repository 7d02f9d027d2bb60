"""Chapter 26: what one more token costs, and a training step; medians of interleaved rounds.

Times depend on the machine and on what else it does: run it on a quiet one, with one thread.
"""

import json
import statistics
import subprocess
import time
from pathlib import Path

import torch
from study import chapter, machine

LENGTHS, TRAINED, ROUNDS = (256, 1024, 4096, 16_384), (256, 1024, 2048), 9


def medians(calls: dict, rounds: int, warm: int = 2) -> dict[str, float]:
    """Seconds for each call; all take their turns, so that a busy moment hits all alike."""
    found = {name: [] for name in calls}
    for turn in range(warm + rounds):
        for name, call in calls.items():
            start = time.process_time()
            call()
            if turn >= warm:
                found[name].append(time.process_time() - start)
    return {name: statistics.median(times) for name, times in found.items()}


def main() -> None:
    """Measure, and write the file that the page prints from."""
    torch.set_num_threads(1)
    here, study = chapter("26_which_attention"), {"token": {}, "training": {}, "window": {}}
    for length in LENGTHS:
        calls = {kind: here.one_more(kind, length) for kind in here.KINDS}
        several = {kind: here.repeated(call, 8) for kind, call in calls.items()}
        study["token"][length] = {k: s / 8 * 1e6 for k, s in medians(several, ROUNDS).items()}
    for length in TRAINED:
        calls = {kind: here.forward_backward(kind, length) for kind in here.KINDS}
        study["training"][length] = {k: s * 1e3 for k, s in medians(calls, ROUNDS, 1).items()}
    for length in (512, 2048, 4096):
        calls = here.three_windows(length)
        study["window"][length] = {k: s * 1e3 for k, s in medians(calls, ROUNDS, 1).items()}
    for table in study.values():
        for row in table.values():
            row.update({kind: round(value, 2) for kind, value in row.items()})
    ask = ["git", "rev-parse", "--short=12", "HEAD"]
    commit = subprocess.run(ask, capture_output=True, text=True, check=False).stdout.strip()
    about = {"command": "make study-attention_cost", "commit": commit, "cpu": machine()}
    path = Path(__file__).with_suffix(".json")
    path.write_text(json.dumps(about | study, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
