"""A plot for a phone: the same plot with its axes squeezed, and letters as large as they were.

What lies between the ends of the axes moves nearer together, what lies beside them keeps its
distance; letters, marks and the legend keep their sizes. Where that would lay words over words,
or a legend over a curve, there is no such plot, and the wide one scrolls.
"""

import re
from collections.abc import Iterator
from itertools import combinations, pairwise
from xml.etree import ElementTree

from panels import HREF, NAME, SIZE, WIDEST, Range, clips_of, figure_of, patch_of, reach_of

PHONE = 254  # points that a folded section is wide on a phone
LETTER = 6.75  # points: the smallest letters that are legible, 9 pixels
AROUND = 6.0  # points, around a legend
LEAST = 0.3  # of the axes' width: with less a curve is not the same
_PAIR = re.compile(r"(-?[\d.]+(?:e-?\d+)?) (-?[\d.]+(?:e-?\d+)?)")
_AT = re.compile(r"translate\(([-\d.]+) ([-\d.]+)\)")
ElementTree.register_namespace("", NAME[1:-1])
ElementTree.register_namespace("xlink", HREF.partition("}")[0][1:])

Box = tuple[Range, Range]


def narrowed(svg: str) -> str | None:
    """The plot, as narrow as a phone, as matplotlib would write it; None where there is none.

    Args:
        svg: a plot as matplotlib wrote it.
    """
    smallest = min(map(float, SIZE.findall(svg)), default=LETTER)
    for width in (WIDEST, PHONE * smallest / LETTER):
        for above in (False, True):
            tree = _tried(ElementTree.fromstring(svg), width, legend_above=above)
            if tree is not None:
                text = ElementTree.tostring(tree, encoding="unicode")
                return re.sub(r'( id="|href="#|url\(#)(?=[a-z]+[0-9a-f]{10}[")])', r"\1n", text)
    return None


def _tried(
    tree: ElementTree.Element, to: float, *, legend_above: bool
) -> ElementTree.Element | None:
    """The same plot, `to` points wide, unless something lies where it did not."""
    width, height = (float(x) for x in tree.get("viewBox").split()[2:])
    figure, more = figure_of(tree), 0.0
    axes = [g for g in figure if patch_of(g)]
    legends = [g for g in figure.iter(f"{NAME}g") if g.get("id", "").startswith("legend_")]
    if width <= to or len(axes) != 1 or tree.find(f".//{NAME}image") is not None:
        return None
    ends = patch_of(axes[0])
    inside = ends.size
    factor = (inside - (width - to)) / inside
    if factor < LEAST or len(legends) > 1 or (legend_above and not legends):
        return None

    def x_of(x: float) -> float:
        between = min(max(x, ends.start), ends.end) - ends.start
        return x - (1 - factor) * between

    before = _seen(figure, legends, tree)
    for legend in legends:
        reach, down = _legend_box(legend, tree)
        if legend_above:
            more = down.size + 2 * AROUND
            _shift(legend, max(0, to - reach.size) / 2 - reach.start, -AROUND - down.end)
        else:
            where = (_middle(reach) - ends.start) / inside
            at = reach.start if where < 0.4 else reach.end if where > 0.6 else _middle(reach)
            _shift(legend, x_of(at) - at, 0)
    _squeeze(tree, x_of)
    tree.set("width", f"{to:.1f}pt")
    tree.set("height", f"{height + more:.1f}pt")
    tree.set("viewBox", f"0 {-more:.1f} {to:.1f} {height + more:.1f}")
    _thin_out(axes[0], tree)
    touching, hidden, far = _seen(figure, legends, tree)
    if touching > before[0] or hidden > before[1] or far > to + 2:
        return None
    return tree


def _middle(reach: Range) -> float:
    return (reach.start + reach.end) / 2


def _squeeze(element: ElementTree.Element, x_of) -> None:
    """Move all points of an element, but those of marks and legends."""
    kind = element.tag.removeprefix(NAME)
    if kind == "defs" and element.find(f"{NAME}clipPath") is None:
        return
    if kind == "g" and element.get("id", "").startswith("legend_"):
        return
    if kind == "g" and element.get("id", "").startswith("text_"):
        at = _anchor(element)
        _shift(element, x_of(at) - at)
        return
    if kind == "path":
        element.set("d", _PAIR.sub(lambda p: f"{x_of(float(p[1])):.3f} {p[2]}", element.get("d")))
    elif kind == "rect":
        start = float(element.get("x"))
        end = x_of(start + float(element.get("width")))
        element.set("x", f"{x_of(start):.3f}")
        element.set("width", f"{end - x_of(start):.3f}")
    elif kind == "use":
        element.set("x", f"{x_of(float(element.get('x'))):.3f}")
    for child in element:
        _squeeze(child, x_of)


