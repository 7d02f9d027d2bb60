"""The command line of the package.

python -m transformer_lib list
python -m transformer_lib info verses_gpt
python -m transformer_lib write verses_gpt "In the beginning "
python -m transformer_lib train verses_gpt --steps 4000 --decay 2200
python -m transformer_lib learn reviews.csv --minutes 2 --out reviews.tl
python -m transformer_lib use reviews.tl "what a film"
python -m transformer_lib card reviews.tl
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path

import torch
from torch import Tensor

from transformer_lib import checks
from transformer_lib.data.subwords import Subwords
from transformer_lib.generation import Sampler, generate, greedy
from transformer_lib.learning.learn import Learned, check_new
from transformer_lib.learning.learn import learn as learn_from
from transformer_lib.weights import SHIPPED, load

_FOLDER = Path(__file__).parent / "recipes"
RECIPES = sorted({path.stem for path in _FOLDER.glob("*.py")} - {"__init__", "running"})
"""The recipes of the models that ship."""


def list_models(_chosen: argparse.Namespace) -> None:
    """Name the models that ship with the package."""
    width = max(map(len, SHIPPED)) + 2
    for name in SHIPPED:
        title = _card(name).partition("\n")[0].removeprefix("# ").partition(":")[0]
        print(f"{name:<{width}}{title}")


def info(chosen: argparse.Namespace) -> None:
    """Show a model's card: what it is, how it was trained, how good it is."""
    print(_card(chosen.name), end="")


def write(chosen: argparse.Namespace) -> None:
    """Go on from a text, translate it, or say how a word is pronounced."""
    model = load(chosen.name)
    symbols = model.symbols
    if not hasattr(model, "step") or symbols is None:
        raise ValueError(f"NAME must be a model that writes and has its symbols, got {chosen.name}")
    two = isinstance(symbols, Mapping)  # from the first of two vocabularies to the second
    reads, writes = symbols.values() if two else (symbols, symbols)
    translates = two or isinstance(symbols, Subwords)
    sampler = greedy
    if chosen.temperature and not translates:
        generator = torch.Generator()
        generator.manual_seed(chosen.seed) if chosen.seed is not None else generator.seed()
        sampler = Sampler(temperature=chosen.temperature, generator=generator)

    def choose(logits: Tensor) -> Tensor:
        """Show each token when it is chosen."""
        token = sampler(logits)
        pieces = isinstance(writes, Subwords)  # each with the blank before it
        said = (
            b"".join(writes.pieces(token)).decode(errors="replace")
            if pieces
            else writes.decode(token)
        )
        print(said if isinstance(said, str) else "".join(f"{s} " for s in said), end="", flush=True)
        return token

    checks.at_least(1, **{"--length": chosen.length})
    prompt = torch.as_tensor(reads.encode(chosen.prompt))
    if not translates:
        print(chosen.prompt, end="", flush=True)
    window = (model.about or {}).get("window")  # beyond it, it would write what it never learnt
    generate(model, prompt[None], max_new_tokens=chosen.length, choose=choose, window=window)
    print()


def train(chosen: argparse.Namespace) -> None:
    """Train a model as those that ship were trained; NAME --help says more."""
    if chosen.name not in RECIPES:
        raise ValueError(f"NAME must be one of {RECIPES}, got {chosen.name!r}")
    import_module(f"transformer_lib.recipes.{chosen.name}").RECIPE.main(chosen.rest)


def learn(chosen: argparse.Namespace) -> None:
    """Learn from a file of yours: the plan, a bar, the card; what wins answers."""
    path = Path(chosen.path)
    out = chosen.out or (path if path.name else path.resolve()).with_suffix(".tl")
    check_new(out, chosen.force)  # before the training, not after it

    def say(plan: str) -> None:
        sys.stderr.write(f"{plan}\n")

    learned = learn_from(chosen.path, minutes=chosen.minutes, steps=chosen.steps, say=say)
    learned.save(out, force=chosen.force)
    print(f"{learned.card}\nsaved      {out}")


def use(chosen: argparse.Namespace) -> None:
    """Ask what was learnt: one question, or each line of stdin; from stdin, TAB and the answer."""
    learned = _learned(chosen.file)
    if chosen.question is not None:
        print(learned(chosen.question))
        return
    for line in sys.stdin:
        question = line.rstrip("\n")
        if question.strip():
            print(f"{question}\t{learned(question)}", flush=True)


def card(chosen: argparse.Namespace) -> None:
    """Show what was learnt: data, split, model, the scores of all candidates, and the verdict."""
    print(_learned(chosen.file).card)


def _learned(file: str) -> Learned:
    found = load(file)
    if not isinstance(found, Learned):
        raise ValueError(f"FILE must be one that `learn` wrote, got {file}")
    return found


_FILE = {"metavar": "FILE", "help": "that `learn` wrote"}
_NAME = {"metavar": "NAME", "help": "of a model that ships, or a file"}
COMMANDS = {  # what it is called: what it does, and what it asks for
    "list": (list_models, {}),
    "info": (info, {"name": _NAME}),
    "write": (
        write,
        {
            "name": _NAME,
            "prompt": {"metavar": "PROMPT", "help": "a text, or a word"},
            "--length": {"type": int, "default": 200, "help": "most tokens to write (200)"},
            "--temperature": {"type": float, "default": 0.7, "help": "0: the likeliest (0.7)"},
            "--seed": {"type": int, "help": "the same text again"},
        },
    ),
    "train": (
        train,
        {
            "name": {"metavar": "NAME", "help": "of a recipe"},
            "rest": {"nargs": argparse.REMAINDER, "help": argparse.SUPPRESS},
        },
    ),
    "learn": (
        learn,
        {
            "path": {"metavar": "PATH", "help": "a text, .csv, .tsv, or folder of folders"},
            "--minutes": {"type": float, "default": 2.0, "help": "for the training (2)"},
            "--steps": {"type": int, "help": "instead of minutes: the same run again"},
            "--out": {"type": Path, "help": "the file to write (PATH with the ending .tl)"},
            "--force": {"action": "store_true", "help": "replace a file that is there"},
        },
    ),
    "use": (
        use,
        {
            "file": _FILE,
            "question": {"metavar": "QUESTION", "nargs": "?", "help": "by default lines of stdin"},
        },
    ),
    "card": (card, {"file": _FILE}),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the command line says; what will not do is said in one line."""
    parser = argparse.ArgumentParser(prog="python -m transformer_lib", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, (command, asked) in COMMANDS.items():
        own = commands.add_parser(name, help=command.__doc__, description=command.__doc__)
        own.set_defaults(command=command)
        for argument, settings in asked.items():
            own.add_argument(argument, **settings)
    chosen = parser.parse_args(arguments)
    try:
        chosen.command(chosen)
    except (ValueError, OSError, ModuleNotFoundError) as error:
        sys.exit(f"{parser.prog}: {error}")


def _card(name: str) -> str:
    """The model card beside a model's file."""
    card = SHIPPED.get(name, Path(name)).with_suffix(".md")
    if not card.is_file():
        raise ValueError(f"NAME must be one of {list(SHIPPED)}, or a file with a card, got {name}")
    return card.read_text(encoding="utf-8")


if __name__ == "__main__":
    main()
