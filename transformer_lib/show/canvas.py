"""A sheet for the book's drawings: SVG in the page, whose colours follow the page's theme.

    filled box          a part with weights         thick line   the residual stream
    empty pill          a function without weights  thin arrow   one tensor, its shape beside it
    blue, orange, green query, key, value           hatched      may not be looked at

Units are CSS pixels of a phone: a sheet of `WIDTH` fills it, and text of 13 is then 13 px high.
"""

import hashlib
import math
from html import escape

from torch import Tensor

WIDTH = 360

# Query, key and value are Okabe and Ito's blue, orange and green, darkened on white and lightened
# on black until text in them has a contrast of 4.5 to 1.
STYLE = """
.tld{--ink:var(--pst-color-text-base,var(--jp-content-font-color1,#1f2328));
 --soft:var(--pst-color-text-muted,var(--jp-content-font-color2,#57606a));
 --paper:var(--pst-color-background,var(--jp-layout-color0,#fff));
 --query:#0072b2;--key:#b45309;--value:#00795a;
 display:block;margin:1rem auto;width:min(100%,var(--width));height:auto;
 font-family:var(--ui-font,system-ui,sans-serif)}
html[data-theme=dark] .tld,[data-jp-theme-light=false] .tld{
 --query:#7cc4f0;--key:#f0a860;--value:#5fd0ad}
@media print{.tld.tld{--ink:#000;--soft:#333;--paper:#fff;
 --query:#0072b2;--key:#b45309;--value:#00795a}}
.tld text{fill:var(--ink);font-size:13px;text-anchor:middle;dominant-baseline:central}
.tld .shape{fill:var(--soft);font:12px ui-monospace,"DejaVu Sans Mono",monospace}
.tld .name{font-weight:600}.tld .tight{font-size:12px}
.tld .left{text-anchor:start}.tld .right{text-anchor:end}
.tld .line{fill:none;stroke:var(--ink);stroke-width:1.4}
.tld .stream{fill:none;stroke:var(--ink);stroke-width:4;stroke-linecap:round}
.tld .frame{fill:none;stroke:var(--soft);stroke-width:1.2;stroke-dasharray:5 4}
.tld .tip{fill:var(--ink)}
.tld rect,.tld text{--hue:var(--query)}
.tld .query{--hue:var(--query)}.tld .key{--hue:var(--key)}.tld .value{--hue:var(--value)}
.tld .score{--hue:var(--ink)}
.tld text.query,.tld text.key,.tld text.value{fill:var(--hue)}
.tld .weights{fill:color-mix(in srgb,var(--hue) 16%,var(--paper));stroke:var(--hue);
 stroke-width:1.5}
.tld .plain{fill:var(--paper);stroke:var(--ink);stroke-width:1.2}
.tld .cell{fill:var(--hue);stroke:var(--hue);stroke-width:.6;stroke-opacity:.55}
.tld .shut{fill:none;stroke:var(--soft);stroke-width:.8}
.tld a:is(:hover,:focus-visible) rect{stroke-width:3}
.tld .lit{fill:var(--key);stroke:var(--key);stroke-width:3}
.tld.small text{display:none}.tld.small .weights:not(.lit){--hue:var(--soft)}
"""


