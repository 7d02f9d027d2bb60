"""A formula is given about its width before it is typeset."""

import re
import sys

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "book/_ext"))
import room

SPAN = '<span class="math notranslate nohighlight">\\({}\\)</span>'


@pytest.mark.parametrize(
    ("tex", "least", "most"),
    [
        ("x", 0.4, 0.7),
        (r"\class{mjx-key}{W_k}", 1.0, 1.6),
        (r"d_\text{model}", 1.9, 2.9),
        (r"i - j", 1.8, 2.6),
        (r"\mathrm{softmax}(QK^\top/\sqrt d)\,V", 8.0, 11.0),
        ("", 0.0, 0.0),
    ],
)
def test_width_is_about_right(tex, least, most):
    assert least <= room.ems(tex) <= most


def test_every_formula_in_a_line_gets_its_room_and_keeps_its_text():
    formulas = ["a &lt; b", "W_k", "x\n+ y"]
    context = {"body": " and ".join(map(SPAN.format, formulas)) + '<div class="math">\\[z\\]</div>'}
    room.keep_room(None, "", "", context, None)
    assert len(re.findall(r'style="--em:\d+\.\d"', context["body"])) == 3
    assert re.sub(' style="[^"]*"', "", context["body"]) == (
        " and ".join(map(SPAN.format, formulas)) + '<div class="math">\\[z\\]</div>'
    )


def test_a_page_without_a_body_stays_without():
    context = {}
    room.keep_room(None, "", "", context, None)
    assert context["body"] == ""
