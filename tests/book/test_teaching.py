"""What is said to teachers holds: each chapter has its entry, its sections and its exercise."""

import importlib
import re
import sys

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "book/_ext"))
import teaching

ENTRIES = teaching.said()["chapters"]
CHAPTERS = [*teaching.titles()]


def test_every_chapter_of_the_contents_has_its_entry():
    assert [name for name in CHAPTERS if name not in ENTRIES] == []


@pytest.mark.parametrize("name", ENTRIES)
def test_an_entry_says_all_that_is_asked(name):
    assert ENTRIES[name].keys() == {"goal", "before", "ask", "mistake", "exercise"}
    assert ENTRIES[name]["ask"].endswith("?")


@pytest.mark.parametrize("name", CHAPTERS)
def test_the_section_and_the_exercise_are_there(name):
    number, headings = ENTRIES[name]["exercise"], teaching.headings(name)
    assert ENTRIES[name]["before"] in headings
    prose = "\n".join("".join(c["source"]) for c in teaching.cells(name))
    assert re.search(rf"^(### Exercise |\*\*){number}\b", prose, re.MULTILINE)


@pytest.mark.parametrize("name", [name for name in CHAPTERS if teaching.is_marked(name)])
def test_a_marked_exercise_has_its_marking(name):
    module = importlib.import_module(f"transformer_lib.exercises.chapter_{name[:2]}")
    assert ENTRIES[name]["exercise"] in module.EXERCISES


@pytest.mark.parametrize(("plan", "count"), [("six", 6), ("twelve", 12)])
def test_a_plan_has_its_sessions_and_names_chapters_with_entries(plan, count):
    sessions = teaching.said()["sessions"][plan]
    assert len(sessions) == count
    for session in sessions:
        assert {*session["chapters"]} <= ENTRIES.keys()
        assert {*session["chapters"]} & {*CHAPTERS}


def test_the_page_is_filled():
    page = teaching.filled((ROOT / "book/teaching.md").read_text(encoding="utf-8"))
    assert "{sessions}" not in page
    assert "{lessons}" not in page
    assert all(f"### {title}\n" in page for title in teaching.titles().values())
