"""The package's door: what stands there, and that nothing is imported before it is asked for."""

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import transformer_lib as tl


def fresh(code):
    """What a new process prints."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, encoding="utf-8"
    )
    return done.stdout.strip()


def test_the_door_alone_loads_nothing():
    code = (
        "import json, sys; import transformer_lib; dir(transformer_lib);"
        "print(json.dumps([*sys.modules]))"
    )
    loaded = {name for name in json.loads(fresh(code)) if name.startswith(("torch", "numpy"))}
    assert not loaded


def test_a_name_loads_its_module_and_what_that_needs():
    code = (
        "import json, sys; import transformer_lib; transformer_lib.causal_mask;"
        "print(json.dumps([n for n in sys.modules if n.startswith('transformer_lib')]))"
    )
    names = [f"transformer_lib{part}" for part in ("", ".checks", ".layers", ".layers.masks")]
    loaded = sorted(json.loads(fresh(code)))
    assert [n for n in loaded if not n.startswith("transformer_lib.checks.")] == names


@pytest.mark.parametrize("name", tl.__all__)
def test_a_name_of_the_door_is_that_of_its_module(name):
    thing = getattr(tl, name)
    assert thing.__name__ == name
    assert thing is getattr(import_module(thing.__module__), name)
    assert name in dir(tl)


def test_no_name_of_the_door_is_a_modules_name():
    here = Path(tl.__file__).parent
    modules = {path.stem for path in here.iterdir() if path.suffix in ("", ".py")}
    assert {"layers", "weights"} <= modules
    assert not modules & {*tl.__all__}


def test_what_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'transformer_lib' has no attribute 'Gpt'"):
        tl.Gpt  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'Gpt'"):
        from transformer_lib import Gpt  # noqa: F401


def test_editors_and_type_checkers_are_told_the_same():
    said = Path(tl.__file__).with_suffix(".pyi").read_text(encoding="utf-8").splitlines()
    meant = [
        f"from transformer_lib.{module} import {name} as {name}"
        for module, names in tl._DOOR.items()
        for name in names.split()
    ]
    assert sorted(line for line in said if line.startswith("from")) == sorted(meant)
