"""Figures of one kind: what the chapters draw, with one palette and one style.

The functions take tensors and strings and know no model. Most figures are as wide as the text
(7.2 in), transparent, in dark ink on nothing; in notebooks they are SVG, whose colours the book's
pages change for dark ones.
"""

from collections.abc import Iterable, Mapping

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap

from transformer_lib import checks
from transformer_lib.layers.masks import check_mask
from transformer_lib.show import vector

# Okabe and Ito (2008), "Color Universal Design": eight hues that colour-blind readers can tell
# apart. Grey stands in for their black, which is the colour of our axes and text.
COLORS = {
    "blue": "#0072B2",
    "orange": "#E69F00",
    "green": "#009E73",
    "vermillion": "#D55E00",
    "purple": "#CC79A7",
    "sky": "#56B4E9",
    "yellow": "#F0E442",
    "grey": "#6B6B6B",
}
INK = "#1F2328"
WIDTH = 7.2  # inches: the width of the text
ATTENTION = LinearSegmentedColormap.from_list("attention", ["#FFFFFF", "#A9D2EA", "#0072B2"])

_CYCLE = [COLORS[name] for name in ("blue", "orange", "green", "vermillion", "purple", "grey")]
_STYLE = {
    "figure.figsize": (WIDTH, 3.2),
    "figure.dpi": 200,
    "figure.facecolor": "none",
    "figure.constrained_layout.use": True,
    "axes.facecolor": "none",
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.prop_cycle": mpl.cycler(color=_CYCLE, linestyle=["-", "--", "-.", ":", "-", "--"]),
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#8C959F",
    "grid.alpha": 0.25,
    "font.size": 10,
    "legend.frameon": False,
    "lines.linewidth": 2,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "savefig.facecolor": "none",
    **vector.STYLE,
}


def use_style() -> None:
    """Make every figure of this notebook look like the book's: palette, size, transparency."""
    mpl.rcParams.update(_STYLE)
    try:
        get_ipython().run_line_magic("matplotlib", "inline")  # type: ignore[name-defined]
    except NameError:  # a plain script: there is no inline backend to set
        return
    from matplotlib_inline.backend_inline import set_matplotlib_formats  # a part of IPython

    set_matplotlib_formats("svg", bbox_inches=None, metadata=vector.METADATA)
    mpl.rcParams.update(_STYLE)  # the first `%matplotlib inline` of a session resets the style


