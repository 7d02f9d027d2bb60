"""The order of ideas: a chapter uses what is derived by then, and a module what lies below it."""

import ast
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "transformer_lib"
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))

# What each chapter derives: a module, or one symbol of it. Imported from that chapter on.
DERIVED = {
    1: ["masks", "attention.attention"],
    2: ["attention.MultiHeadAttention", "attention.collect_attention"],
    3: ["positions"],
    4: ["feed_forward", "layers"],
    5: ["encoder"],
    6: ["decoder"],
    7: [
        "models.transformer",
        "training",
        "optimizers",
        "saving",
        "metrics",
        "recipes.pronunciations",
    ],
    8: ["generation", "cache"],
    9: ["models.recurrent"],
    10: ["models.gpt", "ngrams", "recipes.verses_gpt", "quantize"],
    14: ["models.vit", "rollout", "recipes.digits_vit"],
    19: ["effective_context"],
    21: ["relative_attention"],
    22: ["models.transformer_xl", "segments", "recipes.verses_xl"],
}
ALWAYS = ["data", "plots", "widgets", "page_models"]

# From the bottom up: a module imports only from floors below its own.
FLOORS = [
    ["masks", "positions", "cache", "feed_forward", "ngrams", "rollout", "effective_context"],
    ["attention"],
    ["layers", "relative_attention"],
    ["encoder"],
    ["decoder"],
    ["models.checks"],
    ["models"],
    ["generation", "pretrained"],
    ["recipes.running"],
    ["recipes"],
]
# Beside the floors: they import no floor, and of the floors only the recipes import them.
BESIDE = [
    "training",
    "optimizers",
    "saving",
    "metrics",
    "data",
    "plots",
    "widgets",
    "segments",
    "quantize",
    "page_models",
]


def imports(tree: ast.AST, package: str = "") -> Iterator[str]:
    """The package's names that a source imports, without the package: ``attention.attention``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:  # relative: package is where the source lies
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *base.split(".")]).rstrip(".")
            names = [f"{base}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            names = [a.value for a in node.args if isinstance(a, ast.Constant)]
        else:
            continue
        yield from names


def ours(names: Iterator[str]) -> list[str]:
    """Those of the names that are transformer_lib's."""
    prefix = "transformer_lib."
    return [n.removeprefix(prefix) for n in names if f"{n}.".startswith(prefix)]


def is_within(name: str, wholes: list[str]) -> bool:
    """Whether a name is one of the wholes or a part of one."""
    return any(f"{name}.".startswith(f"{whole}.") for whole in wholes)


def too_early(source: str, chapter: int) -> list[str]:
    """The imports of a chapter's code that no chapter up to it has derived."""
    derived = [name for n, names in DERIVED.items() if n <= chapter for name in names]
    tree = ast.parse(TransformerManager().transform_cell(source))
    return [name for name in ours(imports(tree)) if not is_within(name, derived + ALWAYS)]


def upward(source: str, module: str) -> list[str]:
    """The imports of a module that lead up, sideways, or (up to the models) out of torch."""
    package = ".".join(["transformer_lib", *module.split(".")[:-1]])
    names = list(imports(ast.parse(source), package))
    if is_within(module, BESIDE):
        return [name for name in ours(names) if not is_within(name, BESIDE)]
    floor = next(i for i, modules in enumerate(FLOORS) if is_within(module, modules))
    below = [*chain(*FLOORS[:floor]), *(BESIDE if is_within(module, ["recipes"]) else [])]
    wrong = [name for name in ours(names) if not is_within(name, below)]
    if floor <= FLOORS.index(["models"]):
        known = sys.stdlib_module_names | {"torch", "transformer_lib"}
        wrong += [name for name in names if name.split(".")[0] not in known]
    return wrong


def modules() -> dict[str, Path]:
    """Every module of the package by its dotted name."""
    paths = sorted(p for p in PACKAGE.rglob("*.py") if p.name != "__init__.py")
    return {".".join(p.relative_to(PACKAGE).with_suffix("").parts): p for p in paths}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_chapter_imports_only_what_is_derived_by_then(path):
    cells = nbformat.read(path, as_version=4).cells
    early = [
        f"cell {i}: {name}"
        for i, cell in enumerate(cells)
        if cell.cell_type == "code"
        for name in too_early(cell.source, int(path.stem.split("_")[0]))
    ]
    assert not early, f"not derived by {path.stem} (see DERIVED): {early}"


@pytest.mark.parametrize(("module", "path"), modules().items(), ids=modules())
def test_a_module_imports_only_downward(module, path):
    assert is_within(module, [*BESIDE, *chain(*FLOORS)]), f"give {module} its floor in FLOORS"
    assert not upward(path.read_text(encoding="utf-8"), module)


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("__init__.py")), ids=lambda p: p.parent.name)
def test_a_package_imports_nothing(path):
    assert not list(imports(ast.parse(path.read_text(encoding="utf-8"))))


def test_what_a_chapter_is_said_to_derive_is_there():
    for name in chain(*DERIVED.values()):
        module, _, symbol = name.rpartition(".")
        if module in modules():
            tree = ast.parse(modules()[module].read_text(encoding="utf-8"))
            assert symbol in {getattr(node, "name", None) for node in tree.body}, name


@pytest.mark.parametrize(
    ("source", "chapter", "early"),
    [
        ("from transformer_lib.attention import MultiHeadAttention", 1, True),
        ("from transformer_lib.attention import MultiHeadAttention", 2, False),
        ("from transformer_lib.attention import MultiHeadAttention as M, attention", 1, True),
        ("from transformer_lib import attention", 1, True),
        ("import transformer_lib.positions", 2, True),
        ("import transformer_lib", 9, True),
        ("from transformer_lib.attention import *", 1, True),
        ("import importlib\nimportlib.import_module('transformer_lib.encoder')", 4, True),
        ("%matplotlib inline\ndef f():\n    from transformer_lib.decoder import Decoder", 5, True),
        ("from transformer_lib.masks import causal_mask\nimport torch", 1, False),
        (
            "from transformer_lib import plots\nfrom transformer_lib.data.verses import verse",
            1,
            False,
        ),
        ("import transformer_lib_of_mine", 1, False),
    ],
)
def test_the_check_of_chapters_can_fail(source, chapter, early):
    assert bool(too_early(source, chapter)) == early


@pytest.mark.parametrize(
    ("source", "module", "wrong"),
    [
        ("from transformer_lib.attention import attention", "masks", True),
        ("from transformer_lib.masks import causal_mask", "positions", True),
        ("from transformer_lib.masks import causal_mask", "attention", False),
        ("from .masks import causal_mask", "attention", False),
        ("from .decoder import Decoder", "encoder", True),
        ("from ..training import train", "recipes.spell", False),
        ("from .running import Clock", "recipes.spell", False),
        ("from .spell import SEED", "recipes.running", True),
        ("from .recipes.spell import train", "generation", True),
        ("from ..decoder import Decoder", "models.gpt", False),
        ("from .bert import Bert", "models.gpt", True),
        ("from ..generation import greedy", "models.gpt", True),
        ("from transformer_lib import plots", "layers", True),
        ("import numpy as np", "encoder", True),
        ("import math\nimport torch.nn.functional as F", "encoder", False),
        ("import safetensors.torch", "pretrained", False),
        ("from transformer_lib.models.gpt import GPT", "training", True),
        ("from transformer_lib.plots import PALETTE", "widgets", False),
    ],
)
def test_the_check_of_floors_can_fail(source, module, wrong):
    assert bool(upward(source, module)) == wrong
