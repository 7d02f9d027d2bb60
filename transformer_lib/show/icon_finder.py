"""A CLIP that runs inside the page: words find icons, and a drawing finds its names.

The arithmetic is static/clip.js, on the Vision Transformer of the other models in the page.
"""

from collections.abc import Mapping, Sequence

import torch
import traitlets
from torch import Tensor

from transformer_lib import checks
from transformer_lib.show.page_checks import (
    check_vit_weights,
    checked_config,
    checked_samples,
    compare,
    tensor,
)
from transformer_lib.show.page_models import PageModel, script, style
from transformer_lib.show.quantize import pack


class IconFinder(PageModel):
    """Type words and see which icons fit; draw an icon and see what it would be called.

    A word with a minus before it is taken away: "folder lock - lock + star".

    Args:
        eyes: the configuration of the ViT that reads pictures, as for `DigitReader`.
        weights: state dict of a CLIP whose text tower sums a vector for each word, with the names
            of `models.clip`.
        words: the vocabulary; its first word has the id `special` and the others follow.
        icons: grey pictures (n, 1, image_size, image_size), from 0 to 1, that are searched.
        icon_names: what they are called, words with blanks between them.
        vectors: those of the icons (n, width), of length 1.
        names: what a drawing may be called.
        text: what is searched at first.
        examples: searches to try, each a button.
        caption: one sentence that says what to try.

    Raises:
        ValueError: for a configuration that the page cannot compute, or icons, names or vectors
            that do not fit.
    """

    _esm = script("transformer", "clip", "controls", "drawing", "icon_finder")
    _css = style("page_models", "icon_finder")
    icons = traitlets.Bytes().tag(sync=True)  # two pixels to a byte, 16 shades
    words = traitlets.Bytes().tag(sync=True)  # a word in a line
    names = traitlets.Bytes().tag(sync=True)
    icon_names = traitlets.Bytes().tag(sync=True)
    text = traitlets.Unicode().tag(sync=True)
    examples = traitlets.List(traitlets.Unicode()).tag(sync=True)

    def __init__(
        self,
        eyes: Mapping,
        weights: Mapping[str, Tensor],
        words: Sequence[str],
        icons: Tensor,
        icon_names: Sequence[str],
        vectors: Tensor,
        names: Sequence[str],
        *,
        text: str,
        examples: Sequence[str] = (),
        caption: str = "",
    ):
        config = checked_config(
            eyes,
            "image_size",
            "patch_size",
            pooling=("class", "mean"),
            positions=("learned", "none"),
        )
        checks.string(text=text, caption=caption)
        lists = {"words": words, "icon_names": icon_names, "names": names, "examples": examples}
        _check_lists(**lists)
        kept = _kept_weights(config, weights, len(words))
        samples = checked_samples(icons, config["image_size"])
        width = kept["words.weight"].size(1)
        if vectors.shape != (len(samples), width) or len(icon_names) != len(samples):
            raise ValueError(
                f"vectors and icon_names must be one for each of {len(samples)} icons, vectors "
                f"{width} wide, got {tuple(vectors.shape)} and {len(icon_names)}"
            )
        data, contents = pack(kept | {"icons": vectors})
        super().__init__(
            data=data,
            contents=contents,
            config=config | {"norm": "layer"},
            icons=_in_half_bytes(samples),
            **{name: "\n".join(lists[name]).encode() for name in ("words", "icon_names", "names")},
            text=text,
            examples=list(examples),
            caption=caption,
        )


def _kept_weights(config: Mapping, weights: Mapping[str, Tensor], count: int) -> dict:
    """The eyes, and the vectors of the words without those of the special ids before them."""
    table = tensor(weights, "text_tower.words.weight")
    if table.dim() != 2 or len(table) < count or not count:
        raise ValueError(
            f"weights must have a vector for each of {count} words, got {tuple(table.shape)}"
        )
    eyes = {
        name.removeprefix("image_tower."): weight
        for name, weight in weights.items()
        if name.startswith("image_tower.")
    }
    check_vit_weights(config, eyes)
    head = (table.size(1), config["d_model"])
    compare({"head.weight": eyes["head.weight"]}, {"head.weight": head}, {})
    kept = {f"image_tower.{name}": weight for name, weight in eyes.items()}
    return kept | {"words.weight": table[len(table) - count :]}


def _in_half_bytes(samples: Tensor) -> bytes:
    """Pictures of 8 bits in 16 shades, two pixels to a byte."""
    shades = ((samples.flatten().int() + 8) // 17).to(torch.uint8)  # 255 = 15 · 17
    if len(shades) % 2:
        shades = torch.cat([shades, shades.new_zeros(1)])
    high, low = shades.view(-1, 2).unbind(dim=1)
    return (high * 16 + low).numpy().tobytes()


def _check_lists(**lists: Sequence[str]) -> None:
    for name, values in lists.items():
        if not isinstance(values, list | tuple) or not all(isinstance(v, str) for v in values):
            raise ValueError(f"{name} must be a list of strings, got {values!r}")
    needed = {name: len(values) for name, values in lists.items() if name != "examples"}
    checks.at_least(1, **needed)
