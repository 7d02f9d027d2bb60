"""What the extension makes of a chapter: what it folds, and what it says under the title."""

import json
import re
import sys
from types import SimpleNamespace

import nbformat
import pytest
import torch
from conftest import ROOT
from docutils import nodes
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

sys.path.insert(0, str(ROOT / "book/_ext"))
sys.path.insert(0, str(ROOT / "tests/notebooks"))
import chapters
import here
from sections import in_the_open
from test_order import DERIVED, is_within

from transformer_lib.models.transformer import Transformer, TransformerConfig
from transformer_lib.show import whole

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PRINTED = [new_output("stream", text="0.12\n")]
PICTURE = [new_output("display_data", data={"image/svg+xml": ""})]


@pytest.mark.parametrize(
    ("text", "outputs", "fold"),
    [
        ("import re\nimport torch", [], ("imports", "2 imports")),
        ("from torch import nn", [], ("imports", "1 import")),
        (
            "from a import b, c\nplots.use_style()\n_ = torch.manual_seed(0)",
            [],
            ("imports", "2 imports"),
        ),
        ("%matplotlib inline\nimport torch", [], ("imports", "1 import")),
        ("import torch\nx = torch.ones(3)", [], None),  # the page goes on with x
        ("import torch\nprint(torch.ones(3))", PRINTED, None),  # there is something to see
        ("x = 3", [], None),
        ("assert_close(mine, lib)\nprint(gap)", PRINTED, ("check", "How this is checked")),
        ("torch.testing.assert_close(a, b)", PRINTED, ("check", "How this is checked")),
        ("print(gap)\nassert gap < 1e-6", PRINTED, ("check", "How this is checked")),
        ("assert gap < 1e-6", [], None),  # nothing would be left
        ("gap = mine - lib\nassert gap < 1e-6\nprint(gap)", PRINTED, None),
        ("print(gap)", PRINTED, None),
    ],
)
def test_cells_are_folded_by_what_they_hold(text, outputs, fold):
    assert chapters.folded(text, outputs) == fold


def chapter(*cells) -> dict:
    """A chapter of these cells, as it stands in its file."""
    notebook = nbformat.v4.new_notebook(
        cells=[new_markdown_cell("# A title\n\nA promise."), *cells]
    )
    return json.loads(nbformat.writes(notebook))


def deep(text: str):
    """A heading's cell with the tag."""
    return new_markdown_cell(text, metadata={"tags": ["deep"]})


def test_a_page_has_its_marks_and_nothing_else_is_changed(monkeypatch, tmp_path):
    (tmp_path / "times.json").write_text('{"07_some": 100}')
    monkeypatch.setattr(chapters, "TIMES", tmp_path / "times.json")
    code = new_code_cell("import torch"), new_code_cell("x = 3\nx")
    page = chapters.as_page(chapter(deep("## More"), *code), "07_some")
    texts = [cell["source"] for cell in page["cells"]]
    assert texts[0] == "# A title\n\n{.facts}\n5 min · runs 1:40\n\nA promise."
    assert texts[1:] == ["{.deep}\n## More", "import torch", "x = 3\nx"]
    tags = [cell["metadata"]["tags"] for cell in page["cells"]]
    assert tags == [[], ["deep"], ["imports", "hide-input"], []]
    assert page["cells"][2]["metadata"]["mystnb"]["code_prompt_show"] == "1 import"


@pytest.mark.parametrize(
    ("text", "outputs", "said"),
    [
        ("x = 3", [], ", 1 line"),
        ("print(x)\nprint(y)", PRINTED, " of the numbers, 2 lines"),
        ("def f():\n    return 3", [], ": f, 2 lines"),
        ("class A: ...\nclass B: ...\nclass C: ...\nclass D: ...", [], ": A, B, C …, 4 lines"),
        ("def f(): ...\nf()", PICTURE, " of the figure, 2 lines"),
        (
            "toy",
            [new_output("display_data", data={"text/html": ""})],
            " of what is seen here, 1 line",
        ),
    ],
)
def test_a_fold_says_what_its_code_makes(text, outputs, said):
    cell = new_code_cell(text, outputs=outputs, metadata={"tags": ["hide-input"]})
    made = chapters.as_page(chapter(cell), "07_some")["cells"][1]["metadata"]["mystnb"]
    assert made == {
        "code_prompt_show": f"Show the code{said}",
        "code_prompt_hide": f"Hide the code{said}",
    }


