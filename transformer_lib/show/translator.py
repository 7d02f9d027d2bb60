"""Pieces of words and a translator that run inside the page.

The arithmetic is static/subwords.js and static/translation.js, on the layers of the other models in
the page.
"""

import struct
from collections.abc import Mapping, Sequence

import anywidget
import traitlets
from torch import Tensor

from transformer_lib import checks
from transformer_lib.show.page_checks import PROJECTIONS, Shapes, checked_config, compare, tensor
from transformer_lib.show.page_models import PageModel, script, style
from transformer_lib.show.quantize import pack

Merges = Sequence[tuple[int, int]]
_SPECIAL = 3  # padding, start and end: the ids in front of the pieces


class PieceCutter(anywidget.AnyWidget):
    """A text of the reader's own, cut into pieces with more and more merges.

    Args:
        merges: of `BytePairs`, in the order in which they were learnt.
        text: what is cut at first.
        known: how many of the merges are known at first.
        caption: one sentence that says what to try.

    Raises:
        ValueError: if a pair is not of two numbers below 65,536, there are fewer merges than
            `known`, or a text is none.
    """

    _esm = script("controls", "subwords", "piece_cutter")
    _css = style("page_models", "word_finder")
    merges = traitlets.Bytes().tag(sync=True)
    text = traitlets.Unicode().tag(sync=True)
    known = traitlets.Int(0).tag(sync=True)
    caption = traitlets.Unicode().tag(sync=True)

    def __init__(self, merges: Merges, *, text: str, known: int = 0, caption: str = ""):
        checks.string(text=text, caption=caption)
        packed = _packed(merges)
        checks.at_least(0, known=known)
        if known > len(merges):
            raise ValueError(f"known must be at most {len(merges)}, all merges, got {known}")
        super().__init__(merges=packed, text=text, known=known, caption=caption)


class Translator(PageModel):
    """An encoder-decoder that translates in the page, and shows where each written piece looked.

    It writes the likeliest piece each time, without a beam.

    Args:
        config: the model's: d_model, num_heads, num_encoder_layers, num_decoder_layers and
            activation. Pre-norm, rotary, one matrix for source, target and output. Further
            entries are left out.
        weights: state dict of such a `Transformer`.
        merges: of its pieces, behind three special ids.
        text: the sentence at first.
        caption: one sentence that says what to try.

    Raises:
        ValueError: for a configuration that the page cannot compute, or weights and merges that do
            not fit.
    """

    _esm = script("transformer", "controls", "subwords", "translation", "translator")
    _css = style("page_models", "word_finder", "translator")
    merges = traitlets.Bytes().tag(sync=True)
    text = traitlets.Unicode().tag(sync=True)

    def __init__(
        self,
        config: Mapping,
        weights: Mapping[str, Tensor],
        merges: Merges,
        *,
        text: str,
        caption: str = "",
    ):
        checks.string(text=text, caption=caption)
        if not isinstance(config, Mapping):
            raise ValueError(f"config must be a dict, got {type(config).__name__}")
        depths = ("num_encoder_layers", "num_decoder_layers")
        config = {"num_layers": config.get(depths[0]), "eps": 1e-5} | dict(config)
        config = checked_config(config, *depths, positions=("rotary",), share_embeddings=(True,))
        _check_weights(config, weights)
        size = len(tensor(weights, "target_embedding.weight"))
        if len(merges) + 256 + _SPECIAL != size:
            raise ValueError(
                f"merges must be {size - 256 - _SPECIAL}, for {size} tokens, got {len(merges)}"
            )
        data, contents = pack(weights)
        super().__init__(
            data=data,
            contents=contents,
            config=config | {"norm": "layer"},
            merges=_packed(merges),
            text=text,
            caption=caption,
        )


def _packed(merges: Merges) -> bytes:
    """Pairs of whole numbers of 16 bits, the low byte first."""
    try:
        return b"".join(struct.pack("<HH", *pair) for pair in merges)
    except (struct.error, TypeError) as error:
        raise ValueError(f"merges must be pairs of numbers below 65,536: {error}") from None


def _check_weights(config: Mapping, weights: Mapping[str, Tensor]) -> None:
    """Refuse weights of another model than such a `Transformer` of this configuration."""
    width = config["d_model"]
    size = len(tensor(weights, "target_embedding.weight"))
    d_ff = len(tensor(weights, "decoder.layers.0.feed_forward.linear1.weight"))
    vectors: Shapes = {}
    matrices: Shapes = {"target_embedding.weight": (size, width)}
    biases: Shapes = {}
    for stack, norms in (("encoder", 2), ("decoder", 3)):
        places = ["self_attention", "cross_attention"][: norms - 1]
        names = [f"{stack}.final_norm"]
        for n in range(config[f"num_{stack}_layers"]):
            layer = f"{stack}.layers.{n}"
            names += [f"{layer}.norm{i + 1}" for i in range(norms)]
            maps = {f"{at}.{name}": (width, width) for at in places for name in PROJECTIONS}
            maps["feed_forward.linear1"] = (d_ff, width)
            maps["feed_forward.linear2"] = (width, d_ff)
            matrices |= {f"{layer}.{name}.weight": shape for name, shape in maps.items()}
            biases |= {f"{layer}.{name}.bias": shape[:1] for name, shape in maps.items()}
        vectors |= {f"{name}.{what}": (width,) for name in names for what in ("weight", "bias")}
    compare(weights, matrices | vectors, biases)
