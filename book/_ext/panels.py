"""A plot of several panels, cut between them: on a phone they stand one below the other.

What is drawn is in the page once. Each piece is a window onto it (`viewBox`), and where there is
room the windows stand side by side, as matplotlib drew them.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from xml.etree import ElementTree

from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath

WIDEST = 268  # points: what a phone shows without scrolling, at nearly full size
NARROWEST = 80  # less is no panel: a colour bar, the name of an axis
NAME, HREF = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}href"
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")
SIZE = re.compile(r"font(?:-size)?: ([\d.]+)px")
_MOVED = re.compile(r"translate\(([-\d.]+)[^)]*\)(?: rotate\((-?90))?")


@dataclass
class Range:
    """From where to where something reaches, in points from the left."""

    start: float
    end: float

    def __or__(self, other: "Range") -> "Range":
        return Range(min(self.start, other.start), max(self.end, other.end))

    @property
    def size(self) -> float:
        """How wide it is."""
        return self.end - self.start

    def within(self, other: "Range") -> "Range":
        """The part of it that is not clipped."""
        return Range(max(self.start, other.start), min(self.end, other.end))


@dataclass
class Panel:
    """One piece, and the names of its rows where they stand at another panel only."""

    reach: Range
    names: Range | None = None
    below: float = 0.0  # points that lie below the names' axes, where columns have theirs


def in_panels(part: str, svg: str) -> str:
    """A plot as a part of a page, in pieces, if it has more than one.

    Args:
        part: the plot as the page takes it.
        svg: the same as matplotlib wrote it.
    """
    tree = ElementTree.fromstring(svg)
    width, height = (float(x) for x in tree.get("viewBox").split()[2:])
    panels = _panels(tree, width, height)
    if len(panels) == 1:
        return part
    opening, body = re.match(r"(<svg [^>]*>)(.*)</svg>", part, re.DOTALL).groups()
    name = f"plot-{hashlib.sha256(part.encode()).hexdigest()[:12]}"
    said = re.search(r'aria-label="[^"]*"', opening)[0]
    style = re.search(r"--width: \d+px", opening)[0]
    body = body.replace("<image ", '<image class="in-plot" ')  # no rule reaches a copy from above
    drawn, pieces = f'<g id="{name}">{body}</g>', []
    smallest = min(map(float, SIZE.findall(svg)), default=9)
    for panel in panels:
        seen, windows = 0.0, []
        for reach in filter(None, (panel.names, panel.reach)):
            kind, grows = "", f"flex-grow: {reach.size:.2f}"
            if reach is panel.names:
                kind = ' class="again"'
                grows += f"; clip-path: inset(0 0 {100 * panel.below / height:.1f}% 0)"
            box = f"{reach.start:.2f} 0 {reach.size:.2f} {height}"
            windows.append(f'<svg{kind} viewBox="{box}" style="{grows}">{drawn}</svg>')
            drawn, seen = f'<use href="#{name}"/>', seen + reach.size
        own, least = (round(seen * scale) for scale in (96 / 72, 9 / smallest))
        share = panel.reach.size / width
        sizes = f"--share: {100 * share:.2f}%; --own: {own}px; --least: {least}px"
        pieces.append(f'<span style="{sizes}">{"".join(windows)}</span>')
    return f'<div class="plot panels" role="img" {said} style="{style}">{"".join(pieces)}</div>'


def _panels(tree: ElementTree.Element, width: float, height: float) -> list[Panel]:
    """The pieces from left to right; one, if anything reaches across."""
    clips, figure = clips_of(tree), figure_of(tree)
    parts = [g for g in figure if g.get("id") != "patch_1"]
    reaches = [reach for g in parts if (reach := reach_of(g, clips))]
    columns: list[Range] = []
    for reach in sorted(reaches, key=lambda reach: reach.start):
        if columns and reach.start < columns[-1].end + 1:
            columns[-1] |= reach
        else:
            columns.append(reach)
    packed: list[Range] = []
    for column in columns:
        if packed and column.end - packed[-1].start <= WIDEST:
            packed[-1] |= column
        else:
            packed.append(column)
    while len(packed) > 1 and (small := min(packed, key=lambda p: p.size)).size < NARROWEST:
        at = max(1, packed.index(small))
        packed[at - 1 : at + 1] = [packed[at - 1] | packed[at]]
    if not packed:
        return [Panel(Range(0, width))]
    cuts = [0.0, *((a.end + b.start) / 2 for a, b in pairwise(packed)), width]
    panels = [Panel(Range(a, b)) for a, b in pairwise(cuts)]
    names = None
    floor = max((_floor(g) for g in parts if patch_of(g)), default=height)
    for panel in panels:
        first = next((g for g in parts if patch_of(g) and _inside(patch_of(g), panel.reach)), None)
        if first is None:
            continue
        rows = [g for g in first if g.get("id", "").startswith("matplotlib.axis")][1:]
        left = [
            r for text in _texts(first) if (r := reach_of(text, clips)).end <= patch_of(first).start
        ]
        if left:
            names = Range(max(0, min(r.start for r in left) - 2), patch_of(first).start)
        elif names and any(mark.tag == f"{NAME}use" for g in rows for mark in g.iter()):
            panel.names, panel.below = names, max(0.0, height - floor - 5)
    return panels


def figure_of(tree: ElementTree.Element) -> ElementTree.Element:
    """All that is drawn."""
    return tree.find(f".//{NAME}g[@id='figure_1']")


def clips_of(tree: ElementTree.Element) -> dict[str, Range]:
    """What is cut off outside of these, by name."""
    return {
        clip.get("id"): Range(float(r.get("x")), float(r.get("x")) + float(r.get("width")))
        for clip in tree.iter(f"{NAME}clipPath")
        for r in clip.iter(f"{NAME}rect")
    }


def _inside(one: Range, other: Range) -> bool:
    return other.start <= one.start and one.end <= other.end


def patch_of(axes: ElementTree.Element) -> Range | None:
    """From where to where the axes reach, without names and numbers; None for what are none."""
    found = axes.find(f"{NAME}g/{NAME}path") if axes.get("id").startswith("axes") else None
    return None if found is None else _of_path(found.get("d"))


def _floor(axes: ElementTree.Element) -> float:
    """Where the axes end below, in points from above."""
    return max(float(y) for y in _NUMBER.findall(axes.find(f"{NAME}g/{NAME}path").get("d"))[1::2])


def _texts(element: ElementTree.Element) -> Iterator[ElementTree.Element]:
    return element.iter(f"{NAME}text")


def _of_path(d: str) -> Range | None:
    """Where the points of a path lie, those that steer its curves among them."""
    xs = [float(x) for x in _NUMBER.findall(d)[::2]]
    return Range(min(xs), max(xs)) if xs else None


def reach_of(element: ElementTree.Element, clips: dict[str, Range]) -> Range | None:
    """How far an element and all in it reach."""
    kind = element.tag.removeprefix(NAME)
    if kind in ("defs", "style", "metadata"):
        return None
    if kind == "text":
        return _of_text(element)
    found = None
    if kind == "path":
        found = _of_path(element.get("d"))
    elif kind == "image":
        start = float(element.get("x", 0))
        found = Range(start, start + float(element.get("width")))
    elif kind == "use":
        at = float(element.get("x", 0))
        found = Range(at - 3, at + 3)
    for child in element:
        inner = reach_of(child, clips)
        found = inner if found is None else found if inner is None else found | inner
    if found and (moved := _MOVED.match(element.get("transform", ""))):  # a formula
        found = Range(
            *(float(moved[1]) + x for x in ((-10, 3) if moved[2] else (found.start, found.end)))
        )
    if found and (clip := element.get("clip-path")):
        found = found.within(clips[clip[5:-1]])
        return found if found.start <= found.end else None
    return found


def _of_text(text: ElementTree.Element) -> Range:
    """Where a line of letters lies, turned or not."""
    style, turn = text.get("style", ""), text.get("transform", "")
    size = float((SIZE.search(style) or [0, 10])[1])
    moved = _MOVED.match(turn)
    at = float(moved[1]) if moved else float(text.get("x", 0))
    letters = "".join(text.itertext())
    long = TextPath((0, 0), letters or " ", size=size, prop=FontProperties()).get_extents().width
    long = max(long, 0.0) + 1
    if re.search(r"rotate\(-?90", turn):
        return Range(at - size, at + size / 3)
    start = {"middle": at - long / 2, "end": at - long}.get(_anchor(style), at)
    return Range(start, start + long)


def _anchor(style: str) -> str:
    found = re.search(r"text-anchor: (\w+)", style)
    return found[1] if found else "start"
