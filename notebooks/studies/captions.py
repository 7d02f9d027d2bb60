"""Chapter 13: its translator on the captions that everybody measures, and the word table on them.

python notebooks/studies/captions.py     what `make study-captions` runs; stopped, it goes on
"""

import torch
from study import first_losses, keep

from transformer_lib.measure.translation import translation_score
from transformer_lib.measure.word_table import WordTable
from transformer_lib.recipes.running import RUNS, SEED, Clock
from transformer_lib.recipes.translation import TRIALS, score
from transformer_lib.training.optimizers import muon_and_adamw
from transformer_lib.training.schedules import trapezoid_schedule
from transformer_lib.training.train import train

NEEDS = "multi30k"
RECIPE = TRIALS[NEEDS]
ARMS = [{"steps": RECIPE.steps}]


def run(steps, *, stop=None) -> dict:
    """Train as `make train-translation DATA=multi30k` does, and measure all on the test part."""
    torch.set_num_threads(1)
    data = RECIPE.data()
    torch.manual_seed(SEED)
    model = RECIPE.model(data)
    rates = {name: rate for name, rate in RECIPE.rates.items() if name != "warmup"}
    clock = Clock()
    history = train(
        model,
        RECIPE.loss(),
        RECIPE.batches(data),
        optimizer=muon_and_adamw(model, **rates),
        schedule=trapezoid_schedule(steps, warmup=RECIPE.rates["warmup"], decay=steps // 2),
        steps=stop or steps,
        autocast=RECIPE.autocast,
        checkpoint=None if stop else RUNS / "study-captions",
        every=RECIPE.every,
        evaluate=lambda _: clock.lap({}),
    )
    if stop:
        return {"losses": first_losses(history)}
    table = WordTable(data.pairs.train)
    sources, wanted = ([pair[side] for pair in data.test] for side in (0, 1))
    found = {
        "copying": translation_score(sources, wanted),
        "word table": translation_score([table.replace(text) for text in sources], wanted),
        "ours, greedy": score(model.eval(), data.test, data.symbols, num_beams=1),
        "ours, beam of 4": score(model, data.test, data.symbols),
    }
    return {
        "losses": first_losses(history),
        "parameters": sum(p.numel() for p in model.parameters()),
        "seconds": round(sum(lap["cpu_seconds"] for lap in history.scores.values())),
        "found": {name: one._asdict() for name, one in found.items()},
    }


if __name__ == "__main__":
    keep(__file__, ARMS, run)
