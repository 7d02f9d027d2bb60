"""What no page of the book uses goes out of the theme's style sheet and out of its font of icons.

The style sheet is Bootstrap's with the theme's: 400 kB, of which the pages use a quarter. A rule
stays if each class that it names may occur: in a page, or as a word in a script. The font keeps the
icons that the rules left over name: two dozen of 1,400.
"""

import re
from pathlib import Path

import tinycss2
from fontTools import subset
from sphinx.util import logging

logger = logging.getLogger(__name__)

SHEET = "_static/styles/pydata-sphinx-theme.css"
SCRIPT = "_static/scripts/pydata-sphinx-theme.js"
FONTS = "_static/vendor/fontawesome/webfonts"
GROUPS = {"media", "supports", "layer", "container"}  # at-rules that hold rules
CLASS = re.compile(r"\.((?:\\.|[-\w])+)")
WORD = re.compile(r"[-\w]+")

# It asks each box for its size and writes to it, by turns, and the browser lays out the page each
# time, and each fold for what is hidden in it: first all questions, to what is seen, then what has
# changed.
BY_TURNS = re.compile(
    r"document\.querySelectorAll\((\[[^\]]*\]\.join\(\", \"\))\)"
    r"\.forEach\((\w)=>\{\2\.tabIndex=([^{}]*?)\?0:-1\}\)"
)
IN_TWO_STEPS = (
    r"[...document.querySelectorAll(\1)].filter(\2=>\2.checkVisibility())"
    r".map(\2=>[\2,\3?0:-1])"
    r".forEach(([\2,to])=>{\2.tabIndex!==to&&(\2.tabIndex=to)})"
)


def words(folder: Path) -> set[str]:
    """The classes of all pages, and every word of the scripts."""
    found = set()
    for page in folder.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        for value in re.findall(r"""\bclass=\\?["']([^"'>]*)|\bclass=([\w-]+)""", text):
            found.update(" ".join(value).replace("\\", " ").split())
        for script in re.findall(r"<script(?![^>]*json)[^>]*>(.*?)</script>", text, re.DOTALL):
            found.update(WORD.findall(script))
    for script in folder.rglob("*.js"):
        if script.parent.name != "weights" and script.name != "fontawesome.js":
            found.update(WORD.findall(script.read_text(encoding="utf-8")))
    return found


def trimmed(rules: list, used: set[str]) -> str:
    """The style sheet without what names a class that does not occur."""
    kept = []
    for rule in rules:
        if rule.type == "qualified-rule":
            names = tinycss2.serialize(rule.prelude)
            some = [part for part in parts(names) if _may_occur(part, used)]
            if some:
                kept.append(f"{','.join(some)}{{{tinycss2.serialize(rule.content)}}}")
        elif rule.type == "at-rule" and rule.lower_at_keyword in GROUPS and rule.content:
            inner = trimmed(tinycss2.parse_rule_list(rule.content, True, True), used)
            if inner:
                head = tinycss2.serialize(rule.prelude)
                kept.append(f"@{rule.at_keyword}{head}{{{inner}}}")
        elif rule.type == "at-rule":
            kept.append(rule.serialize())
    return "".join(kept)


def parts(selectors: str) -> list[str]:
    """A list of selectors, cut at the commas that stand in no bracket."""
    found, depth, start = [], 0, 0
    for i, letter in enumerate(selectors):
        depth += (letter in "([") - (letter in ")]")
        if letter == "," and not depth:
            found.append(selectors[start:i])
            start = i + 1
    return [*found, selectors[start:]]


def _may_occur(selector: str, used: set[str]) -> bool:
    """Whether each class outside of brackets is used: within `:not()` one need not be."""
    outside = re.sub(r"\([^()]*(?:\([^()]*\)[^()]*)*\)", "", selector)
    return all(name.replace("\\", "") in used for name in CLASS.findall(outside))


def icons(sheet: str) -> set[int]:
    """The letters that rules put before and after elements."""
    told = re.findall(r'(?:content|--fa|--pst-icon-[-\w]+):\s*"([^"]*)"', sheet)
    found = set()
    for text in told:
        text = re.sub(r"\\([0-9a-fA-F]{1,6})\s?", lambda m: chr(int(m[1], 16)), text)
        found |= {ord(letter) for letter in text}
    return found


def trim(app, exception):
    """Write the style sheet and its font anew, when all pages stand."""
    if exception or app.builder.format != "html":
        return
    folder = Path(app.outdir)
    path, fonts = folder / SHEET, folder / FONTS
    sheet = trimmed(
        tinycss2.parse_stylesheet(path.read_text(encoding="utf-8"), True, True), words(folder)
    )
    sheet = re.sub(
        r"url\(([^)]*/fa-\w+-\d+)\.woff2\)\s*format\(.woff2.\),\s*url\([^)]*\.ttf\)\s*format\(.\w+.\)",
        r'url(\1.woff) format("woff")',
        sheet,
    )
    options = subset.Options(flavor="woff", hinting=False, layout_features=[])
    for source in fonts.glob("*.ttf"):
        font = subset.load_font(source, options)
        subsetter = subset.Subsetter(options)
        subsetter.populate(unicodes=icons(sheet))
        subsetter.subset(font)
        subset.save_font(font, source.with_suffix(".woff"), options)
        source.unlink()
        source.with_suffix(".woff2").unlink(missing_ok=True)
    path.write_text(sheet, encoding="utf-8", newline="\n")


def ask_in_two_steps(app, exception):
    """Let the theme's script ask all boxes for their sizes before it writes to one."""
    if exception or app.builder.format != "html":
        return
    script = Path(app.outdir, SCRIPT)
    mended, count = BY_TURNS.subn(IN_TWO_STEPS, script.read_text(encoding="utf-8"))
    if count != 1:
        logger.warning("%s asks for sizes in another way than before (trim.py)", SCRIPT)
    script.write_text(mended, encoding="utf-8", newline="\n")


def setup(app):
    """Connect it."""
    app.connect("build-finished", trim, priority=990)
    app.connect("build-finished", ask_in_two_steps, priority=990)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
