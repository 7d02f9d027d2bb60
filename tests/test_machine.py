"""The machine in the page: what it carries, and what it refuses. Its page stands in tests/book."""

from dataclasses import asdict

import pytest
import torch

from transformer_lib.models.gpt import GPT, GPTConfig
from transformer_lib.show.machine import Machine
from transformer_lib.show.quantize import pack

CONFIG = GPTConfig(
    5,
    d_model=8,
    num_heads=2,
    num_layers=2,
    d_ff=3,
    activation="relu2",
    positions="rotary",
    norm="rms",
    bias=False,
)


def machine(config=(), weights=None, characters="abc \n", **changes):
    given = {
        "examples": [("a b", "a c")],
        "prices": [[0.1, 0.2, 0.3]] * 2,
        "layer_prices": [0.5, 0.25],
        "units": torch.arange(24).view(2, 3, 2, 2) % 5,
    }
    weights = GPT(CONFIG).state_dict() if weights is None else weights
    return Machine(asdict(CONFIG) | dict(config), weights, characters, **given | changes)


def test_it_carries_its_weights_in_8_bits_and_what_it_was_told():
    weights = GPT(CONFIG).state_dict()
    made = machine(weights=weights, caption="Try.")
    data, contents = pack(weights)
    assert (made.data, [tuple(c) for c in made.contents]) == (data, contents)
    assert (made.prices, made.layer_prices) == ([[0.1, 0.2, 0.3]] * 2, [0.5, 0.25])
    assert made.examples == [["a b", "a c"]]
    assert (made.units, made.unit_shape) == (bytes(i % 5 for i in range(24)), [2, 2])
    assert (made.characters, made.caption) == (list("abc \n"), "Try.")
    assert "import" not in made._esm.replace("important", "")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"config": {"positions": "learned"}}, "positions one of"),
        ({"config": {"norm": "layer"}}, "norm one of"),
        ({"config": {"d_model": 16}}, r"weights must be those of config"),
        ({"characters": "abcd"}, "characters must be vocab_size = 5"),
        ({"prices": [[0.1, 0.2, 0.3]]}, r"prices must be 2 lists of 3, got lengths \[3\]"),
        ({"prices": [[0.1, 0.2]] * 2}, r"prices must be 2 lists of 3, got lengths \[2, 2\]"),
        ({"layer_prices": [0.1]}, r"layer_prices must be 1 lists of 2, got lengths \[1\]"),
        ({"units": torch.zeros(2, 4, 1, 1).long()}, r"units must be \(2, 3, places, letters\)"),
        ({"units": torch.full((2, 3, 1, 1), 5)}, "units must be in 0"),
        ({"examples": []}, "examples must have at least one pair"),
        ({"examples": [("ab", "a")]}, r"equally long, .* got \('ab', 'a'\)"),
        ({"examples": [("ax", "ab")]}, r"of the vocabulary, .* got \('ax', 'ab'\)"),
        ({"examples": [("a" * 41, "b" * 41)]}, "of 1 to 40 letters"),
        ({"examples": [("", "")]}, "of 1 to 40 letters"),
    ],
)
def test_what_does_not_fit_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        machine(**changes)


# --- where no script runs -----------------------------------------------------------------------


def first(**changes):
    """What a machine of one layer finds in "a b"."""
    found = {
        "chances": {"\n": 0.75, "b": 0.25},
        "maps": [torch.eye(3).expand(2, 3, 3)],
        "lens": [[("a", 0.5), (" ", 1.0), ("b", 0.1)]] * 2,
    }
    return found | changes


def test_the_first_state_says_what_comes_next_and_draws_every_head():
    drawn = machine(first=first()).still
    assert "After “a b” comes “↵” with 0.75" in drawn
    assert drawn.count("<svg") == 2
    assert drawn.count("M0 0h1v1h-1zM1 1h1v1h-1zM2 2h1v1h-1z") == 2  # among the strongest
    assert drawn.count("<tr>") == 3
    assert '<td style="--weight:1.00">␣</td>' in drawn
    assert machine().still == ""


def test_a_letter_is_text_and_never_markup():
    lens = [[("<", 0.5)] * 3]
    assert '<td style="--weight:0.50">&lt;</td>' in machine(first=first(lens=lens)).still


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"maps": [torch.ones(1, 2, 3)]}, r"maps must be \(heads, 3, 3\) in each layer"),
        ({"maps": [torch.ones(3, 3)]}, r"maps must be .* got \(3, 3\)"),
        ({"lens": [[("a", 1.0)]]}, "lens must have 3 letters in each line, got 1"),
    ],
)
def test_a_first_state_of_another_text_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        machine(first=first(**changes))
