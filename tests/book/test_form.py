"""The form of a chapter: something to see and to move at once, short in the open, short cells."""

import ast
import json
import statistics
import sys

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "book/_ext"))
import chapters
from sections import FOLDED, in_the_open

# Those that have it. A chapter that is brought into the form joins, and none leaves.
IN_FORM = [
    "01_attention",
    "02_multi_head",
    "03_positions",
    "04_blocks",
    "05_encoder",
    "06_decoder",
    "07_transformer",
    "08_decoding",
    "09_recurrent",
    "10_gpt",
    "11_bert",
    "12_sentiment",
    "13_translation",
    "14_vit",
    "15_detection",
    "16_segmentation",
    "17_clip",
    "18_decision_transformer",
    "19_long_range",
    "20_recurrence",
    "21_relative_positions",
    "22_transformer_xl",
    "23_memory",
    "24_training_problems",
    "25_scaling",
    "26_which_attention",
    "27_pretrained",
    "28_own_data",
]

SCREENS, FIRST = 16, 2  # of a page that is folded, and until the first drawing and the first toy
OPEN_CELLS, LINES = 40, 5  # code cells in the open, and the median of their lines

every_chapter = pytest.mark.parametrize("name", IN_FORM)

# At how many screens from the top the first of each stands, and how long the page is.
MEASURE = """() => {
  const article = document.querySelector("article.bd-article");
  const first = (what) => Math.min(...[...article.querySelectorAll(what)]
    .map((node) => node.getBoundingClientRect())
    .filter((box) => box.width > 60)
    .map((box) => (box.top + scrollY) / innerHeight));
  return {
    drawing: first(".cell_output svg:not(.plot)"),
    toy: first("[data-play], .cell_output .widget-subarea"),
    fold: first("details > summary"),
    screens: document.documentElement.scrollHeight / innerHeight,
  };
}"""


def cells_of(name: str) -> list[dict]:
    """The cells of a chapter, as they are in its file."""
    return json.loads((ROOT / f"notebooks/{name}.ipynb").read_text(encoding="utf-8"))["cells"]


def is_seen(cell: dict) -> bool:
    """Whether a code cell's source is open on the page."""
    tagged = FOLDED & {*cell["metadata"].get("tags", [])}
    return not tagged and not chapters.folded("".join(cell["source"]), cell["outputs"])


@every_chapter
def test_a_drawing_and_a_toy_come_at_once_and_the_page_is_short(open_page, name):
    tab = open_page(f"notebooks/{name}.html")
    tab.set_viewport_size({"width": 1280, "height": 800})
    tab.wait_for_timeout(300)
    found = tab.evaluate(MEASURE)
    tab.close()
    assert found["drawing"] <= FIRST, found
    assert found["toy"] <= FIRST, found
    assert min(found["drawing"], found["toy"]) <= found["fold"], found  # before any line of code
    assert found["screens"] <= SCREENS, found


# By how much the lines of the title reach into the small drawing of the model beside it.
UNDER = """() => {
  const beside = document.querySelector("article.bd-article a.here")?.getBoundingClientRect();
  if (!beside) return 0;
  const title = document.createRange();
  title.selectNodeContents(document.querySelector("article.bd-article h1").firstChild);
  const lines = [...title.getClientRects()].filter((line) => line.bottom > beside.top);
  return Math.max(0, ...lines.map((line) => line.right - beside.left));
}"""


@every_chapter
def test_the_title_does_not_run_under_the_small_drawing(open_page, name):
    tab = open_page(f"notebooks/{name}.html")
    for width in (1024, 1280, 1440):
        tab.set_viewport_size({"width": width, "height": 800})
        assert tab.evaluate(UNDER) == 0, width
    tab.close()


@every_chapter
def test_few_cells_of_code_stand_in_the_open_and_they_are_short(name):
    code = [cell for cell in cells_of(name) if cell["cell_type"] == "code"]
    opened = [c for c in in_the_open(cells_of(name)) if c["cell_type"] == "code" and is_seen(c)]
    assert len(opened) <= OPEN_CELLS
    assert statistics.median(len("".join(cell["source"]).splitlines()) for cell in code) <= LINES


@every_chapter
def test_the_title_is_followed_by_the_thing_itself(name):
    title, *rest = cells_of(name)
    assert len("".join(title["source"]).strip().split("\n\n")) == 2  # the title, and one sentence
    first = next(cell for cell in rest if cell.get("outputs"))
    assert any("text/html" in o.get("data", {}) or "widget" in str(o) for o in first["outputs"])


@every_chapter
def test_every_exercise_with_a_function_has_its_check_and_a_folded_solution(name):
    cells = cells_of(name)
    number = int(name[:2])
    source = (ROOT / f"transformer_lib/exercises/chapter_{number:02}.py").read_text("utf-8")
    table = next(
        node.value
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "EXERCISES"
    )
    for key in table.keys:
        asked = [c for c in cells if f"check({key.value}, " in "".join(c["source"])]
        assert ["hide-cell" in c["metadata"].get("tags", []) for c in asked] == [False, True]
        said = [
            "".join(o.get("text", "") or str(o.get("data"))) for c in asked for o in c["outputs"]
        ]
        assert "Not yet" in said[0], f"exercise {key.value} begins with a right answer"
        assert "Right, on" in "".join(said[1:])
