"""The plan before a training, and the card after it: numbers first, and one line of verdict."""

from typing import Any

from transformer_lib.learning.data import Data
from transformer_lib.learning.split import Split
from transformer_lib.learning.tokens import UNKNOWN


def plan_of(data: Data, split: Split, task: Any, steps: int, dev: dict[str, float]) -> dict:
    """What is known before the first step: numbers and strings alone."""
    parts = {"train": split.train, "dev": split.dev, "test": split.test}
    text = data.kind == "writer"
    return {
        "kind": data.kind,
        "name": data.name,
        "notes": list(data.notes),
        "unit": "characters" if text else "rows",
        "parts": {n: len(p.sources[0]) if text else len(p) for n, p in parts.items()},
        "duplicates": split.duplicates,
        "unknown": unknown(task, split),
        "read": _read(task),
        "parameters": sum(p.numel() for p in task.model.parameters()),
        "steps": steps,
        "measure": task.measure,
        "shares": task.shares,
        "dev": dev,
    }


def unknown(task: Any, split: Split) -> int:
    """Pieces of dev and test that the training part lacks; of pictures none."""
    tokens = getattr(task, "tokens", getattr(task, "source", None))
    if tokens is None:
        return 0
    parts = split.dev, split.test
    texts = [t for p in parts for t in (p.targets if "paths" in task.facts else p.sources)]
    return sum(int((tokens.encode(text) == UNKNOWN).sum()) for text in texts)


def _read(task: Any) -> str:
    facts = task.facts
    if "side" in facts:
        colours = "grey" if facts["channels"] == 1 else "colour"
        seen = f"{facts['side']} × {facts['side']} pixels, {colours}"
        return (
            f"{seen}; {len(facts['symbols'])} different {facts['unit']}"
            if "unit" in facts
            else seen
        )
    if "target" in facts:
        units = {"blanks": "symbols between spaces", "characters": "characters"}
        return " → ".join(
            f"{len(facts[side]['symbols'])} {units[facts[side]['unit']]}"
            for side in ("source", "target")
        )
    return f"{len(facts['symbols'])} different {facts.get('unit', 'characters')}"


def card_of(about: dict) -> str:
    """The plan, and behind it, once there is one, the verdict."""
    parts = ", ".join(f"{name} {size:,}" for name, size in about["parts"].items())
    what = (
        "lines of dev and test are in train too"
        if about["unit"] == "characters"
        else "copies, kept on one side"
    )
    lines = [
        f"{about['name']}: {about['kind']}",
        *(f"note       {note}" for note in about["notes"]),
        f"{about['unit']:<11}{parts}; {about['duplicates']:,} {what}",
        f"reads      {about['read']}; {about['unknown']:,} unknown in dev and test",
        f"model      {about['parameters']:,} parameters, {about['steps']:,} steps "
        f"(steps={about['steps']} repeats it)",
    ]
    if "winner" not in about:
        name, score = min(about["dev"].items(), key=lambda found: found[1])
        return "\n".join([*lines, f"to beat    {_said(score, about)} on dev, by {name}"])
    lines.append(f"{about['measure']:<24}dev     test")
    lines += [
        f"  {name:<20}{_figure(score, about):>7}  {_figure(about['test'][name], about):>7}"
        for name, score in about["dev"].items()
    ]
    return "\n".join([*lines, verdict(about)])


def verdict(about: dict) -> str:
    """Which candidate answers, and whether training paid: a sentence a line."""
    dev, winner = about["dev"], about["winner"]
    baseline = next(iter(dev))
    best = min(score for name, score in dev.items() if name != baseline)
    if winner == baseline:
        found = f"{_said(dev[baseline], about)} against {_figure(best, about)}."
        said = [f"{baseline} is better here: {found}"]
        said += ["It answers; more data or steps may change that.", *_chance(about, best)]
    else:
        chance = _chance(about, dev[winner])
        who, pays = ("published weights", "pay") if winner == "minilm" else ("training", "pays")
        found = f"{_said(dev[winner], about)} against {_figure(dev[baseline], about)}"
        pays = "may pay" if chance else pays
        said = [f"{who} {pays}: {winner} answers, {found} by {baseline}.", *chance]
    return "verdict    " + f"\n{'':11}".join(said)


def _chance(about: dict, other: float) -> list[str]:
    """A warning where the gap to the baseline is below two standard errors of a difference."""
    p, rows = next(iter(about["dev"].values())), about["parts"]["dev"]
    if not about["shares"] or abs(p - other) >= 2 * (2 * p * (1 - p) / rows) ** 0.5:
        return []
    return [f"({rows} rows cannot tell this gap from chance.)"]


def _figure(score: float, about: dict) -> str:
    return f"{100 * score:.1f} %" if about["shares"] else f"{score:.3f}"


def _said(score: float, about: dict) -> str:
    return f"{_figure(score, about)} {about['measure']}"
