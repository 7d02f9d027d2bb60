"""Strings that want to be markup stay strings: a book of one page is built with them."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
import pytest
import torch
from conftest import ROOT, settle
from ipywidgets.embed import embed_data

from transformer_lib.models.gpt import GPT, GPTConfig
from transformer_lib.show.page_models import TextWriter
from transformer_lib.show.widgets import AttentionExplorer, slideshow

sys.path.insert(0, str(ROOT / "book/_ext"))
from house import keep_inside
from toys import unpacked

RUN = "window.ran=1;alert(1)"
HOSTILE = [
    f"--><script>{RUN}</script>",
    f"</script><img src=x onerror={RUN}>",
    f"</SCRIPT><img src=x onerror={RUN}>",
    f"</Script/><img src=x onerror={RUN}>",
    f"</script ><img src=x onerror={RUN}>",
    f"</script\n><img src=x onerror={RUN}>",
    f"</script\t bar><svg onload={RUN}>",
    f"</sCrIpT\f><iframe src=javascript:{RUN}>",
    f"<img src=x onerror={RUN}>",
    f'"><svg onload={RUN}>',
    f"' onmouseover={RUN} '",
    f"<a href=javascript:{RUN}>a</a>",
    f"]]><script>{RUN}</script>",
    f"\\u003c/script><img src=x onerror={RUN}>",
    f"&lt;/script&gt;&lt;img src=x onerror={RUN}&gt;",
    r"$\href{javascript:alert(1)}{x}$",
    r"\(y^2\) {{7*7}} \u2028",
    "\u202etpircs/<\u2028\u2029",
    "<!-- <SCRIPT",
    "<!--<script>",
]


@pytest.fixture(scope="module")
def widgets():
    """Each kind of widget, with the strings wherever it takes one."""
    n = len(HOSTILE)
    words = " ".join(HOSTILE)
    characters = sorted(set(words))
    config = GPTConfig(
        len(characters), max_len=2 * len(words), d_model=8, num_heads=2, num_layers=1
    )
    figures = [plt.figure(figsize=(1, 1)) for _ in HOSTILE]
    return [
        AttentionExplorer(torch.eye(n), HOSTILE, HOSTILE, caption=words),
        slideshow(figures, HOSTILE, label=words, alt=HOSTILE, control="dropdown"),
        TextWriter(
            {**vars(config)}, GPT(config).state_dict(), characters, prompt=words, caption=words
        ),
    ]


@pytest.fixture(scope="module")
def page(widgets, tmp_path_factory):
    """The address of the page, built as the book is from an executed notebook."""
    told = embed_data(views=widgets, drop_defaults=False)
    output = nbformat.v4.new_output
    outputs = [
        output("display_data", {"application/vnd.jupyter.widget-view+json": view})
        for view in told["view_specs"]
    ]
    nb = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_markdown_cell("# Strings"),
            nbformat.v4.new_code_cell("show()", execution_count=1, outputs=outputs),
        ],
        metadata={"widgets": {"application/vnd.jupyter.widget-state+json": told["manager_state"]}},
    )
    folder = tmp_path_factory.mktemp("hostile")
    ignored = shutil.ignore_patterns("_build", "__pycache__")
    shutil.copytree(ROOT / "book", folder / "book", ignore=ignored)
    nbformat.write(nb, folder / "page.ipynb")
    (folder / "toc.yml").write_text("format: jb-book\nroot: page\n", encoding="utf-8")
    command = "jupyter-book build . --config book/_config.yml --toc toc.yml --path-output ."
    tool, *arguments = command.split()
    done = subprocess.run(
        [shutil.which(tool, path=Path(sys.executable).parent), *arguments],
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "_build/html/page.html"


def test_hostile_strings_are_shown_and_do_nothing(browser, page):
    tab = browser.new_page()
    errors, dialogs = [], []
    tab.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    tab.goto(page.as_uri())
    settle(tab)
    explorer = tab.locator(".tlx")
    for token in explorer.locator("[role=radio]").all():
        token.click()
    assert explorer.locator(".tlx-tokens").first.locator(".tlx-text").all_text_contents() == HOSTILE
    assert explorer.locator("[role=radio]").evaluate_all("a => a.map(t => t.ariaLabel)") == HOSTILE
    words = " ".join(HOSTILE)
    assert words in explorer.text_content()
    chooser = tab.locator("select")
    for i, option in enumerate(tab.locator("select option").all()):
        assert option.text_content().split() == HOSTILE[i].split()
        chooser.select_option(index=i)
        tab.wait_for_function(
            "alt => document.querySelector('.tls .plot').ariaLabel === alt", arg=HOSTILE[i]
        )
    assert tab.locator(".widget-subarea").count() == 3
    assert words in tab.locator(".widget-subarea").nth(2).text_content()  # the caption
    assert (dialogs, errors) == ([], [])
    assert tab.evaluate("window.ran") is None
    assert (
        tab.locator("[onerror], [onload], [onmouseover], iframe, a[href^=javascript]").count() == 0
    )
    tab.close()


def test_the_state_holds_no_markup_and_every_string(page):
    text = page.read_text(encoding="utf-8")
    states = re.findall(r'<script>tlToy\("(.*?)"', text)
    assert len(states) == 3
    said = b"".join(map(unpacked, states)).decode()
    for string in HOSTILE:
        assert json.dumps(string, ensure_ascii=False)[1:-1] in said


@pytest.mark.parametrize("string", HOSTILE)
def test_json_means_the_same_afterwards(string):
    kept = keep_inside(json.dumps([string]))
    assert "<" not in kept
    assert json.loads(kept) == [string]


def test_a_program_still_compares():
    assert keep_inside("if (a < b) say('a</SCRIPT >')") == r"if (a < b) say('a\u003c/SCRIPT >')"
    assert keep_inside("say('<!--<Script>')") == r"say('\u003c!--\u003cScript>')"