def _shift(element: ElementTree.Element, right: float, down: float = 0.0) -> None:
    """Move an element and all in it."""
    kind, turn = element.tag.removeprefix(NAME), element.get("transform", "")
    if kind == "defs":
        return
    if kind == "path":
        element.set(
            "d",
            _PAIR.sub(lambda p: f"{float(p[1]) + right} {float(p[2]) + down}", element.get("d")),
        )
    elif kind in ("use", "text") and element.get("x"):
        element.set("x", f"{float(element.get('x')) + right:.3f}")
        element.set("y", f"{float(element.get('y')) + down:.3f}")
    if turn:

        def moved(t: re.Match) -> str:
            return f"{t[1]}{float(t[2]) + right:.3f} {float(t[3]) + down:.3f})"

        turn = re.sub(r"(rotate\([-\d.]+ |translate\()([-\d.]+) ([-\d.]+)\)", moved, turn)
        element.set("transform", turn)
    if not (kind == "g" and _AT.match(turn)):  # a formula: what is in it counts from there
        for child in element:
            _shift(child, right, down)


def _anchor(words: ElementTree.Element) -> float:
    """The point that a group of words was set at: its middle, if it has several lines."""
    first, *more = words.iter(f"{NAME}text")
    if not more and "text-anchor" in first.get("style", ""):
        return float(first.get("x"))
    return _middle(reach_of(words, {}))


def _thin_out(axes: ElementTree.Element, tree: ElementTree.Element) -> None:
    """Take every second number away below, as long as two of them touch."""
    clips = clips_of(tree)
    below = next(g for g in axes if g.get("id", "").startswith("matplotlib.axis"))
    ticks = [tick for tick in below if tick.get("id", "").startswith("xtick")]
    named = [(tick, name) for tick in ticks for name in tick if _has_text(name)]
    while len(named) > 2:
        reaches = sorted((reach_of(name, clips) for _, name in named), key=lambda r: r.start)
        numbers = all(re.fullmatch(r"[-\N{MINUS SIGN}\d.,]+", _words_of(name)) for _, name in named)
        if not numbers or all(b.start - a.end >= 3 for a, b in pairwise(reaches)):
            return
        for tick, name in named[1::2]:
            tick.remove(name)
        named = named[::2]


def _has_text(element: ElementTree.Element) -> bool:
    return next(element.iter(f"{NAME}text"), None) is not None


def _words_of(element: ElementTree.Element) -> str:
    return "".join(element.itertext()).strip()


def _seen(
    figure: ElementTree.Element, legends: list[ElementTree.Element], tree: ElementTree.Element
) -> tuple[int, int, float]:
    """How often words touch words, how much of the curves legends hide, how far words reach."""
    words = [box for text, box in _words(figure, tree) if text.strip()]
    touching = sum(_touch(a, b) for a, b in combinations(words, 2))
    boxes = [_legend_box(legend, tree) for legend in legends]
    hidden = sum(_in(point, box) for box in boxes for point in _points(figure))
    return touching, hidden, max((across.end for across, _ in words), default=0.0)


def _words(figure: ElementTree.Element, tree: ElementTree.Element) -> Iterator[tuple[str, Box]]:
    """Each line of letters that is not turned, and where it lies."""
    clips = clips_of(tree)
    for parent in figure.iter(f"{NAME}g"):
        for text in parent.findall(f"{NAME}text"):
            place = parent if parent.get("transform") else text
            if "rotate(-90" in place.get("transform", ""):
                continue
            size = float((SIZE.search(text.get("style", "")) or [0, 10])[1])
            at = _AT.search(place.get("transform", ""))
            y = float(at[2]) if at else float(text.get("y", 0))
            yield "".join(text.itertext()), (reach_of(place, clips), Range(y - 0.75 * size, y))


def _legend_box(legend: ElementTree.Element, tree: ElementTree.Element) -> Box:
    """Where a legend lies."""
    across = reach_of(legend, clips_of(tree))
    ys = [float(p[2]) for path in legend.iter(f"{NAME}path") for p in _PAIR.finditer(path.get("d"))]
    ys += [float(text.get("y", ys[0])) for text in legend.iter(f"{NAME}text")]
    return Range(across.start - AROUND, across.end + AROUND), Range(
        min(ys) - AROUND, max(ys) + AROUND
    )


def _points(figure: ElementTree.Element) -> Iterator[tuple[float, float]]:
    """Points along all that is drawn, and between them."""
    for axes in figure:
        for drawn in axes:
            if not drawn.get("id", "").startswith(("line2d", "PathCollection", "patch", "Line")):
                continue
            if drawn.get("id") == axes[0].get("id"):  # the ground
                continue
            for path in drawn.iter(f"{NAME}path"):
                found = [(float(p[1]), float(p[2])) for p in _PAIR.finditer(path.get("d"))]
                for (x0, y0), (x1, y1) in pairwise(found):
                    for part in range(8):
                        yield x0 + (x1 - x0) * part / 8, y0 + (y1 - y0) * part / 8
            for mark in drawn.iter(f"{NAME}use"):
                yield float(mark.get("x", 0)), float(mark.get("y", 0))


def _touch(one: Box, other: Box) -> bool:
    return all(a.start < b.end and b.start < a.end for a, b in zip(one, other, strict=True))


def _in(point: tuple[float, float], box: Box) -> bool:
    return all(side.start <= at <= side.end for at, side in zip(point, box, strict=True))
