"""Chapter 13's exercises: right answers, known mistakes, and new ones."""

import pytest

from transformer_lib.exercises.chapter_13 import EXERCISES, check


@pytest.mark.parametrize("number", EXERCISES)
def test_the_right_answer_is_right(number):
    assert check(number, EXERCISES[number].right).startswith("Right")


@pytest.mark.parametrize(
    ("number", "said"), [(n, said) for n, e in EXERCISES.items() for said in e.mistakes]
)
def test_every_known_mistake_is_told_from_the_others(number, said):
    mistake = EXERCISES[number].mistakes[said]
    assert check(number, mistake) == f"Not yet. It looks like this: {said}"


@pytest.mark.parametrize(
    ("number", "answer", "said"),
    [
        (1, lambda w, r: (w[: len(r)] == r[: len(w)]).double().mean(), "order of the reference's"),
        (2, lambda m, w: m.mean() / w.mean(), "The factor must be 1"),
        (3, lambda p: p * 2, "must add up to 1"),
    ],
)
def test_a_new_mistake_is_told_which_property_it_breaks(number, answer, said):
    mark = check(number, answer)
    assert said in mark.split("\n")[0]
    assert "and should give" in mark


def test_what_cannot_be_marked_is_refused():
    with pytest.raises(ValueError, match="number must be one of 1, 2, 3, got 4"):
        check(4, len)


def test_every_exercise_is_described():
    assert all(f" {number}, `" in check.__doc__.replace("\n", " ") for number in EXERCISES)
