import json
import re
import xml.etree.ElementTree as ET

import pytest
import torch

from transformer_lib.show.canvas import WIDTH, Canvas
from transformer_lib.show.layer_switches import HIGH, LOW, LayerSwitches, Passage

SVG = "{http://www.w3.org/2000/svg}"

# Two layers, two words: they come nearer, and grow, and a gradient shrinks on its way down.
STATES = torch.tensor([[[1.0, 0], [0, 1]], [[3, 3], [0, 3]], [[100, 0], [100, 0]]])
GRADIENTS = torch.tensor([0.001, 0.1, 1])[:, None, None] * torch.ones(3, 2, 2)


def passage(*setting, states=STATES, gradients=GRADIENTS) -> Passage:
    canvas = Canvas("a layer")
    canvas.text(100, 20, setting[0] if setting else "-")
    return Passage(canvas, states, gradients)


def toy(run=passage, words=("a", "b"), caption="A & b", **options) -> LayerSwitches:
    return LayerSwitches(options or {"plus": ["on", "off"]}, run, words, caption=caption)


def told_to_the_script(page: str) -> dict:
    return json.loads(re.search(r'<script type="application/json">(.+?)</script>', page)[1])


def test_cosines_are_those_between_the_words():
    assert passage().cosines() == [[100, 0, 0, 100], [100, 71, 71, 100], [100] * 4]
    opposed = torch.tensor([[[1.0, 0], [-1, 0]]])
    assert passage(states=opposed, gradients=opposed).cosines() == [[100, 0, 0, 100]]


def test_curves_are_powers_of_ten():
    curves = passage().curves()
    assert curves["gradient"] == [-3, -1, 0]
    assert curves["spread"] == [-0.151, round(torch.tensor(1 / 6).log10().item() / 2, 3), LOW]
    spread = [x.std().log10().item() for x in STATES]
    assert curves["size"] == pytest.approx(spread, abs=6e-4)


def test_what_is_beyond_the_axis_lies_on_its_edge_and_is_said():
    far = torch.tensor([[[0.0, 1], [0, 1]], [[0, 1e20], [0, -1e20]]])
    found = passage(states=far, gradients=far)
    assert found.curves()["size"][1] == HIGH
    said = toy(lambda *setting: found).said(("on",), 1)
    assert said == (
        "After layer 1: size above 1e14, spread 1.00. A gradient of 1 at the top is 1.00 here."
    )


def test_each_sentence_says_what_is_seen():
    assert toy().said(("on",), 0) == (
        "Before the first layer: size 0.58, spread 0.71. A gradient of 1 at the top is 1.0e-3 here."
    )
    assert "spread below 1e-12" in toy().said(("on",), 2)


def test_the_first_state_is_drawn_without_a_script():
    page = toy()._repr_html_()
    assert "<figcaption>A &amp; b</figcaption>" in page
    assert f'aria-live="polite">{toy().said(("on",), 2)}</p>' in page
    assert page.count('class="tlw-drawing"') == 2
    assert page.count('class="tlw-drawing" hidden') == 1
    assert page.index(">on</text>") < page.index('class="tlw-drawing" hidden')
    svg = ET.fromstring(re.findall("<svg.+?</svg>", page)[-1])
    cells = [rect.get("fill-opacity") for rect in svg.iter(f"{SVG}rect")]
    assert cells == ["1"] * 4
    for path in svg.iter(f"{SVG}path"):
        assert max(map(float, re.findall(r"[\d.]+", path.get("d")))) <= WIDTH


def test_the_script_is_told_every_setting_and_each_drawing_once():
    options = {"plus": ["on", "off"], "norm": ["in", "on", "off"]}
    page = toy(**options)._repr_html_()
    told = told_to_the_script(page)["settings"]
    assert [*told] == ["on|in", "on|on", "on|off", "off|in", "off|on", "off|off"]
    assert [each["drawing"] for each in told.values()] == [0, 0, 0, 1, 1, 1]
    assert page.count('class="tlw-drawing"') == 2
    assert told["off|on"]["cosines"] == passage().cosines()
    assert told["off|on"]["curves"] == [*passage().curves().values()]


def test_words_are_words_and_never_markup():
    page = toy(words=["<b>", "b"], caption="<i>", **{"<u>": ["</script><s>", "x"]})._repr_html_()
    for markup in ("<b>", "<i>", "<u>", "<s>"):
        assert markup not in page


@pytest.mark.parametrize("choices", [["a"], ["a", "a"], "ab"])
def test_a_switch_has_two_options(choices):
    with pytest.raises(ValueError, match="'x' must have two options or more"):
        toy(x=choices)


def test_runs_that_do_not_go_together_are_refused():
    with pytest.raises(ValueError, match=r"states and gradients must both be .+ \(3, 2, 2\) and"):
        passage(gradients=GRADIENTS[1:])
    with pytest.raises(ValueError, match="run must give states of 3 tokens"):
        toy(words=["a", "b", "c"])

    def shorter(plus):
        cut = 2 + (plus == "on")
        return passage(states=STATES[:cut], gradients=GRADIENTS[:cut])

    with pytest.raises(ValueError, match="as many for each setting"):
        toy(shorter)
