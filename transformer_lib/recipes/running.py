"""What all recipes do alike: read the command line, keep the time, and say how it was made."""

import argparse
import platform
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pooch
import torch
from torch import nn

from transformer_lib.training.history import History

CHECKPOINTS = Path(__file__).parents[1] / "checkpoints"  # what ships with the package
RUNS = Path(pooch.os_cache("transformer_lib")) / "runs"  # what is not finished


def read_options(
    parser: argparse.ArgumentParser, arguments: Sequence[str] | None, *, steps: int, weights: Path
) -> argparse.Namespace:
    """Read the command line: steps, decay, checkpoint, out, and what the recipe has of its own.

    Args:
        parser: with the recipe's own options.
        arguments: by default those of the process.
        steps: how many there are by default; half of them are the decay.
        weights: the file that is written by default; the checkpoints' folder has its name.

    Returns:
        The values of all options.
    """
    add = parser.add_argument
    add("--steps", type=int, default=steps, help="number of steps in all")
    add("--decay", type=int, help="how many of them bring the rates to zero")
    add("--checkpoint", type=Path, default=RUNS / weights.stem, help="folder to resume from")
    add("--out", type=Path, default=weights, help="file for the weights")
    chosen = parser.parse_args(arguments)
    if chosen.decay is None:
        chosen.decay = chosen.steps // 2
    return chosen


class Clock:
    """The processor time that a training takes, from one evaluation to the next."""

    def __init__(self):
        self._last = time.process_time()

    def lap(self, scores: dict[str, float], *said: str) -> dict[str, float]:
        """Add "cpu_seconds" since the last call to `scores`, and write what is `said` to stderr."""
        now = time.process_time()
        spent, self._last = now - self._last, now
        line = ", ".join([*said, f"{spent:.0f} s of processor time"])
        sys.stderr.write(f"{time.strftime('%H:%M:%S')}  {line}\n")
        return scores | {"cpu_seconds": spent}


def how_made(
    recipe: str, model: nn.Module, history: History, chosen: argparse.Namespace, settings: str
) -> str:
    """Say in a model card's words how large a model is, and which command and time it took.

    Args:
        recipe: name of the module.
        model: with its `config`.
        history: of a training that a `Clock` has timed.
        chosen: from `read_options`; the weights must be where it says.
        settings: what is not an option: the seed and the batches.

    Returns:
        Three items of a Markdown list.
    """
    parameters = sum(p.numel() for p in model.parameters())
    hours = sum(scores["cpu_seconds"] for scores in history.scores.values()) / 3600
    megabytes = chosen.out.stat().st_size / 1e6
    return f"""\
- **Model**: {parameters:,} parameters, float16 on the disk ({megabytes:.2f} MB).
  `{model.config}`
- **Command**: `python -m transformer_lib.recipes.{recipe} --steps {len(history)}
  --decay {chosen.decay}`, {settings}.
- **Time**: {hours:.2f} hours of processor time ({platform.machine()}, torch {torch.__version__},
  {torch.get_num_threads()} thread)."""


def write_card(card: str, weights: Path) -> None:
    """Put a model card beside the weights that it describes, and show it."""
    weights.with_suffix(".md").write_text(card, encoding="utf-8", newline="\n")
    sys.stderr.write(card)
