"""How an answer is marked: by what it does on random inputs, not by how it is written.

A wrong answer is compared with the wrong functions that readers are known to write. One that does
the same on all inputs is named, however it is written; any other is told which property it breaks,
on an example small enough to be followed by hand.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from transformer_lib import checks

INPUTS = 12
EXACT, ROUNDED = 1e-9, 1e-4  # largest differences: of a right answer, and of one in float32


class Mark(str):
    """What is said of an answer; a notebook shows it as it is."""

    def __repr__(self) -> str:
        return str(self)


@dataclass(frozen=True)
class Exercise:
    """A function to be written, and what is known about it.

    Args:
        right: the function itself.
        draw: inputs of random sizes, in float64.
        small: inputs for an example by hand, of whole numbers.
        mistakes: wrong functions, by a sentence that says what each does.
        properties: tests of (function, inputs) that the right one passes, by a sentence each.
    """

    right: Callable[..., Tensor]
    draw: Callable[[], tuple]
    small: Callable[[], tuple]
    mistakes: Mapping[str, Callable[..., Tensor]]
    properties: Mapping[str, Callable[[Callable, tuple], bool]]


def mark(exercises: Mapping[int, Exercise], number: int, mine: Callable) -> Mark:
    """Say whether a function is right, and if not, what it looks like.

    Args:
        exercises: those of a chapter, by their numbers.
        number: of the one that is answered.
        mine: the reader's function.

    Raises:
        ValueError: if there is no such exercise, or `mine` is not a function.
    """
    if number not in [*exercises]:  # a list: what is given may have no hash
        raise ValueError(f"number must be one of {', '.join(map(str, exercises))}, got {number!r}")
    exercise = exercises[number]
    if not callable(mine):
        raise ValueError(f"mine must be a function, got {type(mine).__name__}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        inputs = [exercise.draw() for _ in range(INPUTS)]
        examples = [exercise.small() for _ in range(INPUTS)]
    wanted = [exercise.right(*given) for given in inputs]
    try:
        got = [_call(mine, given) for given in inputs]
    except Exception as error:  # whatever the reader's function does
        return Mark(f"Not yet: it raises {type(error).__name__}: {error}")
    for answer in got:
        if not isinstance(answer, Tensor):
            return Mark(f"Not yet: it gives {type(answer).__name__}, and should give a tensor.")
    if _alike(got, wanted, EXACT):
        return Mark(f"Right, on {INPUTS} random inputs.")
    if _alike(got, wanted, ROUNDED):
        return Mark("Nearly: right to four digits only. Is something in it float32?")
    for said, mistake in exercise.mistakes.items():
        if _alike(got, [mistake(*given) for given in inputs], ROUNDED):
            return Mark(f"Not yet. It looks like this: {said}")
    for given, answer, want in zip(inputs, got, wanted, strict=True):
        if answer.shape != want.shape:
            return Mark(
                f"Not yet: for inputs of shapes {_shapes(given)} it gives {tuple(answer.shape)}, "
                f"and should give {tuple(want.shape)}."
            )
    return _counterexample(exercise, mine, [*examples, *inputs])


def draw_size(least: int = 2, below: int = 6) -> int:
    """A random size for an input, `least` … `below` - 1.

    Raises:
        ValueError: if there is no such size.
    """
    checks.at_least(0, least=least)
    checks.at_least(least + 1, below=below)
    return int(torch.randint(least, below, ()))


def _counterexample(exercise: Exercise, mine: Callable, examples: list[tuple]) -> Mark:
    """The first property that an unknown wrong answer breaks, and an input where it shows."""
    names = inspect.signature(exercise.right).parameters
    properties = {**exercise.properties, "It is not the function that is asked for.": None}
    for said, holds in properties.items():
        for given in examples:
            got, want = _call(mine, given), exercise.right(*given)
            if _alike([got], [want], ROUNDED):
                continue
            if holds is None or not holds(lambda *args: _call(mine, args), given):
                shown = (
                    f"{name} = {_numbers(x, 2)}" for name, x in zip(names, given, strict=False)
                )
                digits = 2 if _numbers(got, 2) != _numbers(want, 2) else 5
                return Mark(
                    f"Not yet. {said}\nFor {', '.join(shown)}\n"
                    f"it gives {_numbers(got, digits)}\nand should give {_numbers(want, digits)}."
                )
    raise AssertionError("an answer that is wrong on some input is wrong on one of them")


def _call(function: Callable, given: tuple) -> Tensor:
    """Call a function on copies: it may write into what it is given."""
    return function(*(x.clone() if isinstance(x, Tensor) else x for x in given))


def _alike(got: list[Tensor], wanted: list[Tensor], tolerance: float) -> bool:
    """Whether all are the same, NaN at the same places included."""
    return all(
        a.shape == b.shape
        and torch.allclose(a.double(), b.double(), rtol=0, atol=tolerance, equal_nan=True)
        for a, b in zip(got, wanted, strict=True)
    )


def _numbers(x: Tensor | int, digits: int) -> str:
    """A tensor, or a number, as one writes it by hand."""
    return str(_rounded(x.tolist() if isinstance(x, Tensor) else x, digits))


def _rounded(values: list | float, digits: int) -> list | float:
    if isinstance(values, list):
        return [_rounded(value, digits) for value in values]
    return round(values, digits) + 0.0 if isinstance(values, float) else values


def _shapes(given: tuple) -> str:
    return ", ".join(str(tuple(x.shape) if isinstance(x, Tensor) else x) for x in given)
