"""A GPT opened up in the page: every head and feed-forward can be looked into, and switched off."""

from collections.abc import Mapping, Sequence
from html import escape

import torch
import traitlets
from torch import Tensor

from transformer_lib import checks
from transformer_lib.show.page_checks import check_gpt_weights, checked_characters, checked_config
from transformer_lib.show.page_models import PageModel, script, style
from transformer_lib.show.quantize import pack
from transformer_lib.show.stills import bars

LONGEST = 40  # letters of a text in the page (machine.js)


class Machine(PageModel):
    """A GPT in the page that reads a text while the reader changes what happens inside.

    Its screens: the letters' vectors; all heads and feed-forwards, each a switch; the logit lens;
    vectors of a second text put in the place of the first's; who added how much to a logit; the
    feed-forward's strongest units; a letter drawn and appended, with the cache that it fills and
    reads; three tasks that it marks itself.

    Args:
        config: the model's, with rotary positions and RMSNorm; pre-norm, causal. Further entries
            are left out.
        weights: its state dict, with the names of `models.gpt`.
        characters: the vocabulary; token i is `characters[i]`.
        examples: pairs of texts to begin with, of equal length, up to `LONGEST` letters.
        prices: for each layer what a letter costs more, in bits, without each of its heads, and
            last without its feed-forward.
        layer_prices: the same without the whole layer.
        units: for each layer and hidden unit, the places of a text that move it most, as tokens
            (num_layers, d_ff, places, letters).
        caption: one sentence that says what to try.
        first: what it finds in the first example's first text, drawn where no script runs:
            "chances", the likeliest next letters with their probabilities; "maps", each layer's
            attention (heads, letters, letters); "lens", from the embedding up, at each letter the
            likeliest next one and its probability.

    Raises:
        ValueError: for a configuration that the page cannot compute, or lists that do not fit it.
    """

    _esm = script("transformer", "passes", "controls", "machine_parts", "machine")
    _css = style("page_models", "machine")
    characters = traitlets.List(traitlets.Unicode()).tag(sync=True)
    examples = traitlets.List().tag(sync=True)
    prices = traitlets.List().tag(sync=True)
    layer_prices = traitlets.List().tag(sync=True)
    units = traitlets.Bytes().tag(sync=True)  # a byte for each token
    unit_shape = traitlets.List().tag(sync=True)  # places, letters
    still = traitlets.Unicode().tag(sync=True)

    def __init__(
        self,
        config: Mapping,
        weights: Mapping[str, Tensor],
        characters: Sequence[str],
        *,
        examples: Sequence[tuple[str, str]],
        prices: Sequence[Sequence[float]],
        layer_prices: Sequence[float],
        units: Tensor,
        caption: str = "",
        first: Mapping | None = None,
    ):
        config = checked_config(config, positions=("rotary",), norm=("rms",))
        check_gpt_weights(config, weights)
        characters = checked_characters(characters, weights)
        num_layers, parts = config["num_layers"], config["num_heads"] + 1
        d_ff = len(weights["stack.layers.0.feed_forward.linear1.weight"])
        _check_lengths("prices", prices, num_layers, parts)
        _check_lengths("layer_prices", [layer_prices], 1, num_layers)
        if units.dim() != 4 or units.shape[:2] != (num_layers, d_ff):
            raise ValueError(
                f"units must be ({num_layers}, {d_ff}, places, letters), got {tuple(units.shape)}"
            )
        checks.ids("units", units.flatten(0, 2), len(characters))
        for one, two in examples:
            if not 0 < len(one) == len(two) <= LONGEST or set(one + two) - set(characters):
                raise ValueError(
                    f"examples must be pairs of texts of the vocabulary, equally long, of 1 to "
                    f"{LONGEST} letters, got {(one, two)}"
                )
        if not examples:
            raise ValueError("examples must have at least one pair, got none")
        data, contents = pack(weights)
        super().__init__(
            data=data,
            contents=contents,
            config=config,
            characters=characters,
            examples=[list(pair) for pair in examples],
            prices=[[float(price) for price in line] for line in prices],
            layer_prices=[float(price) for price in layer_prices],
            units=units.to(torch.uint8).numpy().tobytes(),
            unit_shape=list(units.shape[2:]),
            caption=caption,
            still=_still(examples[0][0], **first) if first else "",
        )


def _check_lengths(name: str, lists: Sequence[Sequence], count: int, length: int) -> None:
    if len(lists) != count or any(len(line) != length for line in lists):
        got = [len(line) for line in lists]
        raise ValueError(f"{name} must be {count} lists of {length}, got lengths {got}")


def _still(
    text: str,
    chances: Mapping[str, float],
    maps: Sequence[Tensor],
    lens: Sequence[Sequence[tuple[str, float]]],
) -> str:
    """Its first state as HTML, dressed as the machine is (static/machine.css)."""
    size = len(text)
    for layer in maps:
        if layer.dim() != 3 or layer.shape[1:] != (size, size):
            raise ValueError(
                f"maps must be (heads, {size}, {size}) in each layer, got {tuple(layer.shape)}"
            )
    if wrong := [len(line) for line in lens if len(line) != size]:
        raise ValueError(f"lens must have {size} letters in each line, got {wrong[0]}")
    letter, chance = next(iter(chances.items()))
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
        f"letters:</p>{bars((_shown(c), p) for c, p in chances.items())}"
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
