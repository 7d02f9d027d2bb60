"""One line that gets better: what each model of the book writes after the same words."""

from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from transformer_lib import checks
from transformer_lib.show.studies import Study


@dataclass(frozen=True)
class Rung:
    """A model on the ladder.

    Attributes:
        name: what it is.
        chapter: where it is built.
        bits: per character of a text that it was not trained on, for each seed; none where the
            number would not compare.
        lines: what it wrote, for each seed.
    """

    name: str
    chapter: str
    bits: list[float]
    lines: list[str]

    def cost(self, seed: int | None = None) -> str:
        """The bits of a seed, or their mean, as they are printed: a dash where there are none."""
        if not self.bits:
            return "–"
        return f"{mean(self.bits) if seed is None else self.bits[seed]:.2f}"

    def line(self, seed: int = 0) -> str:
        """What it wrote, with the ends of verses to be seen."""
        return self.lines[seed].replace("\n", "↵")


def rungs(folder: str | Path = "studies") -> list[Rung]:
    """All that ``make study-ladder`` has measured, from the lowest.

    Args:
        folder: where its file lies, seen from the notebook.
    """
    return [Rung(**rung) for rung in Study("ladder", folder).conclusion["rungs"]]


def line_so_far(name: str, folder: str | Path = "studies") -> str:
    """What a rung reads and writes with each seed, below the first line of the rung before it.

    Args:
        name: of the rung.
        folder: as for `rungs`.

    Raises:
        ValueError: if there is no such rung.
    """
    ladder = rungs(folder)
    names = [rung.name for rung in ladder]
    checks.one_of(names, name=name)
    at = names.index(name)
    rows = [(rung.name, rung, 0) for rung in ladder[max(0, at - 1) : at + 1]]
    rows += [("", ladder[at], seed) for seed in range(1, len(ladder[at].lines))]
    return "\n".join(f"{n:15}{rung.cost(s):>4}  {rung.line(s)}" for n, rung, s in rows)
