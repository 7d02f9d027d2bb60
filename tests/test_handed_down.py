"""A gradient handed down: what is drawn and said at first is autograd's. The rest, tests/book."""

import re
import xml.etree.ElementTree as ET

import pytest
import torch
from torch.testing import assert_close

from transformer_lib.show.handed_down import (
    BROAD,
    FIRST,
    HIGH,
    LEFT,
    TOP,
    HandedDown,
)

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("w", [0.0, 0.5, 1.0, 1.5])
def test_the_recurrences_line_is_autograds(w):
    start = torch.tensor(FIRST, dtype=torch.float64, requires_grad=True)
    h, found = start, []
    for _ in range(30):
        h = torch.tanh(w * h)
        found.append(torch.autograd.grad(h, start, retain_graph=True)[0].abs())
    assert_close(HandedDown(w=w).lines["recurrence"][:30], torch.stack(found), rtol=1e-9, atol=0)


def test_the_cells_line_is_that_of_torchs_cell():
    """No input, no state shown: all that reaches the new cell has passed the forget gate."""
    lstm = torch.nn.LSTMCell(1, 1).double()
    for weight in lstm.parameters():
        weight.data.zero_()
    lstm.bias_ih.data[1], lstm.bias_hh.data[1] = 1.5, 0.5
    start = torch.tensor([[0.3]], dtype=torch.float64, requires_grad=True)
    c, found = start, []
    for _ in range(30):
        _, c = lstm(torch.zeros(1, 1).double(), (torch.zeros(1, 1).double(), c))
        found.append(torch.autograd.grad(c, start, retain_graph=True)[0][0, 0])
    assert_close(HandedDown(bias=2.0).lines["gated"][:30], torch.stack(found))


def test_what_is_drawn_and_said_are_the_lines():
    drawn = HandedDown(w=0.9, bias=1.0, distance=40)
    tree = ET.fromstring(drawn.svg())
    for name, line in drawn.lines.items():
        found = next(n for n in tree.iter(f"{SVG}path") if n.get("class") == f"tlh-line {name}")
        points = re.findall(r"([\d.]+) ([\d.]+)", found.get("d"))
        x, y = torch.tensor([[float(number) for number in point] for point in points[1:]]).T
        assert_close(x, LEFT + BROAD * torch.arange(1, 101) / 100, atol=0.06, rtol=0)
        power = line.log10().clamp(-12, 6).float()
        assert_close(y, TOP + HIGH * (6 - power) / 18, atol=0.06, rtol=0)
    said = tree.find(f"{SVG}desc").text
    recurrence, cell = (line[39].item() for line in drawn.lines.values())
    assert f"After 40 steps: {recurrence:.2f} of the gradient" in said
    assert f"{cell:.1e}".replace("e-0", "e-") in said
    assert drawn._repr_html_() == HandedDown(w=0.9, bias=1.0, distance=40)._repr_html_()


def test_names_are_text_on_the_page():
    page = HandedDown(caption="Less & <less>")._repr_html_()
    assert "<figcaption>Less &amp; &lt;less&gt;</figcaption>" in page


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"w": 2.5}, "w must be 0 to 2, got 2.5"),
        ({"bias": float("nan")}, "bias must be -2 to 6, got nan"),
        ({"distance": 0}, "distance must be 1 to 100, got 0"),
        ({"distance": 1.5}, "distance must be a whole number"),
        ({"w": "1"}, "w must be 0 to 2, got '1'"),
        ({"caption": None}, "caption must be a string, got None"),
    ],
)
def test_what_does_not_fit_is_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        HandedDown(**changes)
