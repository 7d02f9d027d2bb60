"""One noun, a file, and one number, minutes.

    learned = learn("reviews.csv", minutes=2)
    print(learned.card)
    learned("what a film")

Read, split, count, train, compare: and what wins on dev answers, counting included.
"""

import os
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from transformer_lib import checks
from transformer_lib.learning.card import card_of, plan_of
from transformer_lib.learning.files import read
from transformer_lib.learning.fitting import fit, steps_that_fit
from transformer_lib.learning.kinds import KINDS
from transformer_lib.learning.split import split
from transformer_lib.weights import save


class Learned(nn.Module):
    """All that was learnt from a file, and which of it answers.

    It is made by `learn`, saved by `save`, and `load` makes it again.

    Args:
        config: the kind, what was decided from the data, and the sizes of the tables.

    Raises:
        ValueError: if the config does not describe one of the kinds.
    """

    def __init__(self, config: dict[str, Any]):
        super().__init__()
        checks.one_of(KINDS, kind=config.get("kind"))
        self.kind = config["kind"]
        self.parts = KINDS[self.kind](config["facts"])
        for name, table in self._tables().items():
            if name in config.get("tables", {}):
                table.make_room(config["tables"][name])
        self.symbols, self.about = None, None
        self.history = None  # of the training, if it was this process's

    @property
    def config(self) -> dict[str, Any]:
        """What `__init__` makes it from; a file's header keeps it."""
        tables = {name: table.sizes() for name, table in self._tables().items()}
        return {"kind": self.kind, "facts": self.parts.facts, "tables": tables}

    @property
    def card(self) -> str:
        """What it was made from, how good each candidate is, and the verdict."""
        return card_of(self.about)

    @property
    def winner(self) -> str:
        """The candidate that was best on dev, and answers."""
        return self.about["winner"]

    def forward(self, source: Any, *, ask: str | None = None, **how: Any) -> str:
        """Answer as the winner does.

        Args:
            source: a text, or the path of a picture.
            ask: another candidate than the winner.
            how: of a writer `length` and `seed`, of a search `guesses`.

        Raises:
            ValueError: if there is no such candidate, or the source is not of the kind learnt from.
        """
        ask = self.winner if ask is None else ask
        checks.one_of(self.about["dev"], ask=ask)
        with torch.inference_mode():
            return self.parts.answer(ask, source, **how)

    def save(self, file: str | os.PathLike, *, force: bool = False) -> None:
        """Write it as one safetensors file, tables and counts too; nothing is pickled.

        Raises:
            ValueError: if the file is there, unless `force`.
        """
        check_new(file, force)
        save(self, file)

    def _tables(self) -> dict[str, nn.Module]:
        return {name: part for name, part in self.named_modules() if hasattr(part, "make_room")}


def learn(
    path: str | os.PathLike,
    *,
    minutes: float = 2.0,
    steps: int | None = None,
    say: Callable[[str], Any] = print,
) -> Learned:
    """Learn from a file what it asks for: to write, to classify, to turn one row into another.

    Args:
        path: a text; .csv with the columns text and label; .tsv, source TAB target; or a folder
            with a folder of pictures for each class; or .csv with the columns picture, a path, and
            caption, to search pictures by words.
        minutes: for the training; baselines take seconds.
        steps: instead of the minutes; the card prints them, and so a run is repeated bit by bit
            (on the same machine, with as many threads).
        say: is given the plan before the training.

    Raises:
        ValueError: if an argument, or what stands in the file, will not do.
    """
    checks.positive(minutes=minutes)
    checks.at_least_or_none(1, steps=steps)
    data = read(path)
    parts = split(data)
    kind = KINDS[data.kind]
    facts = kind.facts_of(data, parts)  # may load a published model, which draws random numbers
    torch.manual_seed(0)
    learned = Learned({"kind": data.kind, "facts": facts})
    task = learned.parts.eval()
    task.fit_baseline(parts)
    dev = {name: task.score(name, parts.dev) for name in [*task.candidates][:-1]}
    training = task.make_training(parts)
    if steps is None:
        steps = steps_that_fit(training, minutes, lambda: task.look(parts.dev))
    learned.about = plan_of(data, parts, task, steps, dev)
    say(card_of(learned.about))
    looks, learned.history = fit(training, steps, lambda: task.look(parts.dev))
    candidates = [*task.candidates, *(["together"] if data.kind == "classifier" else [])]
    learned.about |= {
        "dev": dev | {name: task.score(name, parts.dev) for name in candidates if name not in dev},
        "test": {name: task.score(name, parts.test) for name in candidates},
        "looks": {str(step): score for step, score in looks.items()},
    }
    dev = learned.about["dev"]
    learned.about["winner"] = min(dev, key=dev.get)  # among equals the baseline, which comes first
    return learned.eval()


def check_new(file: str | os.PathLike, force: bool) -> None:
    """Refuse a place where something lies already.

    Raises:
        ValueError: naming what is there.
    """
    if os.path.isdir(file):
        raise ValueError(f"file must be a file's name, {os.fspath(file)!r} is a folder")
    if os.path.exists(file) and not force:
        raise ValueError(f"file must be new, {os.fspath(file)!r} is there: force replaces it")
    if not os.path.isdir(os.path.dirname(os.path.abspath(file))):
        raise ValueError(f"file must be in a folder that is there, got {os.fspath(file)!r}")
