"""The look-up in the plane: what is drawn at first is what softmax gives. The rest, tests/book."""

import html
import json
import re
import xml.etree.ElementTree as ET

import pytest
import torch
from torch.testing import assert_close

from transformer_lib.show.look_up import BAR, SCALE, LookUp

SVG = "{http://www.w3.org/2000/svg}"
KEYS = torch.tensor([[2.0, 0.0], [0.0, 2.0], [-1.0, -1.5]])
VALUES = torch.tensor([[1.0, 2.0], [-2.0, 0.5], [0.0, -1.0]])


def look_up(**changes) -> LookUp:
    given = {"key_names": ["a", "b", "c"], "value_names": ["x", "y", "<z>"], "query": (0.5, 1.0)}
    return LookUp(KEYS, VALUES, **given | changes)


def part(drawing: LookUp, name: str) -> list[ET.Element]:
    """The parts of a drawing that have a class."""
    tree = ET.fromstring(drawing.svg())
    return [node for node in tree.iter() if f"tlq-{name}" in node.get("class", "").split()]


def test_what_is_drawn_at_first_is_the_look_up():
    drawing = look_up()
    scores = KEYS @ torch.tensor([0.5, 1.0])
    weights = scores.softmax(-1)
    assert [float(node.text) for node in part(drawing, "score")] == scores.tolist()
    bars = torch.tensor([float(node.get("width")) for node in part(drawing, "bar")])
    assert_close(bars / BAR, weights, atol=1e-3, rtol=0)
    assert [node.text for node in part(drawing, "weight")] == [f"{w:.2f}" for w in weights]
    (answer,) = part(drawing, "answer")
    end = torch.tensor([float(answer.get("x2")), -float(answer.get("y2"))]) / SCALE
    assert_close(end, weights @ VALUES, atol=1e-3, rtol=0)
    (query,) = part(drawing, "query")
    assert (float(query.get("x2")), float(query.get("y2"))) == (
        pytest.approx(0.5 * SCALE, abs=1e-3),
        pytest.approx(-SCALE, abs=1e-3),
    )


def test_the_page_has_the_state_that_python_had():
    page = look_up(caption="One & only")._repr_html_()
    state = json.loads(html.unescape(re.search(r'data-state="(.*?)"', page)[1]))
    assert (state["keys"], state["values"]) == (KEYS.tolist(), VALUES.tolist())
    assert state["valueNames"] == ["x", "y", "<z>"]
    assert json.loads(html.unescape(re.search(r'data-start="(.*?)"', page)[1])) == {
        "query": [0.5, 1.0],
        "divisor": 1,
    }
    assert "<figcaption>One &amp; only</figcaption>" in page
    assert "<z>" not in page
    assert page == look_up(caption="One & only")._repr_html_()


def test_it_is_said_in_words_too():
    drawing = look_up()
    said = ET.fromstring(drawing.svg()).find(f"{SVG}desc").text
    assert "Weights: a 0.27, b 0.72, c 0.01. The answer lies nearest to y." in said


def test_two_on_a_page_have_their_own_arrow_tips():
    ids = [re.findall(r'id="([^"]+)"', look_up(query=q).svg()) for q in ((0.0, 1.0), (1.0, 0.0))]
    assert not {*ids[0]} & {*ids[1]}
    for one, drawn in zip(ids, ((0.0, 1.0), (1.0, 0.0)), strict=True):
        assert {*re.findall(r"url\(#([^)]+)\)", look_up(query=drawn).svg())} <= {*one}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"query": (0.0, 3.5)}, "query must be from -3 to 3"),
        ({"query": (0.0,)}, "query must be two numbers"),
        ({"key_names": ["a", "b"]}, "key_names must be 3, one for each key, got 2"),
        ({"value_names": "xyz"}, "value_names must be a list of strings"),
        ({"caption": None}, "caption must be a string"),
    ],
)
def test_what_does_not_fit_is_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        look_up(**changes)


@pytest.mark.parametrize("keys", [4 * KEYS, KEYS[:, :1], KEYS * torch.nan])
def test_points_outside_the_plane_are_refused(keys):
    with pytest.raises(ValueError, match=r"keys must be points of the plane, \(k_len, 2\)"):
        LookUp(keys, VALUES, ["a", "b", "c"], ["x", "y", "z"], query=(0, 1))


def test_there_must_be_a_value_for_each_key():
    with pytest.raises(ValueError, match="values must be 3, one for each key, got 2"):
        LookUp(KEYS, VALUES[:2], ["a", "b", "c"], ["x", "y"], query=(0, 1))
