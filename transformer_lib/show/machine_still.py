"""The machine's first state as plain HTML, for where no script runs."""

from collections.abc import Mapping, Sequence
from html import escape

from torch import Tensor


def still(
    text: str,
    chances: Mapping[str, float],
    maps: Sequence[Tensor],
    lens: Sequence[Sequence[tuple[str, float]]],
) -> str:
    """What the machine shows of a text at first: what comes next, all heads, the logit lens.

    Args:
        text: what it has read.
        chances: the likeliest next letters, each with its probability.
        maps: of each layer the attention (heads, letters, letters).
        lens: from the embedding up, at each letter, the likeliest next one and its probability.

    Returns:
        HTML that is dressed as the machine is (static/machine.css).

    Raises:
        ValueError: if maps or lens do not fit the text.
    """
    size = len(text)
    for layer in maps:
        if layer.dim() != 3 or layer.shape[1:] != (size, size):
            raise ValueError(
                f"maps must be (heads, {size}, {size}) in each layer, got {tuple(layer.shape)}"
            )
    if wrong := [len(line) for line in lens if len(line) != size]:
        raise ValueError(f"lens must have {size} letters in each line, got {wrong[0]}")
    letter, chance = next(iter(chances.items()))
    bars = "".join(
        f'<li><span class="name">{_shown(c)}</span><span class="bar" style="--value:{p:.3f}">'
        f'</span><span class="number">{p:.2f}</span></li>'
        for c, p in chances.items()
    )
    tower = "".join(
        f'<div class="layer"><span class="tlp-name">Layer {n + 1}</span>'
        + "".join(
            f'<span class="map" role="img" aria-label="layer {n + 1} head {h + 1}">'
            f"{_map(head)}head {h + 1}</span>"
            for h, head in enumerate(layer)
        )
        + "</div>"
        for n, layer in enumerate(maps)
    )
    head = "".join(f'<th scope="col">{_shown(c)}</th>' for c in text)
    rows = "".join(
        f'<tr><th scope="row">{f"after layer {n}" if n else "at the start"}</th>'
        + "".join(f'<td style="--weight:{p:.2f}">{_shown(c)}</td>' for c, p in line)
        + "</tr>"
        for n, line in enumerate(lens)
    )
    return (
        f"<p>After “{escape(text)}” comes “{_shown(letter)}” with {chance:.2f}. The five likeliest "
        f'letters:</p><ol class="tlp-bars">{bars}</ol>'
        "<p>The heads of each layer: from top to bottom who looks, from left to right at whom.</p>"
        f'<div class="tower">{tower}</div><p>What it would say, if it stopped after a layer:</p>'
        f'<div class="scrolls"><table class="lens"><tr><th></th>{head}</tr>{rows}</table></div>'
    )


def _shown(letter: str) -> str:
    return {" ": "␣", "\n": "↵"}.get(letter, escape(letter))


def _map(weights: Tensor) -> str:
    """A head's map: a path for each of four strengths, as in static/machine_parts.js."""
    paths = []
    for low, high in ((0.05, 0.2), (0.2, 0.45), (0.45, 0.75), (0.75, 2)):
        squares = ((weights >= low) & (weights < high)).nonzero().tolist()
        drawn = "".join(f"M{j} {i}h1v1h-1z" for i, j in squares)
        paths.append(f'<path d="{drawn}" opacity="{min(1, high)}"/>')
    size = len(weights)
    return f'<svg viewBox="0 0 {size} {size}" aria-hidden="true">{"".join(paths)}</svg>'
