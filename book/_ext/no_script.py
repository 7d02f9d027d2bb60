"""Where no script runs, a page is light or dark all the same, as its reader has chosen.

The theme's script writes "light" or "dark" to the `data-theme` of a page. Without it "auto" stays
there, for which no sheet has a rule. One more sheet, which only a page without scripts reads
(_templates/layout.html), has the rules of both for "auto", each where the reader's system asks for
it. It is made of all sheets and of the styles that stand in the pages. Paper is light.
"""

import re
from pathlib import Path

import tinycss2
from trim import GROUPS, parts

SHEET = "_static/no_script.css"
ASKED = {
    "light": "print, (prefers-color-scheme: light)",
    "dark": "screen and (prefers-color-scheme: dark)",
}
LINKED = re.compile(r'<link\b[^>]*?\bhref="[./]*(_static/[^"?]+\.css)')
STYLE = re.compile(r"<style>([^<]*\[data-theme[^<]*)</style>")


def rules_of(theme: str, rules: list) -> str:
    """The rules that hold in a theme alone, for a page whose theme is "auto"."""
    named = re.compile(rf"\[data-theme=[\"']?{theme}[\"']?\]")
    kept = []
    for rule in rules:
        if rule.type == "qualified-rule":
            selectors = filter(named.search, parts(tinycss2.serialize(rule.prelude)))
            if names := named.sub('[data-theme="auto"]', ",".join(selectors)):
                kept.append(f"{names.strip()}{{{tinycss2.serialize(rule.content)}}}\n")
        elif rule.type == "at-rule" and rule.lower_at_keyword in GROUPS and rule.content:
            inner = rules_of(theme, tinycss2.parse_rule_list(rule.content, True, True))
            if inner:
                head = tinycss2.serialize(rule.prelude)
                kept.append(f"@{rule.at_keyword}{head}{{{inner}}}\n")
    return "".join(kept)


def sheet(texts: list[str]) -> str:
    """What style sheets say of the two themes, as one sheet without either's name."""
    rules = [rule for text in texts for rule in tinycss2.parse_stylesheet(text, True, True)]
    return "".join(f"@media {asked} {{\n{rules_of(t, rules)}}}\n" for t, asked in ASKED.items())


def write_sheet(app, exception):
    """Read the pages, when all stand, and the sheets that they name, in their order."""
    if exception or app.builder.format != "html":
        return
    folder, linked, styles = Path(app.outdir), {}, {}  # dicts: each once, in order
    for page in sorted(folder.rglob("*.html")):
        text = page.read_text(encoding="utf-8")
        linked |= dict.fromkeys(LINKED.findall(text))
        styles |= dict.fromkeys(STYLE.findall(text))
    linked.pop(SHEET, None)
    texts = [(folder / name).read_text(encoding="utf-8") for name in linked]
    (folder / SHEET).write_text(sheet([*texts, *styles]), encoding="utf-8", newline="\n")


def setup(app):
    """Connect it: when the theme's sheet is trimmed."""
    app.connect("build-finished", write_sheet, priority=995)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
