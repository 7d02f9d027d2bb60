"""Every page has a twin in plain text: its prose, code, outputs, and its pictures in words."""

import json
import re
import sys

import pytest
from conftest import PAGES, ROOT, SITE

sys.path.insert(0, str(ROOT / "book/_ext"))
import twins


def code(source: str, *outputs: dict, **metadata) -> dict:
    return {"cell_type": "code", "source": source, "outputs": outputs, "metadata": metadata}


def shown(**data: str) -> dict:
    kinds = {kind.replace("__", "/"): text for kind, text in data.items()}
    return {"output_type": "display_data", "data": {"text/plain": "<Figure>", **kinds}}


PRINTED = {"output_type": "stream", "text": ["1\n", "2\n"]}
PLOT = shown(**{"image/svg+xml": "<svg/>"})
DRAWN = "<svg><title>A layer</title><desc>Two &amp; two.</desc><title>one cell</title></svg>"
WIDGET = "application/vnd.jupyter.widget-view+json"


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ({"cell_type": "markdown", "source": ["# A\n", "b $x$"]}, "# A\nb $x$"),
        (code("1 + 1"), "```python\n1 + 1\n```"),
        (code("f()", PRINTED), "```python\nf()\n```\n\n```text\n1\n2\n```"),
        (
            code("plot()", PLOT, mystnb={"image": {"alt": "A line."}}),
            "```python\nplot()\n```\n\n[Figure: A line.]",
        ),
        (code("d", shown(text__html=DRAWN)), "```python\nd\n```\n\n[Drawing: A layer Two & two.]"),
        (code("m", shown(text__markdown="*a*")), "```python\nm\n```\n\n*a*"),
        (code("v", shown()), "```python\nv\n```\n\n```text\n<Figure>\n```"),
        (
            code("w", {"output_type": "execute_result", "data": {WIDGET: {"model_id": "1"}}}),
            "```python\nw\n```\n\n[Widget: in the page it answers to pointer and keyboard]",
        ),
        (
            code("1/0", {"output_type": "error", "ename": "ZeroDivisionError", "evalue": "no"}),
            "```python\n1/0\n```\n\n```text\nZeroDivisionError: no\n```",
        ),
    ],
)
def test_a_cell_is_said_in_plain_text(cell, text):
    assert twins.cell_text(cell) == text


def test_no_line_of_the_text_closes_its_fence():
    assert twins.fenced("a\n```\nb", "text") == "````text\na\n```\nb\n````"


@pytest.mark.parametrize("page", PAGES)
def test_every_page_has_a_twin_and_names_it(page):
    name = page.removesuffix(".html")
    text = (SITE / f"{name}.md").read_text(encoding="utf-8")
    assert text.startswith("# ")
    assert not re.search(r"^```\{(api|include|bibliography)\}", text, re.MULTILINE)
    html = (SITE / page).read_text(encoding="utf-8")
    own = f'{name.split("/")[-1]}.md"'
    assert re.search(rf'<link rel="alternate" type="text/markdown" href="{own}', html)
    assert re.search(rf'<a href="(\.\./\w+/)?{own}', html)  # in the download menu
    assert f"({name}.md): " in (SITE / "llms.txt").read_text(encoding="utf-8") or "index" in name


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda p: p.stem)
def test_a_chapters_twin_holds_all_that_it_says(path):
    text = (SITE / f"notebooks/{path.stem}.md").read_text(encoding="utf-8")
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    for cell in cells:
        assert "".join(cell["source"]).rstrip() in text
        printed = (out for out in cell.get("outputs", ()) if out["output_type"] == "stream")
        assert all("".join(out["text"]).rstrip("\n") in text for out in printed)
        assert cell["metadata"].get("mystnb", {}).get("image", {}).get("alt", "") in text
    assert "iVBORw0KGgo" not in text  # no picture as bytes
    assert "[Figure: ]" not in text  # and none without words


def test_the_list_asks_not_to_give_solutions_away(site):
    text = (site / "llms.txt").read_text(encoding="utf-8")
    assert text.startswith("# Transformers, built and run\n\n> A book")
    assert "do not give the solution away" in text
    linked = re.findall(r"\]\((\S+\.md)\)", text)
    contents = re.findall(r"file: (\S+)", (ROOT / "book/_toc.yml").read_text("utf-8"))
    assert linked == [f"{name}.md" for name in contents]
    assert all((site / name).exists() for name in linked)
