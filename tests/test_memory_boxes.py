"""What processes hold, drawn: areas are bytes."""

import re

import pytest

from transformer_lib.show.memory_boxes import gigabytes, memory_boxes

HELD = {"parameters": 4e9, "optimizer": 1e9}


def rectangles(canvas, kind):
    found = re.findall(
        r'<rect x="(\S+)" y="(\S+)" width="(\S+)" height="\S+" rx="5" class="weights (\w+)"',
        canvas.svg(),
    )
    return [tuple(map(float, (x, y, side))) for x, y, side, own in found if own == kind]


def test_areas_are_bytes_for_each_process():
    canvas = memory_boxes("DDP", HELD, processes=3, most=16e9, said="one\ntwo")
    parameters, optimizer = rectangles(canvas, "query"), rectangles(canvas, "key")
    assert len(parameters) == len(optimizer) == 3
    assert parameters[0][2] == pytest.approx(14)  # half of 28: a quarter of the area
    assert optimizer[0][2] == pytest.approx(7)
    assert "each holds 5.0 GB" in canvas.svg()
    assert ">two</text>" in canvas.svg()


def test_bytes_in_words():
    assert (gigabytes(4.04e9), gigabytes(5e7), gigabytes(73_856)) == ("4.0 GB", "0.1 GB", "73.9 kB")


def test_what_is_no_number_of_bytes():
    with pytest.raises(ValueError, match="size must be at least 0 and finite, got nan"):
        gigabytes(float("nan"))


@pytest.mark.parametrize(
    ("held", "options", "message"),
    [
        ({}, {}, "held must have parts"),
        (4e9, {}, "held must have parts by their names, got 4000000000.0"),
        ({"parameters": -1.0}, {}, "parameters must be at least 0"),
        (HELD, {"processes": 9}, "processes must be one of .*, got 9"),
        (HELD, {"most": 1e9}, "held must be at most 1000000000.0"),
        (HELD, {"most": 0.0}, "most must be positive"),
    ],
)
def test_what_cannot_be_drawn(held, options, message):
    with pytest.raises(ValueError, match=message):
        memory_boxes("x", held, **{"processes": 2, "most": 9e9, "said": ""} | options)
