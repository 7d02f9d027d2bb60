"""From how many rows on does training pay? Film reviews, three draws of each size.

    python notebooks/studies/how_much_data.py     what `make study-how_much_data` runs

All are judged on the same 600 reviews, which no size has seen.
"""

import csv
import random
import tempfile
from pathlib import Path

import study

import transformer_lib as tl
from transformer_lib.learning import fitting
from transformer_lib.learning.split import Part, key

SIZES, SEEDS, HELD = (100, 400, 1600, 6400), (0, 1, 2), 600
STEPS = 400  # at most, and at most 30 passes
ARMS = [{"rows": rows, "seed": seed} for rows in SIZES for seed in SEEDS]
own = study.chapter("28_own_data")


def run(rows: int, seed: int, stop: int | None = None) -> dict:
    """Learn from some of the reviews; the share of wrong answers of each candidate."""
    found = own.rated_films()
    random.Random(0).shuffle(found)
    held, rest = found[:HELD], found[HELD:]
    known = {key(text) for text, _ in held}
    rest = [row for row in rest if key(row[0]) not in known]
    random.Random(seed).shuffle(rest)
    steps = min(STEPS, max(100, 30 * rows * 8 // 10 // 32))
    if stop:
        whole = fitting.train
        fitting.train = lambda *given, **how: whole(*given, **how | {"steps": stop})
    try:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "films.csv"
            with file.open("w", encoding="utf-8", newline="") as opened:
                csv.writer(opened).writerows([("text", "label"), *rest[:rows]])
            learned = tl.learn(file, steps=steps, say=lambda plan: None)
    finally:
        if stop:
            fitting.train = whole
    part = Part([text for text, _ in held], [label for _, label in held])
    wrong = {n: round(learned.parts.score(n, part), 4) for n in learned.about["dev"]}
    return {"losses": study.first_losses(learned.history), "steps": steps, "wrong": wrong}


if __name__ == "__main__":
    study.keep(__file__, ARMS, run)
