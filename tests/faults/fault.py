"""What a fault is."""

from collections.abc import Callable
from typing import NamedTuple


class Fault(NamedTuple):
    """One mistake: where `old` stands in `file`, the broken copy has `new`.

    Attributes:
        name: the mistake, in words.
        file: below `transformer_lib/`.
        old: text that occurs exactly once in the file.
        new: what to put there.
        caught_by: the test that should fail, as "test_file.py::test_name" below `tests/`.
    """

    name: str
    file: str
    old: str
    new: str
    caught_by: str


def faults_of(file: str, test_file: str) -> Callable[[str, str, str, str], Fault]:
    """A short way to write the faults of one file, caught by the tests of another."""
    return lambda name, old, new, test: Fault(name, file, old, new, f"{test_file}::test_{test}")
