"""What holds for each exercise of each chapter; readers' mistakes stand in the chapters' tests."""

from importlib import import_module
from pathlib import Path

import pytest
import torch

from transformer_lib import exercises

CHAPTERS = {
    path.stem: import_module(f"{exercises.__name__}.{path.stem}")
    for path in sorted(Path(exercises.__path__[0]).glob("chapter_*.py"))
}
EACH = pytest.mark.parametrize(
    ("chapter", "number"),
    [(name, number) for name, chapter in CHAPTERS.items() for number in chapter.EXERCISES],
)


@EACH
def test_the_right_answer_is_right(chapter, number):
    exercise = CHAPTERS[chapter].EXERCISES[number]
    assert CHAPTERS[chapter].check(number, exercise.right) == "Right, on 12 random inputs."


@EACH
def test_every_known_mistake_is_told_from_the_others(chapter, number):
    """On the inputs that are drawn no two mistakes do the same: each gets its own sentence."""
    for said, mistake in CHAPTERS[chapter].EXERCISES[number].mistakes.items():
        assert CHAPTERS[chapter].check(number, mistake) == (f"Not yet. It looks like this: {said}")


@EACH
def test_the_right_answer_has_every_property(chapter, number):
    """Else a reader would be told to have what no right answer has."""
    exercise = CHAPTERS[chapter].EXERCISES[number]
    torch.manual_seed(0)
    inputs = [make() for make in (exercise.draw, exercise.small) for _ in range(12)]
    for said, holds in exercise.properties.items():
        assert all(holds(exercise.right, given) for given in inputs), said


@EACH
def test_it_is_described(chapter, number):
    assert f" {number}, `" in " ".join(CHAPTERS[chapter].check.__doc__.split())


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_another_number_is_refused(chapter):
    there = ", ".join(map(str, CHAPTERS[chapter].EXERCISES))
    for number in (0, 9, "1"):
        with pytest.raises(ValueError, match=f"^number must be one of {there}, got {number!r}$"):
            CHAPTERS[chapter].check(number, len)