def attention_map(weights, queries, keys=None, *, mask=None, title=None, vmax=1.0, ax=None):
    """One attention map: a row for each query, a column for each key, fuller = stronger.

    Args:
        weights: tensor (q_len, k_len), at most one weight per cell; leading axes of size 1 are
            dropped. Weights are printed in the cells up to 12 by 12.
        queries: q_len strings, the tokens that look.
        keys: k_len strings, the tokens that are looked at; the queries when left out.
        mask: boolean tensor that broadcasts to (q_len, k_len), True = may attend. Cells where it
            is False are hatched.
        title: a title.
        vmax: the weight that gets the full colour; None takes the largest weight.
        ax: where to draw; a new figure, as wide as the map needs, when left out.

    Returns:
        The Axes.

    Raises:
        ValueError: for weights that are not one map of finite numbers, labels that do not fit it,
            a mask that is not boolean (see `layers.masks`), or `vmax` that is not positive.
    """
    w = _array(weights, "weights")
    w = w.reshape(w.shape[-2:]) if w.ndim > 2 and w.shape[:-2] == (1,) * (w.ndim - 2) else w
    if w.ndim != 2:
        raise ValueError(f"weights: got shape {w.shape}, want one map, (q_len, k_len)")
    q_len, k_len = w.shape
    if not np.isfinite(w).all():
        raise ValueError("weights: got NaN or infinity, want finite numbers")
    if vmax is not None:
        checks.positive(vmax=vmax)
    _check_axes(ax)
    queries = _labels("queries", queries)
    keys = queries if keys is None else _labels("keys", keys)
    for name, labels, want in (("queries", queries, q_len), ("keys", keys, k_len)):
        if len(labels) != want:
            raise ValueError(f"{name}: got {len(labels)} labels, want {want} for weights {w.shape}")
    allowed = None if mask is None else _allowed(mask, w.shape)
    if ax is None:
        width = min(WIDTH, max(1.2 + 0.5 * k_len, 0.6 + 0.08 * len(title or "")))
        _, ax = plt.subplots(figsize=(width, min(6.5, 1.3 + 0.36 * q_len)))
    peak = vmax or w.max() or 1.0
    ax.imshow(w, cmap=ATTENTION, vmin=0, vmax=peak, aspect="equal")
    if allowed is not None:
        blocked = np.ma.masked_where(allowed, np.zeros(w.shape))
        edges = np.arange(k_len + 1) - 0.5, np.arange(q_len + 1) - 0.5
        style = {"facecolor": "none", "edgecolor": "#8C959F", "linewidth": 0}
        ax.pcolor(*edges, blocked, hatch="////", **style)
    if max(w.shape) <= 12:
        for i, j in np.ndindex(w.shape):
            if allowed is None or allowed[i, j]:
                ink = "white" if w[i, j] > 0.7 * peak else INK
                ax.text(j, i, f"{w[i, j]:.2f}", ha="center", va="center", color=ink, fontsize=8)
    long = sum(len(key) for key in keys) > 40
    slant = {"rotation": 45, "ha": "left", "rotation_mode": "anchor"} if long else {}
    ax.set_xticks(range(k_len), keys, parse_math=False, **slant)  # a token "$" is no formula
    ax.set_yticks(range(q_len), queries, parse_math=False)
    ax.tick_params(top=True, labeltop=True, bottom=False, labelbottom=False, length=0)
    ax.grid(False)
    ax.spines[:].set(visible=True, color="#8C959F", linewidth=0.6)
    if title:
        ax.set_title(title)
    return ax


def attention_grid(
    weights, queries=None, keys=None, *, mask=None, vmax=1.0, rows=None, columns=None
):
    """Many maps at once: a row for each layer, a column for each head.

    Args:
        weights: tensor (layers, heads, q_len, k_len) or (heads, q_len, k_len).
        queries: q_len labels, written at the left edge; none when left out.
        keys: k_len labels, written at the top edge; the queries when left out.
        mask: as for `attention_map`, the same for all.
        vmax: the weight that gets the full colour; None takes the largest of each map.
        rows: titles of the layers, "layer 1" … by default.
        columns: titles of the heads, "head 1" … by default.

    Returns:
        The Figure.

    Raises:
        ValueError: for weights of another shape, or labels that do not fit them.
    """
    w = _array(weights, "weights")
    w = w[None] if w.ndim == 3 else w
    if w.ndim != 4:
        raise ValueError(f"weights: got shape {w.shape}, want (layers, heads, q_len, k_len)")
    layers, heads, q_len, k_len = w.shape
    if 0 in w.shape:
        raise ValueError(f"weights: got shape {w.shape}, want at least one of each")
    rows = _labels("rows", rows or [f"layer {i + 1}" for i in range(layers)])
    columns = _labels("columns", columns or [f"head {i + 1}" for i in range(heads)])
    size = WIDTH / max(heads, 3) * q_len / k_len
    fig, axes = plt.subplots(layers, heads, figsize=(WIDTH, 0.5 + size * layers), squeeze=False)
    keys = queries if keys is None else keys
    labels = [""] * q_len if queries is None else queries, [""] * k_len if keys is None else keys
    for (row, column), ax in np.ndenumerate(axes):
        attention_map(w[row, column], *labels, mask=mask, vmax=vmax, ax=ax)
        for text in list(ax.texts):  # too small to print numbers in
            text.remove()
        ax.tick_params(labelsize=7, labeltop=row == 0, labelleft=column == 0)
        ax.tick_params(axis="x", labelrotation=90)
        if row == 0:
            ax.set_title(columns[column], loc="center")
        if column == 0 and layers > 1:
            ax.set_ylabel(rows[row])
    return fig


