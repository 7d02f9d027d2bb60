"""Widgets' states are packed for the page, and what is large stands beside the pages, once."""

import base64
import json
import re
import sys
from types import SimpleNamespace

from conftest import ROOT

sys.path.insert(0, str(ROOT / "book/_ext"))
from toys import FOLDER, LARGE, pack_states, packed, unpacked

VIEW = '<script type="application/vnd.jupyter.widget-view+json">{{"model_id": "{}"}}</script>'


def page(tmp_path, **models) -> dict:
    """What becomes of a page with these widgets."""
    body = json.dumps({"state": models | {"layout": {"state": {}}}})
    file = SimpleNamespace(attributes={"type": "x/widget-state+json", "body": body})
    context = {"body": "".join(map(VIEW.format, models)), "script_files": [file]}
    pack_states(SimpleNamespace(outdir=tmp_path), "notebooks/a", "", context, None)
    assert context["script_files"] == []
    states = re.findall(r'tlToy\("(.*?)"', context["body"])
    context["states"] = [json.loads(unpacked(text)) for text in states]
    return context


def widget(size=LARGE, **state) -> dict:
    """One that brings so many bytes along."""
    data = base64.b64encode(bytes(size)).decode()
    return {"state": state, "buffers": [{"path": ["data"], "encoding": "base64", "data": data}]}


def test_what_is_packed_comes_out_again():
    assert unpacked(packed(b"<script>")) == b"<script>"
    assert len(packed(bytes(10_000))) < 100


def test_a_small_state_stays_in_the_page(tmp_path):
    made = page(tmp_path, a=widget(10, text="<é>"))
    assert made["states"] == [widget(10, text="<é>")]
    assert not (tmp_path / FOLDER).exists()
    assert "async" not in made["body"]


def test_two_with_the_same_weights_share_a_file(tmp_path):
    made = page(tmp_path, a=widget(n=1), b=widget(n=2))
    (file,) = (tmp_path / FOLDER).iterdir()
    assert [w["buffers"] for w in made["states"]] == 2 * [
        [{"path": ["data"], "file": file.stem, "late": False}]
    ]
    name, text = re.fullmatch(
        r'\(self\.tlFiles .*\)\["(\w+)"\] = "(.*)";\n', file.read_text("utf-8")
    ).groups()
    assert (name, unpacked(text)) == (file.stem, bytes(LARGE))


def test_the_first_asks_at_once_and_one_with_an_answer_waits(tmp_path):
    asked = r'<script async src="\.\./_static/weights/\w+\.js"></script>'
    assert re.match(asked, page(tmp_path, a=widget())["body"])
    later = page(tmp_path, a=widget(10), b=widget())["body"]
    assert not re.search(asked, later)
    assert re.findall(r'tlToy\("[^"]*"(.*?)\)', later) == ["", ", true"]
    assert not re.search(asked, page(tmp_path, a=widget(first={"guesses": [["a", 0.5]]}))["body"])


def test_a_page_without_widgets_stays_as_it_is():
    context = {"body": "<p>text</p>", "script_files": []}
    pack_states(None, "a", "", context, None)
    assert context == {"body": "<p>text</p>", "script_files": []}
