"""The command line: python -m transformer_lib list | info NAME | write NAME PROMPT | train NAME.

    python -m transformer_lib write verses_gpt "In the beginning "
"""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

import torch

from transformer_lib.generation import Sampler, generate
from transformer_lib.weights import SHIPPED, load


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the command line says; what will not do is said in one line."""
    parser = argparse.ArgumentParser(prog="python -m transformer_lib", description=_about(__doc__))
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command, options in COMMANDS.items():
        name, about = command.__name__.strip("_"), _about(command.__doc__)
        own = commands.add_parser(name, help=about, description=about)
        own.set_defaults(command=command)
        for option, settings in options.items():
            own.add_argument(option, **settings)
    chosen, rest = parser.parse_known_args(arguments)
    if rest and chosen.command is not train:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    try:
        chosen.command(chosen, rest)
    except (ValueError, OSError, ModuleNotFoundError) as error:
        sys.exit(f"{parser.prog}: {error}")
    except KeyboardInterrupt:
        sys.exit("")