def lines(x, series, *, xlabel, ylabel, title=None, log_x=False, log_y=False, ax=None):
    """A line for each entry of `series` {label: y} over the common `x`; returns the Axes."""
    x = _array(x, "x")
    _check_axes(ax)
    checks.flag(log_x=log_x, log_y=log_y)
    if x.ndim != 1 or not isinstance(series, Mapping):
        raise ValueError(
            f"x and series: got shape {x.shape} and {type(series).__name__}, "
            f"want one row of numbers and a dict of such rows"
        )
    if ax is None:
        _, ax = plt.subplots()
    for label, y in series.items():
        y = _array(y, f"series[{label!r}]")
        if y.shape != x.shape:
            raise ValueError(f"series[{label!r}]: got shape {y.shape}, want that of x, {x.shape}")
        ax.plot(x, y, label=label, marker="o" if len(x) <= 16 else None, markersize=4)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    if log_x:
        ax.set_xscale("log", base=2)
        ax.xaxis.set_major_formatter("{x:,g}")
        ax.minorticks_off()
    if log_y:
        ax.set_yscale("log")
    if title:
        ax.set_title(title)
    if len(series) > 1:
        ax.legend()
    return ax


def bars(labels, values, *, ylabel, xlabel=None, title=None, digits=2, ax=None):
    """Bars with their value on top; returns the Axes.

    `values` is one number per label, or {series: numbers} for groups of bars side by side.
    """
    groups = values if isinstance(values, Mapping) else {None: values}
    labels = _labels("labels", labels)
    if not groups:
        raise ValueError(f"values: got {values!r}, want one for each label")
    checks.at_least(0, digits=digits)
    _check_axes(ax)
    if ax is None:
        _, ax = plt.subplots()
    width = 0.8 / len(groups)
    for i, (name, heights) in enumerate(groups.items()):
        heights = _array(heights, "values")
        if heights.shape != (len(labels),):
            raise ValueError(f"values: got shape {heights.shape}, want {(len(labels),)}")
        at = np.arange(len(labels)) + (i - (len(groups) - 1) / 2) * width
        drawn = ax.bar(at, heights, 0.92 * width, label=name, color=_CYCLE[i % len(_CYCLE)])
        ax.bar_label(drawn, fmt=f"{{:.{digits}f}}", fontsize=8, padding=2)
    ax.set_xticks(range(len(labels)), labels)
    ax.set(ylabel=ylabel, xlabel=xlabel)
    ax.grid(False, axis="x")
    if title:
        ax.set_title(title)
    if len(groups) > 1:
        ax.legend()
    return ax


def _array(values, name: str) -> np.ndarray:
    """Tensors (on any device, with or without gradient) and sequences as a NumPy array."""
    if isinstance(values, torch.Tensor):
        if values.is_meta or values.is_complex():
            raise ValueError(f"{name}: got {values.dtype} on {values.device}, want numbers")
        values = values.detach().cpu()
        return (values if values.dtype == torch.bool else values.float()).numpy()
    values = np.asarray(values)
    if values.dtype.kind not in "biuf":
        raise ValueError(f"{name}: got {values.dtype}, want a tensor or a list of numbers")
    return values


def _check_axes(ax) -> None:
    if ax is not None and not isinstance(ax, Axes):
        raise ValueError(f"ax must be None or matplotlib's Axes, got {ax!r}")


def _labels(name: str, labels) -> list[str]:
    if not isinstance(labels, Iterable):
        raise ValueError(f"{name}: got {type(labels).__name__}, want a list of strings")
    return [str(label) for label in labels]


def _allowed(mask, shape: tuple[int, ...]) -> np.ndarray:
    """The mask, checked, as an array of the map's shape."""
    if not isinstance(mask, torch.Tensor | np.ndarray) or getattr(mask, "is_meta", False):
        raise ValueError(f"mask must be a boolean tensor, got {mask!r}")
    mask = torch.as_tensor(mask)
    check_mask(mask, (*mask.shape[:-2], *shape), mask.device)
    if mask.shape[:-2].numel() != 1:
        raise ValueError(f"mask must be one for the map, (q_len, k_len), got {tuple(mask.shape)}")
    return mask.cpu().reshape(mask.shape[-2:]).expand(shape).numpy()
