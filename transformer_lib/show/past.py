"""What each kind of layer still has of the past: rows of squares, and what is kept and computed.

Python draws the first state, so that the figure stands where no script runs; static/past.js moves
the token that asks, the length and the number of heads. All numbers are handed in.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

import torch
from torch import Tensor

from transformer_lib import checks

_STATIC = Path(__file__).parent / "static"
_SIDE = 10  # of a square, in units of the drawing
_FAINTEST = 0.4  # shares are raised to this power, so that small ones are seen


@dataclass(frozen=True)
class Kind:
    """A kind of layer.

    Args:
        name: as it is called on the page.
        seen: matrices (len, len) by the name of the view: how much the output at a row depends on
            the token at a column, in any unit; 0 is shown as nothing, exactly.
        kept: bytes that stay in memory, (heads, lengths).
        products: multiplications for one more token, (heads, lengths).
        times: measured times for one more token, by length, as multiples of a unit.

    Raises:
        ValueError: if there is no view, a matrix is not square, finite and >= 0, or a table is not
            of two dimensions.
    """

    name: str
    seen: Mapping[str, Tensor]
    kept: Tensor
    products: Tensor
    times: Mapping[int, float] = field(default_factory=dict)

    def __post_init__(self):
        if not self.seen:
            raise ValueError("seen must have at least one view, got none")
        for view, found in self.seen.items():
            checks.floating(f"seen[{view!r}]", found, dims=2)
            if found.size(0) != found.size(1) or not (found.isfinite() & (found >= 0)).all():
                raise ValueError(
                    f"seen[{view!r}] must be a square of finite numbers >= 0, "
                    f"got {tuple(found.shape)}"
                )
        for name, table in (("kept", self.kept), ("products", self.products)):
            if table.dim() != 2:
                raise ValueError(f"{name} must be (heads, lengths), got {tuple(table.shape)}")

    def shades(self, view: str) -> list[str]:
        """A string for each row up to the diagonal: "." for nothing, "0" (faint) to "9" (most)."""
        found = self.seen[view].detach().double()
        share = (found / found.amax(1, keepdim=True).clamp_min(1e-300)) ** _FAINTEST
        return [
            "".join(
                "." if found[i, j] == 0 else str(min(9, int(10 * share[i, j])))
                for j in range(i + 1)
            )
            for i in range(len(found))
        ]


class Past:
    """Rows of squares, one for each kind, under one slider for the token that asks.

    Args:
        kinds: from top to bottom, with the same views and sizes.
        lengths: of a text, for `Kind.kept` and `Kind.products`, ascending.
        heads: numbers of heads, for the same.
        measured: the number of heads that `Kind.times` were measured with, one of `heads`.
        caption: one sentence that says what to try.

    Raises:
        ValueError: if the kinds do not go together, or a table has another size than said.
    """

    def __init__(
        self,
        kinds: Sequence[Kind],
        *,
        lengths: Sequence[int],
        heads: Sequence[int],
        measured: int,
        caption: str,
    ):
        self.kinds, self.lengths, self.heads = list(kinds), list(lengths), list(heads)
        self.measured, self.caption = measured, caption
        if len({(*k.seen, *{len(x) for x in k.seen.values()}) for k in self.kinds}) != 1:
            raise ValueError("kinds must have the same views, of one size, and be at least one")
        if measured not in self.heads:
            raise ValueError(f"measured must be one of heads, {self.heads}, got {measured}")
        size = len(self.heads), len(self.lengths)
        for kind in self.kinds:
            if kind.kept.shape != size or kind.products.shape != size:
                raise ValueError(
                    f"kept and products of {kind.name!r} must be (heads, lengths) = {size}, got "
                    f"{tuple(kind.kept.shape)} and {tuple(kind.products.shape)}"
                )
        self.views = list(self.kinds[0].seen)
        self.size = len(self.kinds[0].seen[self.views[0]])

    def _repr_html_(self) -> str:
        told = {
            "kinds": [self._told(kind) for kind in self.kinds],
            "lengths": self.lengths,
            "heads": self.heads,
            "measured": self.measured,
        }
        data = json.dumps(told, ensure_ascii=False).replace("<", "\\u003c")
        own = "past-" + hashlib.sha256(data.encode()).hexdigest()[:8]
        css, script = ((_STATIC / f"past.{kind}").read_text("utf-8") for kind in ("css", "js"))
        rows = "".join(self._row(kind) for kind in self.kinds)
        return (
            f'<figure class="past" id="{own}" aria-label="What is left of the past">'
            f"<style>{css}</style><figcaption>{escape(self.caption)}</figcaption>"
            f'{self._controls(own)}<div class="past-rows">{rows}</div>'
            '<p class="past-said" aria-live="polite"></p>'
            f'<script type="application/json">{data}</script>'
            f"<script>(() => {{\n{script}\nstart(document.getElementById({own!r}));\n}})();"
            "</script></figure>"
        )

    def _told(self, kind: Kind) -> dict:
        return {
            "name": kind.name,
            "seen": [kind.shades(view) for view in self.views],
            "kept": kind.kept.tolist(),
            "products": kind.products.tolist(),
            "times": {str(n): round(time, 1) for n, time in kind.times.items()},
        }

    def _controls(self, own: str) -> str:
        views = "".join(
            f'<label><input type="radio" name="{own}-view" value="{i}" disabled'
            f"{' checked' if i == 0 else ''}> {escape(view)}</label>"
            for i, view in enumerate(self.views)
        )
        h = self.heads.index(self.measured)
        sliders = (
            ("ask", "token that asks", 1, self.size, self.size, self.size),
            ("length", "tokens of text", 0, len(self.lengths) - 1, 0, f"{self.lengths[0]:,}"),
            ("heads", "heads", 0, len(self.heads) - 1, h, self.measured),
        )
        fields = "".join(
            f'<label class="past-field">{label} <input type="range" data-for="{name}" min="{low}" '
            f'max="{high}" value="{value}" disabled><output>{shown}</output></label>'
            for name, label, low, high, value, shown in sliders
        )
        return f'<div class="past-controls"><span>{views}</span>{fields}</div>'

    def _row(self, kind: Kind) -> str:
        row = kind.shades(self.views[0])[-1]
        squares = "".join(
            f'<rect x="{j * _SIDE + 0.5}" y="0.5" width="{_SIDE - 1}" height="{_SIDE - 1}" '
            f'fill-opacity="{_opacity(shade)}"/>'
            for j, shade in enumerate(row)
        )
        h = self.heads.index(self.measured)
        kept, products = kind.kept[h, 0].item(), kind.products[h, 0].item()
        numbers = describe(kept, products, kind.times.get(self.lengths[0]))
        said = f"{kind.name}: the last token depends on {self.size - row.count('.')} tokens"
        return (
            f'<div class="past-row"><b>{escape(kind.name)}</b>'
            f'<svg viewBox="0 0 {self.size * _SIDE} {_SIDE}" role="img" '
            f'aria-label="{escape(said)}">{squares}</svg>'
            f'<span class="past-bar"><i style="width:{bar(kept):.1f}%"></i></span>'
            f'<span class="past-numbers">{numbers}</span></div>'
        )


def _opacity(shade: str) -> str:
    return "0" if shade == "." else f"{0.08 + 0.92 * int(shade) / 9:.2f}"


def describe(kept: float, products: float, time: float | None) -> str:
    """What stands behind a row: bytes, multiplications, and the time if it was measured."""
    size = f"{kept / 1024:,.0f} KiB" if kept < 2**20 else f"{kept / 2**20:,.1f} MiB"
    count = f"{products / 1e3:,.0f}k" if products < 1e6 else f"{products / 1e6:,.1f}M"
    return f"{size} · {count} products" + ("" if time is None else f" · {time:,.1f}×")


def bar(kept: float) -> float:
    """Length of the bar for some bytes, in per cent: 1 KiB is 0 and 64 MiB all, logarithmic."""
    exponent = torch.tensor(kept / 1024).log2().item()
    return min(100.0, max(1.0, exponent / 16 * 100))
