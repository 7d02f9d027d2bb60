"""The order of ideas: a chapter uses what is derived by then, and a module what lies below it."""

import ast
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from itertools import chain
from pathlib import Path

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "book/_ext"))
from derived import DERIVED

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "transformer_lib"
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
EXERCISES = sorted((PACKAGE / "exercises").glob("chapter_*.py"))

ALWAYS = [
    "data",
    "layers.kernels.has_bf16_products",  # what a processor can, which no chapter derives
    "show.alignment",
    "pretrained.bert.load_bert",  # one line, which chapter 27 opens
    "show.beam_tree",
    "show.boxes",
    "show.choice",
    "show.checkpoints",
    "show.canvas",
    "show.code",
    "show.contest",
    "show.distances",
    "show.drawings",
    "show.handed_down",
    "show.icon_finder",
    "show.known",
    "show.layer_switches",
    "show.ladder",
    "show.look_up",
    "show.machine",
    "show.masks",
    "show.memory_layer",
    "show.line_judge",
    "show.next_token",
    "show.page_models",
    "show.picture_read",
    "show.plots",
    "show.pole",
    "show.recurrences",
    "show.ruler",
    "show.saved_bits",
    "show.scene_painter",
    "show.studies",
    "show.towers",
    "show.training_step",
    "show.translator",
    "show.whole",
    "show.widgets",
    "show.word_finder",
    "show.word_order",
    "show.word_striker",
]

# A folder, or a file beside the folders, imports only what stands before it here, and itself.
FLOORS = [
    "checks",
    "layers",
    "models",
    "choosing",
    "writers",
    "generation",
    "weights",
    "pretrained",
    "data",
    "layers.kernels.has_bf16_products",  # what a processor can, which no chapter derives
    "training",
    "measure",
    "show",
    "recipes",
    "learning",
    "chat",
    "exercises",  # nothing else imports them
    "__main__",
]
# They are for any model, and know none.
BESIDE = ["choosing", "writers", "generation", "weights", "data", "training", "measure", "show"]
MODELS = ["models", "pretrained"]
TORCH_ONLY = ["checks", "layers", "models"]
AT_THE_DOOR = ["weights"]  # looks up there what a file says that it holds


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
    derived.append(f"exercises.chapter_{chapter:02}")
    tree = ast.parse(TransformerManager().transform_cell(source))
    return [name for name in ours(imports(tree)) if not is_within(name, derived + ALWAYS)]


def upward(source: str, module: str) -> list[str]:
    """The imports of a module that lead up, to a model, or (up to the models) out of torch."""
    package = ".".join(["transformer_lib", *module.split(".")[:-1]])
    names = list(imports(ast.parse(source), package))
    floor = module.split(".")[0]
    below = FLOORS[: FLOORS.index(floor) + 1]
    if floor in BESIDE:
        below = [name for name in below if name not in MODELS]
    if floor in AT_THE_DOOR:
        below = [*below, "transformer_lib"]
    wrong = [name for name in ours(names) if not is_within(name, below)]
    if floor in TORCH_ONLY:
        known = sys.stdlib_module_names | {"torch", "transformer_lib"}
        wrong += [name for name in names if name.split(".")[0] not in known]
    return wrong


def modules() -> dict[str, Path]:
    """Every module of the package by its dotted name."""
    paths = sorted(p for p in PACKAGE.rglob("*.py") if p.name != "__init__.py")
    return {".".join(p.relative_to(PACKAGE).with_suffix("").parts): p for p in paths}


def chapter_of(path: Path) -> int:
    """The number of a notebook; a page without one stands after all chapters."""
    number = path.stem.partition("_")[0]
    return int(number) if number.isdigit() else max(DERIVED) + 1


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_chapter_imports_only_what_is_derived_by_then(path):
    cells = nbformat.read(path, as_version=4).cells
    early = [
        f"cell {i}: {name}"
        for i, cell in enumerate(cells)
        if cell.cell_type == "code"
        for name in too_early(cell.source, chapter_of(path))
    ]
    assert not early, f"not derived by {path.stem} (see book/_ext/derived.py): {early}"


@pytest.mark.parametrize(("module", "path"), modules().items(), ids=modules())
def test_a_module_imports_only_downward(module, path):
    assert module.split(".")[0] in FLOORS, f"give {module} its floor in FLOORS"
    assert not upward(path.read_text(encoding="utf-8"), module)


