"""The planted faults fit the code: each has its one place, and the test that it names is there."""

import ast
from collections import Counter
from functools import cache
from itertools import chain
from pathlib import Path

import pytest
from faults import PARTS

TESTS = Path(__file__).resolve().parent
PACKAGE = TESTS.parent / "transformer_lib"
FAULTS = list(chain.from_iterable(PARTS.values()))


@cache
def source(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@cache
def names_in(path: Path) -> list[str]:
    return [node.name for node in ast.walk(ast.parse(source(path))) if hasattr(node, "name")]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_has_one_place_and_a_test(fault):
    assert source(PACKAGE / fault.file).count(fault.old) == 1
    assert fault.new != fault.old
    if fault.file.endswith(".py"):  # a fault that Python cannot read shows nothing
        ast.parse(source(PACKAGE / fault.file).replace(fault.old, fault.new))
    file, _, test = fault.caught_by.partition("::")
    assert test.partition("[")[0] in names_in(TESTS / file)


def test_no_two_faults_are_alike():
    assert Counter((f.file, f.old, f.new) for f in FAULTS).most_common(1)[0][1] == 1
    assert Counter(f.name for f in FAULTS).most_common(1)[0][1] == 1
