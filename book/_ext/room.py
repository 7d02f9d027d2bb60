"""Room for formulas: each has about its width before it is typeset, so that no text moves then.

The browser typesets them, a moment after the page is there. Until then custom.css shows none.
"""

import html
import re

INLINE = re.compile(r'(<span class="math notranslate nohighlight")>(\\\(.*?\\\)</span>)', re.DOTALL)
UNSEEN = re.compile(
    r"\\(?:class|color)\{[^}]*\}|\\(?:left|right|[bB]igg?[lr]?|math\w+|text|[,;!() ])"
)
SCRIPT = re.compile(r"[_^]\s*(\{[^{}]*\}|\\[A-Za-z]+|.)")
GLYPH = re.compile(r"\\[A-Za-z]+|[^\s{}\\^_]")
RELATION = re.compile(r"[=+<>≈≤≥→-]|\\(?:l|g)e$|\\(?:times|to|approx|in|mid|cdot)$")


def keep_room(app, pagename, templatename, context, doctree):
    """Write the width of each formula of a page beside it."""
    context["body"] = INLINE.sub(
        lambda found: f'{found[1]} style="--em:{ems(html.unescape(found[2][:-7])):.1f}">{found[2]}',
        context.get("body", ""),
    )


def ems(tex: str) -> float:
    """How wide a formula in a line will be, roughly, in widths of an m."""
    plain = UNSEEN.sub("", tex.replace(r"\_", "n"))
    small = [glyph for script in SCRIPT.findall(plain) for glyph in GLYPH.findall(script)]
    large = GLYPH.findall(SCRIPT.sub("", plain))
    return sum(map(_em, large)) + 0.75 * sum(map(_em, small))


def _em(glyph: str) -> float:
    return 1.2 if RELATION.match(glyph) else 0.85 if glyph.isupper() else 0.52


def setup(app):
    """Connect it."""
    app.connect("html-page-context", keep_room, priority=990)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