class Canvas:
    """A drawing in the making, as tall as what is put on it.

    Args:
        title: what it shows, for those who hear it read out.
        desc: what is to be seen on it, in sentences.
        small: a miniature, without text.
    """

    def __init__(self, title: str, desc: str = "", *, small: bool = False):
        self.title, self.desc, self.small = title, desc, small
        self.height, self.parts = 0.0, []

    def text(self, x: float, y: float, text: str, kind: str = "") -> None:
        """A line of text, its middle at (x, y); `kind` "left" or "right": its end."""
        self._put(f'<text x="{x:g}" y="{y:g}" class="{kind}">{escape(text)}</text>', y + 10)

    def box(self, x, y, width, height, text, kind="weights", *, note="", said="", href="") -> None:
        """A part, its middle at (x, y): `kind` "weights …", or "plain" for one that has none.

        `note` is a second line, `said` what the pointer finds, `href` where a press leads.
        """
        if href:  # JupyterLab tries to write into `href`, which it cannot in a drawing
            self.parts.append(f'<a xlink:href="{escape(href)}">')
        if said:
            self.parts.append(f"<g><title>{escape(said)}</title>")
        corner = height / 2 if kind.startswith("plain") else 5
        self._put(
            f'<rect x="{x - width / 2:g}" y="{y - height / 2:g}" width="{width:g}" '
            f'height="{height:g}" rx="{corner:g}" class="{kind}"/>',
            y + height / 2,
        )
        if text:
            name = "" if kind.startswith("plain") else "name"
            tight = " tight" if 9 * len(text) > width else ""
            self.text(x, y - 8 if note else y, text, name + tight)
        if note:
            self.text(x, y + 9, note, "shape")
        if said:
            self.parts.append("</g>")
        if href:
            self.parts.append("</a>")

    def pill(self, x: float, y: float, text: str) -> None:
        """A function without weights, as wide as its name."""
        self.box(x, y, 7 * len(text) + 26, 22, text, "plain")

    def line(self, *points: tuple[float, float], kind: str = "line", tip: bool = True) -> None:
        """A line through `points`, at its end an arrow's tip."""
        path = "M" + "L".join(f"{x:g} {y:g}" for x, y in points)
        self._put(f'<path d="{path}" class="{kind}"/>', max(y for _, y in points))
        if tip:
            (x0, y0), (x, y) = points[-2:]
            angle = math.degrees(math.atan2(y - y0, x - x0))
            self._put(
                '<path d="M0 0L-8 4.5L-8 -4.5Z" class="tip" '
                f'transform="translate({x:g} {y:g}) rotate({angle:.0f})"/>',
                y,
            )

    def plus(self, x: float, y: float) -> None:
        """Where two tensors are added."""
        self._put(f'<circle cx="{x:g}" cy="{y:g}" r="10" class="plain"/>', y + 10)
        self.text(x, y, "+", "name")

    def frame(self, x: float, y: float, width: float, height: float) -> None:
        """A dashed frame around what is repeated; left upper corner at (x, y)."""
        self._put(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="8" '
            f'class="frame"/>',
            y + height,
        )

    def grid(self, x: float, y: float, values: Tensor, kind: str, *, cell: float, mask=None):
        """A matrix as cells, the fuller the larger in size; left upper corner at (x, y)."""
        peak = values.abs().max().item() or 1.0
        for i, row in enumerate(values.tolist()):
            for j, value in enumerate(row):
                left, top = x + j * cell, y + i * cell
                at = f'x="{left:g}" y="{top:g}" width="{cell:g}" height="{cell:g}"'
                if mask is not None and not mask[i, j]:
                    half, right, low = cell / 2, left + cell, top + cell
                    self.parts.append(
                        f'<rect {at} class="shut"/><path class="shut" d="M{left:g} {low:g}'
                        f"L{right:g} {top:g}M{left:g} {top + half:g}L{left + half:g} {top:g}"
                        f'M{left + half:g} {low:g}L{right:g} {top + half:g}"/>'
                    )
                    continue
                self.parts.append(
                    f'<rect {at} class="cell {kind}" fill-opacity="{abs(value) / peak * 0.9:.2f}">'
                    f"<title>{value:.2f}</title></rect>"
                )
                if value < 0:  # a sign must not hang on colour
                    self.parts.append(
                        f'<path class="line" stroke-opacity=".55" '
                        f'd="M{left + cell / 2 - 3:g} {top + cell / 2:g}h6"/>'
                    )
        self.height = max(self.height, y + len(values) * cell)

    def svg(self) -> str:
        """The drawing alone. The same drawing has the same id, a digest of what it holds."""
        body = "".join(self.parts)
        key = "tld-" + hashlib.sha256((self.title + body).encode()).hexdigest()[:8]
        width = 96 if self.small else WIDTH * 1.25
        # With links inside it is a group to walk through, and else one picture.
        role = "group" if "<a " in body else "img"
        return (
            '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
            f'class="tld{" small" * self.small}" role="{role}" style="--width:{width:g}px" '
            f'viewBox="0 0 {WIDTH} {self.height + 8:g}" aria-labelledby="{key}-t {key}-d">'
            f'<title id="{key}-t">{escape(self.title)}</title>'
            f'<desc id="{key}-d">{escape(self.desc)}</desc>{body}</svg>'
        )

    def _repr_html_(self) -> str:
        return f"<style>{STYLE}</style>{self.svg()}"

    def __repr__(self) -> str:
        return f"Drawing: {self.title}"

    def _put(self, markup: str, bottom: float) -> None:
        self.parts.append(markup)
        self.height = max(self.height, bottom)


class Beside:
    """Drawings side by side, and below one another where the page is narrow.

    Args:
        *canvases: from left to right.
    """

    def __init__(self, *canvases: Canvas):
        self.canvases = canvases

    def _repr_html_(self) -> str:
        drawn = "".join(
            f'<div style="flex:1 1 280px;max-width:320px">{canvas.svg()}</div>'
            for canvas in self.canvases
        )
        row = "display:flex;flex-wrap:wrap;gap:0 1rem;justify-content:center"
        return f'<style>{STYLE}</style><div style="{row}">{drawn}</div>'

    def __repr__(self) -> str:
        return f"Drawings: {', '.join(canvas.title for canvas in self.canvases)}"
