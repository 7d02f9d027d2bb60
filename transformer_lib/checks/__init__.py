"""Refusals, each in one line: what was given, and what is wanted.

Arguments are checked once, at the door: counts and probabilities where a config or a layer is
made, tensors where a layer or a model is called. What is called many times a second, such as a
step of generation, pays some microseconds for it.
"""

from transformer_lib.checks.objects import a, function, mapping, module, path, several
from transformer_lib.checks.settings import (
    at_least,
    at_least_or_none,
    even,
    finite,
    flag,
    fraction,
    multiple,
    not_negative,
    one_of,
    positive,
    probability,
    string,
    whole,
)
from transformer_lib.checks.shapes import heads, key_heads, token, vocabularies
from transformer_lib.checks.tensors import broadcasts, features, floating, like, pictures, tensor
from transformer_lib.checks.token_ids import ids, indices, padded_behind, row, rows

__all__ = [
    "a",
    "at_least",
    "at_least_or_none",
    "broadcasts",
    "even",
    "features",
    "finite",
    "flag",
    "floating",
    "fraction",
    "function",
    "heads",
    "ids",
    "indices",
    "key_heads",
    "like",
    "mapping",
    "module",
    "multiple",
    "not_negative",
    "one_of",
    "padded_behind",
    "path",
    "pictures",
    "positive",
    "probability",
    "row",
    "rows",
    "several",
    "string",
    "tensor",
    "token",
    "vocabularies",
    "whole",
]
