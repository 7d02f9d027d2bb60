"""Drawings of a memory cell and of a reader and writer: another run is another drawing."""

import re
import xml.etree.ElementTree as ET
from functools import partial

import pytest
import torch

from transformer_lib.models.recurrent import Recurrent, RecurrentConfig
from transformer_lib.show.recurrences import memory_cell, reader_and_writer

X, H, C = torch.randn(3, 1, 4, generator=torch.Generator().manual_seed(0))
W, U, B = torch.ones(16, 4) / 9, torch.ones(16, 4) / 7, torch.arange(16.0)
SOURCE, TARGET = torch.tensor([[3, 4, 5]]), torch.tensor([[1, 6]])


def lstm(x, h, c, W, U, b, order="ifgo", forget=True):
    parts = dict(zip(order, (x @ W.T + h @ U.T + b).chunk(len(order), dim=-1), strict=True))
    c = (parts["f"].sigmoid() * c if forget else c) + parts["i"].sigmoid() * parts["g"].tanh()
    return parts["o"].sigmoid() * c.tanh(), c


def texts(drawing) -> list[str]:
    """What is written on a drawing."""
    tree = ET.fromstring(drawing.svg())
    return [node.text for node in tree.iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.parametrize(
    ("order", "places"),
    [("ifgo", ("2nd", "1st", "3rd", "4th")), ("ogfi", ("3rd", "4th", "2nd", "1st"))],
)
def test_a_gate_is_known_by_what_it_multiplies(order, places):
    said = memory_cell(partial(lstm, order=order), X, H, C, W, U, B).desc
    for role, place in zip(("keeps", "writes", "candidate", "shows"), places, strict=True):
        assert f"What {role} is the {place} part." in said


def test_the_first_lstm_kept_everything():
    """No forget gate, no product on the memory's line."""
    first = partial(lstm, order="igo", forget=False)
    without = memory_cell(first, X, H, C, W[:12], U[:12], B[:12])
    assert texts(memory_cell(lstm, X, H, C, W, U, B)).count("⊙") == 3
    assert texts(without).count("⊙") == 2
    assert "kept whole" in without.desc
    assert "(1, 12)" in texts(without)


def test_the_numbers_are_those_of_the_run():
    h, c = lstm(X, H, C, W, U, B)
    drawn = memory_cell(lstm, X, H, C, W, U, B).svg()
    said = [float(number) for number in re.findall(r"<title>(-?[\d.]+)</title>", drawn)]
    for value in (X, H, C, h, c):
        assert all(min(abs(one - other) for other in said) < 0.006 for one in value[0].tolist())


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        (lambda x, h, c: c.tanh(), "multiply a sigmoid with tanh, got tanh"),
        (lambda x, h, c: h.sigmoid() * (c * x).tanh(), "no sum was seen"),
        (lambda x, h, c: h.sigmoid() * (x + h).tanh(), "got it in 0"),
        (lambda x, h, c: h.sigmoid() * (c + x * h).tanh(), "multiply a sigmoid with tanh, got mul"),
    ],
)
def test_another_structure_is_refused(formula, said):
    with pytest.raises(ValueError, match=said):
        memory_cell(formula, X, H, C)


def model(attention: bool) -> Recurrent:
    torch.manual_seed(0)
    return Recurrent(RecurrentConfig(9, 8, d_model=6, attention=attention)).eval()


def drawing(attention: bool):
    named = {"letters": "abc", "sounds": ["X", "EOS"]}
    return reader_and_writer(model(attention), SOURCE, TARGET, **named)


def test_what_is_called_once_a_token_stands_in_a_frame():
    looks, flat = drawing(True), drawing(False)
    assert "2 times, once for each token" in texts(looks)
    assert "2 times, once for each token: attention, decoder." in looks.desc
    assert 'class="frame"' in looks.svg()
    assert 'class="frame"' not in flat.svg()
    assert "Then, once for all tokens: decoder, merge, head." in flat.desc
    assert "attention" not in texts(flat)


def test_weights_are_drawn_letter_by_letter():
    looks = drawing(True)
    with torch.no_grad():
        _, weights = model(True).decode(TARGET, model(True).encode(SOURCE))
    said = re.findall(r"<title>([\d.]+)</title>", looks.svg())
    assert said == [f"{weight:.2f}" for weight in weights.flatten()]
    assert {"a", "b", "c", "X", "EOS"} <= {*texts(looks)}


def test_names_are_attributes_and_counts_their_weights():
    parts = dict(model(True).named_modules())
    said = re.findall(r"<g><title>([\w.]+), ([\d,]+) weights</title>", drawing(True).svg())
    assert [name for name, _ in said] == [
        "source_embedding",
        "encoder",
        "attention.k_proj",
        "target_embedding",
        "attention",
        "decoder",
        "merge",
        "head",
    ]
    for name, count in said:
        assert int(count.replace(",", "")) == sum(p.numel() for p in parts[name].parameters())


def test_a_text_for_each_id():
    with pytest.raises(ValueError, match="letters must be 3, one for each id, got 2"):
        reader_and_writer(model(True), SOURCE, TARGET, letters="ab", sounds=["X", "EOS"])
