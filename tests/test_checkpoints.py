"""A training step drawn by its moments: as much is in memory as autograd keeps."""

import json
import re
from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.checkpoint import checkpoint

from transformer_lib.show.checkpoints import BACKWARD, Checkpoints, moments


class Sine(nn.Module):
    calls = 0

    def forward(self, x):
        Sine.calls += 1
        return x.sin()


class Held:
    """What autograd holds; told apart from the tensor, so that it is seen to be let go."""

    now, most = {}, 0

    def __init__(self, tensor):
        self.tensor, self.key = tensor.detach(), tensor.untyped_storage().data_ptr()
        Held.now[self.key] = Held.now.get(self.key, 0) + 1
        Held.most = max(Held.most, sum(count > 0 for count in Held.now.values()))

    def __del__(self):
        Held.now[self.key] -= 1


def measured(kept) -> tuple[int, int]:
    """The most units at any time, and the calls, of a chain of sines."""
    Held.now, Held.most, Sine.calls = {}, 0, 0
    y = torch.randn(1000, requires_grad=True)
    with saved_tensors_hooks(Held, lambda held: held.tensor):
        for first, end in pairwise([*(i for i, keep in enumerate(kept) if keep), len(kept)]):
            part = nn.Sequential(*(Sine() for _ in range(first, end)))
            y = part(y) if end - first == 1 else checkpoint(part, y, use_reentrant=True)
        y.sum().backward()
    return Held.most, Sine.calls


PLANS = [[c == "x" for c in plan] for plan in ("xxxxxx", "x.....", "x.x.x.", "x..x.x", "x...xx")]


@pytest.mark.parametrize("kept", PLANS)
def test_a_chain_keeps_what_is_drawn(kept):
    step = moments(kept)
    assert (max(m.units for m in step), sum(m.kind != "backward" for m in step)) == measured(kept)


@pytest.mark.parametrize("kept", PLANS)
def test_time_has_no_gap_and_each_layer_its_turns(kept):
    step = moments(kept, inside=3)
    assert all(a.begin + a.length == b.begin for a, b in pairwise(step))
    assert [m.layer for m in step if m.kind == "forward"] == [*range(6)]
    assert [m.layer for m in step if m.kind == "backward"] == [*reversed(range(6))]
    assert sorted(m.layer for m in step if m.kind == "again") == [*range(6)]
    assert step[-1].begin + step[-1].length == 6 * (1 + 1 + BACKWARD)


def test_the_numbers_of_the_chapter():
    """24 layers: equal segments come to 8, unequal ones to 7; a Transformer's to 39 and 53."""

    def most(lengths, inside=1):
        kept = [i == 0 for length in lengths for i in range(length)]
        return max(m.units for m in moments(kept, inside))

    assert [most([k] * (24 // k)) for k in (1, 2, 3, 4, 6, 8, 12, 24)] == [
        24, 13, 10, 9, 9, 10, 13, 24
    ]  # fmt: skip
    assert most([5, 5, 5, 5, 4]) == 8
    assert most([7, 6, 5, 4, 2]) == 7
    assert most([1] * 24, 16) == 39
    assert most([1] * 24, 30) == 53


def toy(**changes):
    usual = {"num_layers": 6, "inside": {"1": 1, "<4>": 4}, "caption": "<it>"}
    return Checkpoints(**usual | changes)


def test_the_first_state_is_drawn_without_a_script():
    page = toy()._repr_html_()
    assert page.count('type="checkbox" checked disabled') == 6
    assert page.count('<rect class="kept"') == 6
    assert "Kept: 6 of 6 inputs. Most at any time: 6 units. Run again: 0 layers; " in page
    assert "time 18 in place of 18, 1.00 times." in page
    assert "&lt;it&gt;" in page
    assert "&lt;4&gt;" in page
    assert "(without checkpoints 24)" in toy(inside={"4": 4}).said()


def test_what_is_drawn_are_the_moments():
    told = json.loads(re.search(r'application/json">(.+?)</script>', toy()._repr_html_())[1])
    assert told == {"layers": 6, "backward": 2, "inside": [1, 4]}
    curve = re.search(r'class="tlk-curve" d="(.+?)"', toy().svg())[1]
    assert curve.count("H") == len(moments([True] * 6))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"num_layers": 1}, "num_layers"),
        ({"num_layers": 49}, "num_layers must be at most 48, got 49"),
        ({"inside": {}}, "inside must name at least one"),
        ({"inside": {"none": 0}}, r"inside\['none'\]"),
    ],
)
def test_what_cannot_be_drawn_is_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        toy(**changes)


@pytest.mark.parametrize("kept", [[], [False, True], "xx"])
def test_the_first_input_is_always_there(kept):
    with pytest.raises(ValueError, match="kept must be a list that begins with True"):
        moments(kept)
