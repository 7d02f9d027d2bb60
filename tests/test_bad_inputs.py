"""What is refused in words stays refused in words: bad_inputs.md is the least there is."""

import re

import bad_inputs
import pytest


@pytest.fixture(scope="module")
def found():
    return bad_inputs.examine_all()


def sums(page):
    """{module: {outcome: how often}} of a summary."""
    rows = re.findall(r"^\| ([\w.]+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$", page, re.MULTILINE)
    return {
        name: dict(zip(bad_inputs.OUTCOMES, map(int, counts), strict=True))
        for name, *counts in rows
    }


def test_many_bad_calls_are_made(found):
    calls, unknown = found
    assert len(calls) >= 1500
    committed = bad_inputs.SUMMARY.read_text(encoding="utf-8")
    known = set(re.findall(r"\w+(?:\.\w+)*", committed.partition("Without a good call:")[2]))
    assert set(unknown) <= known, "give their arguments a good value in tests/good_calls.py"


def test_no_module_says_less_than_it_did(found):
    before = sums(bad_inputs.SUMMARY.read_text(encoding="utf-8"))
    now = sums(bad_inputs.summary(*found))
    assert before
    none = dict.fromkeys(bad_inputs.OUTCOMES, 0)
    worse = {
        name: (outcome, counts[outcome], before.get(name, none)[outcome])
        for name, counts in now.items()
        for outcome in ("obscure", "silent")
        if counts[outcome] > before.get(name, none)[outcome]
    }
    assert not worse, "python tests/bad_inputs.py --list says which"
