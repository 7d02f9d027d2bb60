"""A plot as SVG that is part of a page, so that its colours follow light, dark and print.

Each colour becomes a variable of CSS, with itself as what stands where nobody sets it: `#0072b2` is
`var(--c-0072b2, #0072b2)`. The book sets them for dark pages.
"""

import html
import io
import re

import matplotlib as mpl
from matplotlib.figure import Figure

from transformer_lib import checks

STYLE = {
    "svg.fonttype": "none",  # letters, not their outlines
    "svg.hashsalt": "transformer_lib",  # the same names of parts in every run
}
METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))  # none: no run differs by its date

_FOR_ALL = re.compile(r"<(style|metadata)\b.*?</\1>", re.DOTALL)  # it would reach the whole page
_COLOR = re.compile(r"(?<=: )#([0-9a-f]{6})(?=[;\"])")
_FONTS = re.compile(r"'DejaVu Sans( Mono)?'[^;\"]*")  # and all that matplotlib would try
_LIKE_THEM = {
    None: "DejaVu Sans, Verdana, sans-serif",
    " Mono": "DejaVu Sans Mono, Menlo, monospace",
}
_NAMES = re.compile(r'(?<=<g) id="[^"]*"')  # "axes_1" in every plot, and nothing refers to it
_PATH = re.compile(r'(?<= d=")[^"]*')
_BLANKS = re.compile(r"(<text\b[^>]*>)( +)")  # in front: they keep a label off its mark
_SIZE = re.compile(r"font(?:-size)?: ([\d.]+)px")
_LEAST = 9  # pixels of a letter, where the page is narrower than the plot and it scrolls
_OPENING = re.compile(r'<svg ([^>]*)width="([\d.]+)pt" height="([\d.]+)pt"([^>]*)>')


def part_of_page(svg: str, alt: str) -> str:
    """A plot as matplotlib writes it, as a part of a page, of class "plot".

    Args:
        svg: the whole file.
        alt: what it shows, in words.

    Raises:
        ValueError: if `svg` is no SVG, or `alt` no text.
    """
    checks.string(svg=svg, alt=alt)
    if "<svg" not in svg:
        raise ValueError(f"svg must have a tag <svg>, got {svg[:60]!r}")
    svg = _FOR_ALL.sub("", svg[svg.index("<svg") :])
    svg = _COLOR.sub(r"var(--c-\1, #\1)", svg)
    svg = _PATH.sub(lambda path: re.sub(r"(\.\d\d)\d+", r"\1", path[0]), _NAMES.sub("", svg))
    svg = _BLANKS.sub(lambda found: found[1] + "\N{NO-BREAK SPACE}" * len(found[2]), svg)
    svg = _FONTS.sub(lambda font: _LIKE_THEM[font[1]], svg)
    smallest = min(map(float, _SIZE.findall(svg)), default=_LEAST)
    return _OPENING.sub(lambda found: _opening(found, alt, smallest), svg, count=1)


def drawn(figure: Figure, alt: str) -> str:
    """A figure as a part of a page.

    Raises:
        ValueError: if `figure` is no Figure, or `alt` no text.
    """
    checks.a(Figure, figure=figure)
    file = io.StringIO()
    with mpl.rc_context(STYLE):
        figure.savefig(file, format="svg", transparent=True, metadata=METADATA)
    return part_of_page(file.getvalue(), alt)


def _opening(found: re.Match, alt: str, smallest: float) -> str:
    """The tag with its size in the page's pixels, of which 96 are an inch and 72 points."""
    before, width, height, after = found.groups()
    legible = round(float(width) * _LEAST / smallest)
    width, height = (round(float(length) * 96 / 72) for length in (width, height))
    sizes = f"--width: {width}px; --legible: {min(legible, width)}px"
    said = f'class="plot" role="img" aria-label="{html.escape(alt)}" style="{sizes}"'
    return f'<svg {said} {before}width="{width}" height="{height}"{after}>'
