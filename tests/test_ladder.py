"""The ladder: its rungs in order, and the line so far."""

import json

import pytest

from transformer_lib.show.ladder import line_so_far, rungs

RUNGS = [
    {"name": "counting", "chapter": "01", "bits": [3.5, 3.5], "lines": ["And thou", "And o"]},
    {"name": "one head", "chapter": "01", "bits": [3.256, 3.3], "lines": ["And\nt", "And the"]},
    {"name": "chat model", "chapter": "27", "bits": [], "lines": ["And he", "And she"]},
]


@pytest.fixture
def folder(tmp_path):
    kept = {"command": "make study-ladder", "commit": "abc", "cpu": "a kind", "runs": []}
    kept["conclusion"] = {"rungs": RUNGS}
    (tmp_path / "ladder.json").write_text(json.dumps(kept), encoding="utf-8")
    return tmp_path


def test_rungs_stand_from_the_lowest(folder):
    counting, head, chat = rungs(folder)
    assert (counting.name, counting.chapter) == ("counting", "01")
    assert [head.cost(), head.cost(1), chat.cost(), chat.cost(0)] == ["3.28", "3.30", "–", "–"]
    assert [head.line(), chat.line(1)] == ["And↵t", "And she"]


def test_a_rung_stands_in_all_its_seeds_below_the_one_before_it(folder):
    assert line_so_far("one head", folder).splitlines() == [
        "counting       3.50  And thou",
        "one head       3.26  And↵t",
        "               3.30  And the",
    ]
    assert line_so_far("counting", folder).startswith("counting       3.50  And thou\n")
    assert line_so_far("counting", folder).count("\n") == 1


def test_a_rung_that_is_not_there(folder):
    with pytest.raises(ValueError, match=r"name must be one of .*'one head'.*, got 'GPT'"):
        line_so_far("GPT", folder)
