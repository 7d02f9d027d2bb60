"""What stands in a widget's place where no script runs, and the page that leads to the cover."""

import json
import re
import sys
from types import SimpleNamespace

import pytest
from conftest import PAGES, ROOT
from docutils import nodes

sys.path.insert(0, str(ROOT / "book/_ext"))
import house

VIEW = '<script type="application/vnd.jupyter.widget-view+json">{"model_id": "a1"}</script>'


def page(state: dict) -> dict:
    """A page with one widget, as Sphinx hands it on."""
    models = {"state": {"a1": {"model_module": "anywidget", "state": state}}}
    file = SimpleNamespace(attributes={"body": json.dumps(models)})
    return {"body": f"<p>before</p>{VIEW}<p>after</p>", "script_files": [file]}


@pytest.mark.parametrize(
    ("state", "parts"),
    [
        ({"caption": "Try <it>."}, ['<figure class="tlp">', "Try &lt;it&gt;."]),
        (
            {"label": "heads", "labels": ["1", "2"], "index": 1, "pictures": ["<svg>a", "<svg>b"]},
            ["<p>heads: 2</p><svg>b"],
        ),
        (
            {
                "caption": "",
                "query_tokens": ["a", "<"],
                "key_tokens": None,
                "query": 0,
                "layer": 0,
                "head": 0,
                "weights": [[[[250, 750], [0, 1000]]]],
            },
            ["“a” looks most at “&lt;” 0.75, “a” 0.25."],
        ),
        (
            {"caption": "", "still": "<p>first</p>", "_css": ".x {}"},
            ["<style>.x {}</style>", 'class="tlp tlm"', "<p>first</p>"],
        ),
    ],
)
def test_a_widget_has_something_in_its_place(state, parts):
    context = page(state)
    house.stand_in(None, "page", "", context, None)
    before, stands = context["body"].split("<noscript>")
    assert before == f"<p>before</p>{VIEW}"
    assert stands.endswith("</noscript><p>after</p>")
    for part in parts:
        assert part in stands


def test_a_model_that_only_a_script_draws_has_its_picture(monkeypatch):
    taken = {"size": [7, 5], "size-narrow": [3, 9], "said": "It says <a>."}
    monkeypatch.setattr(house, "STILLS", {"10_gpt-0": taken})
    bare = page({"caption": "Try it."})
    house.stand_in(None, "notebooks/10_gpt", "", bare, None)
    assert '<img src="../_static/still/10_gpt-0.png" width="7" height="5"' in bare["body"]
    assert 'srcset="../_static/still/10_gpt-0-narrow.png" width="3" height="9"' in bare["body"]
    assert 'alt="Try it. It begins: It says &lt;a&gt;."' in bare["body"]
    other = page({"caption": "", "still": "<p>first</p>", "_css": ""})
    house.stand_in(None, "notebooks/10_gpt", "", other, None)
    assert "<img" not in other["body"]


def test_a_page_without_widgets_stays_as_it_is():
    context = {"body": "<p>text</p>", "script_files": []}
    house.stand_in(None, "page", "", context, None)
    assert context["body"] == "<p>text</p>"


def test_the_folder_leads_to_the_cover(tmp_path):
    config = SimpleNamespace(master_doc="book/index", html_title="A & b", language="en")
    app = SimpleNamespace(outdir=tmp_path, builder=SimpleNamespace(format="html"), config=config)
    house.lead_in(app, None)
    made = (tmp_path / "index.html").read_text("utf-8")
    assert "<title>A &amp; b</title>" in made
    assert '<a href="book/index.html">' in made
    assert '<html lang="en">' in made


@pytest.mark.parametrize("address", ["", "https://owner.github.io/name/"])
def test_an_address_that_is_none_leads_back(tmp_path, address):
    config = SimpleNamespace(master_doc="book/index", language="en", html_baseurl=address)
    titles = {"notebooks/01_a": nodes.title("", "1 · A & b"), "book/index": nodes.title("", "C")}
    app = SimpleNamespace(outdir=tmp_path, builder=SimpleNamespace(format="html"), config=config)
    app.env = SimpleNamespace(titles=titles)
    house.lead_back(app, None)
    made = (tmp_path / "404.html").read_text("utf-8")
    assert f'<base href="{address or "/"}">' in made  # it is shown at any depth
    links = re.findall(r'<a href="([^"]+)">', made)
    assert links == ["search.html", "book/index.html", "notebooks/01_a.html"]
    assert "1 · A &amp; b" in made


@pytest.mark.parametrize("name", PAGES)
def test_no_widget_of_the_book_is_without_one(site, name):
    text = (site / name).read_text("utf-8")
    followed = re.findall(r'widget-view\+json">[^<]*</script><noscript>', text)
    assert len(followed) == text.count('widget-view+json">')
    for stands in re.findall(r"<noscript>(<(?:style|figure).*?)</noscript>", text, re.DOTALL):
        assert re.search(r"<svg|<table|<img|looks most at", stands)  # and each shows something


def test_every_picture_is_one_of_a_toy_and_there(site):
    pages = "".join((site / name).read_text("utf-8") for name in PAGES)
    named = re.findall(r'<img src="\.\./_static/still/([^"]+)\.png"', pages)
    assert sorted(named) == sorted(house.STILLS)
    for name in named:
        for ending in ("", "-narrow"):
            assert (site / f"_static/still/{name}{ending}.png").is_file()
