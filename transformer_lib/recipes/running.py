"""The frame of all recipes: command line, training, measuring, weights and card.

    python -m transformer_lib train verses_gpt --steps 4000 --decay 2200

Stopped at any moment, the same command goes on where it was; up to the end of the plateau, --steps
and --decay may still be changed. At the end it writes the weights, in float16, and beside them a
model card with what was measured, into a folder of the user's.
"""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pooch
import torch
from torch import nn

from transformer_lib import checks
from transformer_lib.layers.kernels import has_bf16_products
from transformer_lib.training.checkpoints import latest_checkpoint
from transformer_lib.training.history import History
from transformer_lib.training.optimizers import muon_and_adamw
from transformer_lib.training.schedules import trapezoid_schedule
from transformer_lib.training.train import train
from transformer_lib.weights import SHIPPED, load, save

SEED = 0  # of every recipe: of its data, its weights and its batches
AUTOCAST = has_bf16_products("cpu")  # where bfloat16 is emulated, it would be far slower
CACHE = Path(pooch.os_cache("transformer_lib"))
RUNS = CACHE / "runs"  # what is not finished
TRAINED = CACHE / "models"  # what is


@dataclass(frozen=True)
class Recipe:
    """What one recipe has of its own.

    Attributes:
        name: of the model, of its file and of the folder of its checkpoints.
        title: of its card.
        steps: how many there are by default; the last half of them bring the rates to zero.
        every: number of steps between two checkpoints, and two calls of `progress`.
        data: `data()`, all that it learns from and is measured on.
        model: `model(data)`, untrained.
        loss: `loss()`, what `train` asks for the loss; made anew for every run.
        batches: `batches(data)`, of the training part alone.
        settings: what the batches are, in words.
        rates: what `muon_and_adamw` takes, and "warmup", the most steps in which they rise.
        symbols: `symbols(data)`, what the model's ids or classes stand for.
        parts: what is measured at the end: names of `data`; of the first the float32 numbers too.
        evaluate: `evaluate(model, data, part)`, the figures of the card.
        progress: `progress(model, data)`, scores by name, underway; None for no look at the model.
        card: `card(figures, data, made)`, its text from figures by "part, storage".
        autocast: whether the forward pass computes matrix products in bfloat16.
        window: how many tokens a writer has learnt to look back on, if not on any number.
        trials: variants that are only measured: of choices that are made, nothing is written.
    """

    name: str
    title: str
    steps: int
    every: int
    data: Callable[[], Any]
    model: Callable[[Any], nn.Module]
    loss: Callable[[], Callable]
    batches: Callable[[Any], Any]
    settings: str
    rates: Mapping[str, float]
    symbols: Callable[[Any], Any]
    parts: Sequence[str]
    evaluate: Callable[[nn.Module, Any, str], Any]
    card: Callable[[Mapping[str, Any], Any, str], str]
    progress: Callable[[nn.Module, Any], dict[str, float]] | None = None
    autocast: bool = False
    window: int | None = None
    trials: Mapping[str, "Recipe"] = field(default_factory=dict)

    def main(self, arguments: Sequence[str] | None = None) -> None:
        """Train, measure, and write weights and model card.

        Args:
            arguments: of the command line; by default those of the process.

        Raises:
            ValueError: before the training, if an option will not do.
        """
        chosen = read_options(self, arguments)
        self.trials.get(chosen.trial, self).run(chosen)

    def run(self, chosen: argparse.Namespace) -> None:
        """Do what the command line says."""
        data = self.data()
        torch.manual_seed(SEED)
        model = self.model(data)
        self.check_folder(chosen, model)
        history = self.train(model, data, chosen)
        model.eval()
        first = self.parts[0]
        figures = {f"{first}, float32": self.evaluate(model, data, first)}
        if chosen.trial:
            sys.stderr.write(f"{figures}\n")
            return
        about = {"recipe": self.name, "steps": len(history), "decay": chosen.decay, "seed": SEED}
        if self.window is not None:
            about["window"] = self.window
        if self.progress is not None:
            about["curve"] = [(step, _untimed(scores)) for step, scores in history.scores.items()]
        save(model.half(), chosen.out, symbols=self.symbols(data), about=about)
        model = load(chosen.out)  # float16 on the disk, float32 in memory
        for part in self.parts:
            figures[f"{part.replace('_', ' ')}, float16"] = self.evaluate(model, data, part)
        made = how_made(self, model, history, chosen)
        card = f"# {self.title}: `{chosen.out.name}`\n\n{self.card(figures, data, made)}"
        chosen.out.with_suffix(".md").write_text(card, encoding="utf-8", newline="\n")
        sys.stderr.write(card)

    def train(self, model: nn.Module, data: Any, chosen: argparse.Namespace) -> History:
        """Train with Muon and AdamW: a short rise, a plateau, then down to zero."""
        clock = Clock()

        def evaluate(model: nn.Module) -> dict[str, float]:
            return clock.lap({} if self.progress is None else self.progress(model, data))

        rates = {name: rate for name, rate in self.rates.items() if name != "warmup"}
        return train(
            model,
            self.loss(),
            self.batches(data),
            optimizer=muon_and_adamw(model, **rates),
            schedule=self.schedule(chosen),
            steps=chosen.steps,
            autocast=self.autocast,
            checkpoint=chosen.checkpoint,
            every=self.every,
            evaluate=evaluate,
        )

    def schedule(self, chosen: argparse.Namespace) -> Callable[[int], float]:
        """The factor of the rates at every step."""
        warmup = min(int(self.rates["warmup"]), chosen.steps // 10)
        return trapezoid_schedule(chosen.steps, warmup=warmup, decay=chosen.decay)

    def check_folder(self, chosen: argparse.Namespace, model: nn.Module) -> None:
        """Go on with a run only if this command would have done the same up to there.

        Raises:
            ValueError: if the run in the folder has another recipe, or its rates have already been
                others than --steps and --decay say.
        """
        own = {"recipe": self.name, "trial": chosen.trial, "seed": SEED, "batches": self.settings}
        own |= {"rates": dict(self.rates), "model": str(_config(model))}
        file = chosen.checkpoint / "recipe.json"
        found = latest_checkpoint(chosen.checkpoint)
        if found is None:
            file.write_text(json.dumps(own, indent=1), encoding="utf-8")
            return
        other = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else own
        for name in own.keys() | other.keys():
            if own.get(name) != other.get(name):
                raise ValueError(
                    f"--checkpoint must be a folder of the same recipe, {chosen.checkpoint} has "
                    f"{name} {other.get(name)!r}, this run {own.get(name)!r}"
                )
        schedule = self.schedule(chosen)
        for step, factor in enumerate(found.state["history"]["factor"], 1):
            if schedule(step) != factor:
                raise ValueError(
                    f"--steps and --decay must leave the rates of the run in {chosen.checkpoint} "
                    f"as they were: at step {step} the factor was {factor}, now {schedule(step)}; "
                    f"remove the folder, or name another"
                )


class Clock:
    """The processor time that a training takes, from one evaluation to the next."""

    def __init__(self):
        self._last = time.process_time()

    def lap(self, scores: dict[str, float]) -> dict[str, float]:
        """Add "cpu_seconds" since the last call to `scores`, and write them to stderr."""
        now = time.process_time()
        spent, self._last = now - self._last, now
        said = [f"{name} {value:.4f}" for name, value in scores.items()]
        line = ", ".join([*said, f"{spent:.0f} s of processor time"])
        sys.stderr.write(f"{time.strftime('%H:%M:%S')}  {line}\n")
        return scores | {"cpu_seconds": spent}


def how_made(recipe: Recipe, model: nn.Module, history: History, chosen: argparse.Namespace) -> str:
    """Say in a model card's words how large a model is, and which command and time it took.

    Args:
        recipe: what was trained.
        model: with its `config`.
        history: of a training that a `Clock` has timed.
        chosen: the command line; the weights must be where it says.

    Returns:
        Three items of a Markdown list.
    """
    parameters = sum(p.numel() for p in model.parameters())
    hours = sum(scores["cpu_seconds"] for scores in history.scores.values()) / 3600
    megabytes = chosen.out.stat().st_size / 1e6
    return f"""\
- **Model**: {parameters:,} parameters, float16 on the disk ({megabytes:.2f} MB).
  `{_config(model)}`
- **Command**: `python -m transformer_lib train {recipe.name} --steps {len(history)}
  --decay {chosen.decay}`, seed {SEED}, {recipe.settings}.
- **Time**: {hours:.2f} hours of processor time ({platform.machine()}, torch {torch.__version__},
  {torch.get_num_threads()} thread)."""


def _config(model: nn.Module) -> Any:
    """What a model is made of; of a head, what it stands on."""
    return getattr(getattr(model, "bert", model), "config", None)


def _untimed(scores: dict[str, float]) -> dict[str, float]:
    return {name: score for name, score in scores.items() if name != "cpu_seconds"}


def read_options(recipe: Recipe, arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line, and refuse before the training what would fail after it.

    Raises:
        ValueError: if there is no step, more decay than steps, or no place for what is written.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m transformer_lib train {recipe.name}", description=f"Train: {recipe.title}."
    )
    add = parser.add_argument
    add("--steps", type=int, default=recipe.steps, help="number of steps in all")
    add("--decay", type=int, help="how many of them bring the rates to zero (half of them)")
    add("--checkpoint", type=Path, help="folder to go on from (one in the cache)")
    add("--out", type=Path, help="file for the weights (one in the cache)")
    add("--force", action="store_true", help="replace weights and card that are there")
    if recipe.trials:
        add("--trial", choices=sorted(recipe.trials), help="only measure, and write no weights")
    parser.set_defaults(trial=None)
    chosen = parser.parse_args(arguments)
    checks.at_least(1, **{"--steps": chosen.steps})
    if chosen.decay is None:
        chosen.decay = chosen.steps // 2
    recipe.schedule(chosen)  # refuses a decay that is longer
    run = "-".join(filter(None, (recipe.name, chosen.trial)))
    chosen.checkpoint = (chosen.checkpoint or RUNS / run).expanduser()
    chosen.out = (chosen.out or TRAINED / f"{recipe.name}.safetensors").expanduser()
    _make_folder("--checkpoint", chosen.checkpoint)
    if not chosen.trial:
        _check_out(chosen.out, chosen.force)
    return chosen


def _check_out(out: Path, force: bool) -> None:
    if out.suffix != ".safetensors":
        raise ValueError(f"--out must end in .safetensors, got {str(out)!r}")
    if out.resolve() in SHIPPED.values():
        raise ValueError(f"--out must not be what ships with the package, got {out}")
    for path in (out, out.with_suffix(".md")):
        if path.is_dir():
            raise ValueError(f"--out must be a file, and its card another, {path} is a folder")
        if path.exists() and not force:
            raise ValueError(f"--out must be new, {path} is there: --force replaces it")
    _make_folder("--out", out.parent)


def _make_folder(option: str, folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"{option} must be where a folder can be made: {error}") from error
    if not os.access(folder, os.W_OK):
        raise ValueError(f"{option} must be where you may write, got {folder}")
