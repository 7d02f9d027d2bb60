"""A study on a page: runs for which the page has no time, kept in a file with all their seeds."""

import json
from pathlib import Path


class Study:
    """The runs of ``studies/NAME.json``, which ``make study-NAME`` writes.

    Args:
        name: the study.
        folder: where its file lies, seen from the notebook.

    Attributes:
        command: what ran it.
        commit: the state of the repository that it ran in.
        cpu: the kind of processor that it ran on.
        runs: the settings and figures of each run, in order.
        conclusion: what the study made of them, if it says.
    """

    def __init__(self, name: str, folder: str | Path = "studies"):
        kept = json.loads((Path(folder) / f"{name}.json").read_text(encoding="utf-8"))
        self.command, self.commit, self.cpu = kept["command"], kept["commit"], kept["cpu"]
        self.runs: list[dict] = kept["runs"]
        self.conclusion: dict = kept.get("conclusion", {})

    def seeds(self, figure: str, **settings) -> list:
        """A figure of all runs that have these settings, a value for each seed.

        Args:
            figure: its name; ``"bits.8+8"`` is the entry ``8+8`` of the figure ``bits``.
            **settings: what the runs must have, such as ``rate=0.02``.

        Raises:
            ValueError: if no run has them.
        """
        found = [run for run in self.runs if all(run.get(k) == v for k, v in settings.items())]
        if not found:
            raise ValueError(f"no run of {self.command!r} has {settings}")
        values = []
        for run in found:
            value = run
            for part in figure.split("."):
                value = value[part]
            values.append(value)
        return values
