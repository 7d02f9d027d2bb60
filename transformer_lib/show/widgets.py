"""Figures that answer to the reader, with a running kernel or with none.

Both widgets carry all their data with them, so they work in the rendered book, from a file on disk
and live in JupyterLab. They take tensors, figures and strings, and know no model.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import anywidget
import matplotlib.pyplot as plt
import numpy as np
import torch
import traitlets
from matplotlib.figure import Figure

from transformer_lib import checks
from transformer_lib.show import vector

_STATIC = Path(__file__).parent / "static"


class AttentionExplorer(anywidget.AnyWidget):
    """Point at a token and see where it looks, for each head of each layer.

    Args:
        weights: tensor (layers, heads, q_len, k_len), (heads, q_len, k_len) or (q_len, k_len), or
            the dict of maps (1, heads, q_len, k_len) that `collect_attention` returns, its layers
            counted in order. Kept as whole thousandths, to keep the page small.
        queries: q_len tokens that look. keys: k_len tokens that are looked at; the queries when
            left out (self-attention).
        caption: one sentence that says what to try.
        layer, head, query: what is chosen at first, each counted from 0.

    Raises:
        ValueError: for weights of another shape, or that are not from 0 to 1, or labels that do
            not fit them.
    """

    _esm = _STATIC / "attention_explorer.js"
    _css = _STATIC / "attention_explorer.css"
    weights = traitlets.List().tag(sync=True)  # [layer][head][query][key], thousandths
    layers = traitlets.List(traitlets.Unicode()).tag(sync=True)
    query_tokens = traitlets.List(traitlets.Unicode()).tag(sync=True)
    key_tokens = traitlets.List(traitlets.Unicode(), allow_none=True).tag(sync=True)
    caption = traitlets.Unicode().tag(sync=True)
    layer = traitlets.Int(0).tag(sync=True)
    head = traitlets.Int(0).tag(sync=True)
    query = traitlets.Int(0).tag(sync=True)

    def __init__(self, weights, queries, keys=None, *, caption="", layer=0, head=0, query=0):
        names, w = _layers(weights)
        queries = _texts("queries", queries)
        keys = None if keys is None else _texts("keys", keys)
        if not isinstance(caption, str):
            raise ValueError(f"caption: got {caption!r}, want a string")
        num_layers, num_heads, q_len, k_len = w.shape
        for name, tokens, want in (
            ("queries", queries, q_len),
            ("keys", queries if keys is None else keys, k_len),
        ):
            if len(tokens) != want:
                raise ValueError(f"{name}: got {len(tokens)} tokens, want {want}")
        chosen = (("layer", layer, num_layers), ("head", head, num_heads), ("query", query, q_len))
        for name, value, size in chosen:
            checks.whole(**{name: value})
            if not 0 <= value < size:
                raise ValueError(f"{name}: got {value}, want 0 to {size - 1}")
        super().__init__(
            weights=(w.detach().double() * 1000).round().int().tolist(),
            layers=names,
            query_tokens=queries,
            key_tokens=keys,
            caption=caption,
            layer=layer,
            head=head,
            query=query,
        )


class Slideshow(anywidget.AnyWidget):
    """A slider or a list above pictures that were drawn beforehand; `slideshow` makes it."""

    _esm = _STATIC / "slideshow.js"
    _css = _STATIC / "slideshow.css"
    pictures = traitlets.List(traitlets.Unicode()).tag(sync=True)  # SVG
    labels = traitlets.List(traitlets.Unicode()).tag(sync=True)
    label = traitlets.Unicode().tag(sync=True)
    control = traitlets.Unicode().tag(sync=True)
    index = traitlets.Int().tag(sync=True)


def slideshow(
    figures: Sequence, labels: Sequence, *, label: str, alt, start: int = 0, control: str = "slider"
) -> Slideshow:
    """A slider (or a drop-down list) over pictures that were drawn beforehand.

    Args:
        figures: matplotlib Figures of one size; they are drawn and closed.
        labels: what the control shows for each figure, e.g. the values of a parameter.
        label: the control's name, e.g. "temperature".
        alt: what the pictures show: one string for each, or one for all, to which "label value"
            is added.
        start: index of the figure to show first.
        control: "slider" or "dropdown".

    Raises:
        ValueError: for lengths that differ, figures of several sizes, an unknown control, or a
            start out of range.
    """
    for name, value in (("figures", figures), ("labels", labels)):
        if not isinstance(value, Iterable):
            raise ValueError(f"{name}: got {value!r}, want a list")
    figures, labels = list(figures), [str(value) for value in labels]
    if bad := [figure for figure in figures if not isinstance(figure, Figure)]:
        raise ValueError(f"figures: got {bad[0]!r}, want matplotlib Figures")
    if not isinstance(label, str) or not isinstance(alt, str | Sequence):
        raise ValueError(f"label and alt: got {label!r} and {alt!r}, want texts")
    checks.whole(start=start)
    if not figures or len(figures) != len(labels):
        raise ValueError(f"labels: got {len(labels)}, want one for each of {len(figures)} figures")
    alts = [f"{alt} ({label} {value})" for value in labels] if isinstance(alt, str) else list(alt)
    if len(alts) != len(labels):
        raise ValueError(f"alt: got {len(alts)} texts, want one string or {len(labels)}")
    if not 0 <= start < len(figures):
        raise ValueError(f"start: got {start}, want 0 to {len(figures) - 1}")
    if control not in ("slider", "dropdown"):
        raise ValueError(f"control: got {control!r}, want 'slider' or 'dropdown'")
    sizes = {tuple(figure.get_size_inches()) for figure in figures}
    if len(sizes) > 1:
        raise ValueError(f"figures: got sizes {sorted(sizes)} in inches, want one")
    pictures = [vector.drawn(figure, alt) for figure, alt in zip(figures, alts, strict=True)]
    for figure in figures:
        plt.close(figure)
    return Slideshow(
        pictures=pictures,
        labels=labels,
        label=label,
        control=control,
        index=start,
    )


def _layers(weights) -> tuple[list[str], torch.Tensor]:
    """Names of the layers, and all weights in one tensor (layers, heads, q_len, k_len)."""
    if isinstance(weights, Mapping) and all(map(torch.is_tensor, weights.values())):
        shapes = {tuple(w.shape) for w in weights.values()}
        if len(shapes) != 1 or len(shape := shapes.pop()) != 4 or shape[0] != 1:
            raise ValueError(
                f"weights: got {[tuple(w.shape) for w in weights.values()]}, "
                "want layers of one shape, (1, heads, q_len, k_len)"
            )
        weights = torch.cat(list(weights.values()))
    if not isinstance(weights, torch.Tensor | np.ndarray):
        raise ValueError(f"weights: got {type(weights).__name__}, want a tensor or a dict of them")
    w = torch.as_tensor(weights)
    if w.is_meta or w.is_complex():
        raise ValueError(f"weights: got {w.dtype} on {w.device}, want shares")
    if not 2 <= w.ndim <= 4:
        raise ValueError(f"weights: got shape {tuple(w.shape)}, want (layers, heads, q_len, k_len)")
    w = w[(None,) * (4 - w.ndim)]
    if not w.numel() or not ((w >= 0) & (w < 1.01)).all():  # a little above 1 is bfloat16's 1
        raise ValueError("weights: got none, or NaN, negative ones or ones above 1, want shares")
    return [str(i + 1) for i in range(len(w))], w


def _texts(name: str, values) -> list[str]:
    """Labels as a list: a string is one of characters."""
    values = list(values) if isinstance(values, Iterable) else values
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ValueError(f"{name}: got {values!r}, want strings")
    return values