@pytest.mark.parametrize("path", EXERCISES, ids=lambda p: p.stem)
def test_exercises_use_only_what_is_derived_by_their_chapter(path):
    early = too_early(path.read_text(encoding="utf-8"), int(path.stem.removeprefix("chapter_")))
    assert [name for name in early if not is_within(name, ["exercises.marking"])] == []


@pytest.mark.parametrize("floor", FLOORS)
def test_the_modules_of_a_floor_stand_on_each_other_without_a_circle(floor):
    below = {
        module: {
            other
            for other in modules()
            for name in ours(imports(ast.parse(path.read_text(encoding="utf-8"))))
            if is_within(name, [other])
        }
        for module, path in modules().items()
        if is_within(module, [floor])
    }
    list(TopologicalSorter(below).static_order())  # raises CycleError


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("__init__.py")), ids=lambda p: p.parent.name)
def test_a_package_imports_nothing(path):
    found = {*imports(ast.parse(path.read_text(encoding="utf-8")))}
    if path.parent == PACKAGE / "checks":  # hands on its own names, and torch alone is below them
        found = {name for name in found if not name.startswith("transformer_lib.checks.")}
    needed = {"importlib.import_module"} if path.parent == PACKAGE else set()  # the lazy door
    assert found == needed


def test_what_a_chapter_is_said_to_derive_is_there():
    for name in chain(*DERIVED.values()):
        module, _, symbol = name.rpartition(".")
        if module in modules():
            tree = ast.parse(modules()[module].read_text(encoding="utf-8"))
            assert symbol in {getattr(node, "name", None) for node in tree.body}, name


@pytest.mark.parametrize(
    ("source", "chapter", "early"),
    [
        ("from transformer_lib.layers.multi_head import MultiHeadAttention", 1, True),
        ("from transformer_lib.layers.multi_head import MultiHeadAttention", 2, False),
        ("from transformer_lib.layers.multi_head import MultiHeadAttention as M", 1, True),
        ("from transformer_lib.measure.maps import collect_attention, attention_rollout", 2, True),
        ("from transformer_lib.layers import attention", 1, False),
        ("from transformer_lib.layers import attention, positions", 1, True),
        ("import transformer_lib.layers.positions", 2, True),
        ("import transformer_lib", 9, True),
        ("from transformer_lib.layers.multi_head import *", 1, True),
        ("import importlib\nimportlib.import_module('transformer_lib.layers.encoder')", 4, True),
        (
            "%matplotlib inline\ndef f():\n    from transformer_lib.layers.decoder import Decoder",
            5,
            True,
        ),
        ("from transformer_lib.layers.masks import causal_mask\nimport torch", 1, False),
        (
            "from transformer_lib.show import plots\nfrom transformer_lib.data.verses import verse",
            1,
            False,
        ),
        ("import transformer_lib_of_mine", 1, False),
        ("from transformer_lib.exercises.chapter_03 import check", 3, False),
        ("from transformer_lib.exercises.chapter_03 import check", 4, True),
    ],
)
def test_the_check_of_chapters_can_fail(source, chapter, early):
    assert bool(too_early(source, chapter)) == early


@pytest.mark.parametrize(
    ("source", "module", "wrong"),
    [
        ("from transformer_lib.models.gpt import GPT", "layers.masks", True),
        ("from transformer_lib.layers.masks import causal_mask", "layers.attention", False),
        ("from .masks import causal_mask", "layers.attention", False),
        ("from ..training.train import train", "recipes.spell", False),
        ("from .recipes.spell import train", "generation", True),
        ("from ..layers.decoder import Decoder", "models.gpt", False),
        ("from .vit import ViT", "models.clip", False),
        ("from ..generation import greedy", "models.gpt", True),
        ("from transformer_lib.models.gpt import GPT", "generation", True),
        ("from transformer_lib.show import plots", "layers.blocks", True),
        ("import numpy as np", "layers.encoder", True),
        ("import math\nimport torch.nn.functional as F", "layers.encoder", False),
        ("import safetensors.torch", "pretrained.table", False),
        ("from transformer_lib.models.gpt import GPT", "training.train", True),
        ("from transformer_lib.layers.multi_head import MultiHeadAttention", "measure.maps", False),
        ("from transformer_lib.training.history import History", "data.text", True),
        ("import transformer_lib", "weights", False),
        ("import transformer_lib", "layers.blocks", True),
        ("from transformer_lib.exercises.marking import mark", "recipes.spell", True),
        ("from transformer_lib.layers.masks import causal_mask", "exercises.chapter_01", False),
    ],
)
def test_the_check_of_floors_can_fail(source, module, wrong):
    assert bool(upward(source, module)) == wrong
