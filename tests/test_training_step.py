"""The drawing of a training step says what the run did: another run, another drawing."""

import xml.etree.ElementTree as ET

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from transformer_lib.show.training_step import training_step


class Square(nn.Module):
    """Keeps its input, for the product with itself."""

    def forward(self, x):
        return x * x


LAYERS = [Square() for _ in range(4)]
X = torch.ones(1, 2, 3)


def whole(x):
    return nn.Sequential(*LAYERS)(x)


def cut(*lengths, layers=LAYERS):
    """A run with a checkpoint at the beginning of each segment."""

    def forward(x):
        rest = iter(layers)
        for length in lengths:
            part = nn.Sequential(*(next(rest) for _ in range(length)))
            x = checkpoint(part, x, use_reentrant=True)
        return x

    return forward


def texts(canvas) -> list[str]:
    """Every line of text on a drawing, in order."""
    tree = ET.fromstring(canvas.svg())
    return [node.text for node in tree.iter("{http://www.w3.org/2000/svg}text")]


def test_without_checkpoints_all_is_kept_and_nothing_runs_again():
    drawn = training_step(LAYERS, X, whole)
    assert drawn.desc == (
        "The forward pass calls layers 1 to 4; each keeps 1 unit. Kept: the input of 1, 2, 3, 4. "
        "The backward pass runs again: nothing."
    )
    assert texts(drawn).count("kept") == 4
    assert "run again" not in texts(drawn)
    assert 'class="frame"' not in drawn.svg()


def test_segments_run_again_from_the_last_to_the_first():
    drawn = training_step(LAYERS, X, cut(1, 3))
    assert drawn.desc.endswith(
        "each keeps none. Kept: the input of 1, 2. The backward pass runs again: "
        "2 (keeps 1 unit), 3 (keeps 1 unit), 4 (keeps 1 unit), 1 (keeps 1 unit)."
    )
    assert texts(drawn).count("kept") == 2
    assert drawn.svg().count('class="frame"') == 4
    for turn, layer in ((5, 2), (6, 3), (7, 4), (8, 1)):
        assert f"turn {turn}: layer {layer} keeps 1 unit" in drawn.svg()


def test_weights_are_not_counted_and_their_gradients_stay_as_they_were():
    torch.manual_seed(0)
    layers = [nn.Linear(3, 3) for _ in range(2)]
    layers[0].weight.grad = torch.ones(3, 3)
    drawn = training_step(layers, torch.randn(1, 2, 3), cut(2, layers=layers))
    assert "2 (keeps 1 unit)" in drawn.desc
    assert torch.equal(layers[0].weight.grad, torch.ones(3, 3))
    assert layers[1].weight.grad is None
    assert not layers[0]._forward_hooks


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"layers": "abc"}, "layers must be a list of modules"),
        ({"forward": None}, "forward must be a function"),
        ({"x": X[0]}, "x must be of floating point, with 3 axes"),
    ],
)
def test_what_cannot_be_run_is_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        training_step(**{"layers": LAYERS, "x": X, "forward": whole} | changes)


@pytest.mark.parametrize(
    ("forward", "order"),
    [(lambda x: x * 1, r"\[\]"), (lambda x: LAYERS[1](LAYERS[0](x)), r"\[0, 1\]")],
)
def test_layers_are_called_in_order(forward, order):
    with pytest.raises(ValueError, match=f"forward must call the layers in order.*{order}"):
        training_step(LAYERS, X, forward)