SEEN = [new_output("display_data", data={"text/html": "<svg></svg>"})]


def shown(*cells) -> list[dict]:
    """What follows the title of a page of these cells."""
    return chapters.as_page(chapter(*cells), "07_some")["cells"][1:]


def test_what_is_first_seen_stands_above_all_code():
    first = new_code_cell("draw(x)", outputs=SEEN, metadata={"tags": ["hide-input"]})
    (made,) = shown(new_code_cell("import torch"), new_code_cell("x = 3"), first)
    assert made["source"] == "import torch\n\nx = 3\n\ndraw(x)"
    assert made["outputs"]
    assert made["metadata"]["mystnb"]["code_prompt_show"] == "Show the code up to here, 5 lines"


def test_long_code_below_what_is_first_seen_is_cut_into_folds_with_names():
    pairs = (30, ""), (80, "def f(): ...\n"), (70, "class A: ...\n"), (60, "")
    before = [new_code_cell(d + "x = 3\n" * (n - bool(d))) for n, d in pairs]
    first = new_code_cell("draw(x)", outputs=SEEN, metadata={"tags": ["hide-input"]})
    made = shown(*before, first)
    assert [bool(cell["outputs"]) for cell in made] == [True, False]
    assert [cell["metadata"]["tags"] for cell in made] == [["hide-input"]] * 2
    assert [cell["metadata"]["mystnb"]["code_prompt_show"] for cell in made] == [
        "Show the code up to here, 1 of 2: f, 111 lines",
        "Show the code up to here, 2 of 2: A, 133 lines",
    ]
    code = "\n\n".join(cell["source"] for cell in made).split("\n\n")
    assert code == [cell["source"].strip() for cell in (*before, first)]


def test_open_code_stays_with_what_it_shows_and_what_leads_to_it_comes_after():
    made = shown(new_code_cell("import torch"), new_code_cell("draw()", outputs=SEEN))
    assert [cell["source"] for cell in made] == ["draw()", "import torch"]


def test_a_page_that_shows_nothing_keeps_its_order():
    made = shown(new_code_cell("import torch"), new_code_cell("x = 3"))
    assert [cell["source"] for cell in made] == ["import torch", "x = 3"]


def test_what_is_tagged_deep_begins_with_a_heading():
    with pytest.raises(ValueError, match="07_some: a cell tagged deep must begin with a heading"):
        chapters.as_page(chapter(deep("Text.\n\n## More")), "07_some")


def test_minutes_are_those_of_words_code_and_pictures():
    words = "word " * 230
    core = [new_markdown_cell(words * 10), new_code_cell("x\n" * 100), *[
        new_code_cell("plot()", outputs=PICTURE) for _ in range(20)]]  # fmt: skip
    # 10 minutes of words, 5 of code, 20 pictures of 15 s with a line of 3 s
    assert chapters.minutes(core) == (20, 20)
    solution = new_code_cell("x\n" * 1000, metadata={"tags": ["hide-cell"]})
    assert chapters.minutes([*core, solution]) == (20, 20)
    more = [deep("## More"), new_markdown_cell("### Still more\n" + words * 10)]
    assert chapters.minutes([*core, *more]) == (20, 30)
    again = new_markdown_cell("The end of it.\n\n## On the road again\n" + words * 10)
    assert chapters.minutes([*core, *more, again]) == (30, 40)
    comment = new_markdown_cell("```python\n## no heading\n```\n" + words * 10)
    assert chapters.minutes([*core, *more, comment]) == (20, 40)


@pytest.mark.parametrize(
    ("text", "chapter", "needed"),
    [
        ("from transformer_lib.layers.masks import causal_mask", 1, []),
        ("from transformer_lib.layers.masks import causal_mask", 3, [1]),
        ("def f():\n    from transformer_lib.layers import multi_head, positions", 4, [2, 3]),
        ("import torch\nfrom transformer_lib.show import plots", 4, []),
    ],
)
def test_a_chapter_needs_those_whose_symbols_it_imports(text, chapter, needed):
    assert chapters.needs([new_code_cell(text)], chapter) == needed


def test_the_line_names_needed_chapters_by_links():
    cells = chapter(new_code_cell("from transformer_lib.layers import attention"))["cells"]
    assert chapters.facts(cells, "02_multi_head").endswith("needs [1](01_attention.ipynb)")


