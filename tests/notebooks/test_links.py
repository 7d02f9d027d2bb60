"""Links between the files of the repository lead somewhere."""

import re
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "book").glob("*.md"))]
PAGES += sorted((ROOT / "notebooks").glob("*.ipynb"))

LINK = re.compile(r"!?\[[^\]]*\]\(<?([^)\s>]+)|(?:src|href)=\"([^\"]+)\"")
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)


def broken(text: str, folder: Path) -> list[str]:
    """The relative links of a Markdown text whose file is not there."""
    targets = (a or b for a, b in LINK.findall(CODE.sub("", text)))
    files = (t.split("#")[0] for t in targets if not re.match(r"[a-z]+:", t))
    return [f for f in files if f and not (folder / f).exists()]


def prose(path: Path) -> str:
    """The Markdown of a page or of a notebook."""
    if path.suffix != ".ipynb":
        return path.read_text(encoding="utf-8")
    cells = nbformat.read(path, as_version=4).cells
    return "\n\n".join(c.source for c in cells if c.cell_type == "markdown")


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.name)
def test_relative_links_lead_somewhere(path):
    assert not broken(prose(path), path.parent)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("[a](README.md) ![b](LICENSE) [c](README.md#part) [d](#here)", []),
        ("[a](not-there.md#part)", ["not-there.md"]),
        ('<img src="not-there.png" alt="">', ["not-there.png"]),
        ("[a](https://example.org/x) `[b](not-there.md)`", []),
    ],
)
def test_the_check_can_fail(text, wrong):
    assert broken(text, ROOT) == wrong
