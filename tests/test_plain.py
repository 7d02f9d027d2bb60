"""What goes into a checkpoint is of Python's own types, and tensors stand only where they may."""

from enum import Enum, IntEnum, StrEnum

import numpy as np
import pytest
import torch

from transformer_lib.training.plain import plain


class Kind(StrEnum):
    A = "a"


class Named(str, Enum):  # noqa: UP042 — as it was written before Python 3.11
    A = "a"


class Level(IntEnum):
    HIGH = 3


@pytest.mark.parametrize(
    ("given", "made"),
    [
        (Kind.A, "a"),
        (Named.A, "a"),
        (np.str_("a"), "a"),
        (Level.HIGH, 3),
        (np.int64(3), 3),
        (np.uint8(3), 3),
        (np.float32(0.5), 0.5),
        (np.bool_(True), True),
        (np.array(4), 4),
        (True, True),
        ({Named.A: (Level.HIGH, [np.float64(1.5)])}, {"a": (3, [1.5])}),
    ],
)
def test_it_is_the_same_in_types_that_can_be_read_back(given, made):
    found = plain(given, "it must be")
    assert repr(found) == repr(made)  # 3 and 3.0 are equal, and so are "a" and a name for it
    assert type(found) is type(made)


@pytest.mark.parametrize(
    "depth", [lambda x: x, lambda x: [x], lambda x: (1, [x]), lambda x: {"a": x}]
)
def test_where_no_tensors_may_be_there_are_none_at_any_depth(depth):
    given = depth(torch.ones(2))
    assert repr(plain(given, "it must be")) == repr(given)
    with pytest.raises(ValueError, match=r"it must be numbers, strings, or lists, .* got Tensor"):
        plain(given, "it must be", tensors=False)


def test_a_key_is_never_a_tensor():
    with pytest.raises(ValueError, match=r"it must be .* got Tensor"):
        plain({torch.ones(1): 1}, "it must be")