def test_what_follows_a_deep_heading_is_folded_and_the_heading_stays():
    drawing = nodes.container("", nodes.raw("", "<svg><text>no words of prose</text></svg>"))
    section = nodes.section("", nodes.title(text="More"), nodes.paragraph(text="two words"),
                            drawing, classes=["deep"])  # fmt: skip
    document = SimpleNamespace(findall=section.findall)
    chapters.fold_sections(None, document, "")
    title, start, text, _, end = section.children
    assert (title.astext(), text.astext()) == ("More", "two words")
    assert start.astext() == '<details class="deep"><summary>Deeper, 2 words</summary>'
    assert end.astext() == "</details>"


def test_drawings_lead_to_pages():
    context = {"body": '<a xlink:href="02_multi_head.ipynb"><rect/></a> <a href="x.ipynb">x</a>'}
    chapters.lead_drawings_to_pages(None, "", "", context, None)
    assert context["body"] == '<a href="02_multi_head.html"><rect/></a> <a href="x.ipynb">x</a>'


def test_every_box_of_figure_1_leads_to_the_chapter_that_derives_it():
    model = Transformer(TransformerConfig(9, 9, d_model=16, num_heads=2, d_ff=32))
    svg = whole.transformer(model, torch.tensor([[3, 4]]), torch.tensor([[1, 5, 6]])).svg()
    targets = re.findall(r'xlink:href="([^"]+)"', svg)
    assert {"02_multi_head.ipynb", "03_positions.ipynb", "04_blocks.ipynb"} <= {*targets}
    assert all((ROOT / "notebooks" / target).exists() for target in targets)
    for module in model.modules():
        kind = type(module)
        if kind.__name__ in whole.CHAPTERS and kind.__module__.startswith("transformer_lib."):
            chapter = int(whole.CHAPTERS[kind.__name__][:2])
            name = kind.__module__.removeprefix("transformer_lib.")
            assert is_within(name, DERIVED[chapter]), name


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_deep_section_is_folded_in_jupyterlab_too_and_has_cells_of_its_own(path):
    cells = nbformat.read(path, as_version=4).cells
    opened = in_the_open(cells)
    for cell in cells:
        if "deep" in cell.metadata.get("tags", []):
            assert cell.source.startswith(("## ", "### "))
            assert cell.metadata["jp-MarkdownHeadingCollapsed"] is True
        elif cell.cell_type == "markdown" and cell not in opened:
            assert not re.search(r"(?m)^#{1,2} ", cell.source), "begin this section with a cell"


def test_times_are_those_of_notebooks_that_are_there():
    times = json.loads(chapters.TIMES.read_text())
    assert set(times) <= {path.stem for path in NOTEBOOKS}
    assert all(isinstance(seconds, int) and seconds > 0 for seconds in times.values())


@pytest.mark.parametrize(
    ("chapter", "lit"),
    [
        (1, "MultiHeadAttention"),
        (2, "MultiHeadAttention"),
        (4, "FeedForward"),
        (5, None),
        (7, None),
    ],
)
def test_the_small_drawing_lights_what_the_chapter_builds(chapter, lit):
    drawn = here.miniature(chapter)
    assert (" lit" in drawn) == ("07_transformer.html" in drawn) == bool(lit)
    boxes = drawn.count('class="weights')
    assert drawn.count(" lit") < boxes or not lit


def test_the_small_drawing_stands_beside_the_line_under_the_title():
    context = {"body": '<h1>A</h1><p class="facts">5 min</p><p class="facts">more</p>'}
    here.show_the_way(None, "notebooks/02_multi_head", "", context, None)
    assert re.fullmatch(
        r'<h1>A</h1><a class="here".*</a><p class="facts">5 min</p><p.*', context["body"], re.DOTALL
    )
    other = {"body": '<p class="facts">'}
    here.show_the_way(None, "book/index", "", other, None)
    assert other["body"] == '<p class="facts">'


def test_the_contents_of_a_page_mark_its_deep_sections():
    deep, core = nodes.section(ids=["b.c"], classes=["deep"]), nodes.section(ids=["bxc"])
    entry = '<li><a class="reference internal" href="#{}">x</a></li>'
    context = {"toc": entry.format("bxc") + entry.format("b.c")}
    chapters.mark_contents(None, "page", "", context, nodes.section("", core, deep))
    marked = entry.format("b.c").replace("<li>", '<li class="deep">')
    assert context["toc"] == entry.format("bxc") + marked
