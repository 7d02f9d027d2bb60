"""A classifier of sentences that runs inside the page: strike words out, and its answer moves.

The arithmetic is static/bert.js, on the encoder of the other models in the page.
"""

from collections.abc import Mapping, Sequence

import traitlets
from torch import Tensor

from transformer_lib.show.page_checks import check_classifier_weights, checked_config, tensor
from transformer_lib.show.page_models import PageModel, script, style
from transformer_lib.show.quantize import pack

_SPECIAL = 2  # padding, unknown: the first ids of the vocabulary


class WordStriker(PageModel):
    """Praise or blame? The reader writes a sentence, strikes words out, and sees what each does.

    Args:
        config: the model's: d_model, num_heads, num_layers, activation and eps. Pre-norm, rotary,
            without segments. Further entries are left out.
        weights: state dict of a `Classifier` of two classes, blame and praise, that reads the mean
            of all tokens.
        words: the vocabulary; token i is `words[i]`, the first two padding and unknown.
        text: the sentence at first.
        caption: one sentence that says what to try.

    Raises:
        ValueError: for a configuration that the page cannot compute, or weights, vocabulary or
            text that do not fit.
    """

    _esm = script("transformer", "bert", "controls", "word_striker")
    _css = style("page_models", "word_striker")
    words = traitlets.Bytes().tag(sync=True)  # the vocabulary, a word in a line
    text = traitlets.Unicode().tag(sync=True)

    def __init__(
        self,
        config: Mapping,
        weights: Mapping[str, Tensor],
        words: Sequence[str],
        *,
        text: str,
        caption: str = "",
    ):
        config = checked_config(config, positions=("rotary",))
        for name, value in (("text", text), ("caption", caption)):
            if not isinstance(value, str):
                raise ValueError(f"{name} must be a string, got {value!r}")
        if not isinstance(words, Sequence) or not all(isinstance(word, str) for word in words):
            raise ValueError(f"words must be a list of strings, got {words!r}")
        if len(set(words)) != len(words) or len(words) <= _SPECIAL:
            raise ValueError(f"words must be distinct, and more than {_SPECIAL}, got {len(words)}")
        check_classifier_weights(config, weights)
        vocab_size = len(tensor(weights, "bert.embedding.weight"))
        if len(words) != vocab_size:
            raise ValueError(
                f"words must be vocab_size = {vocab_size}, as the weights are, got {len(words)}"
            )
        data, contents = pack(weights)
        super().__init__(
            data=data,
            contents=contents,
            config=config | {"norm": "layer"},
            words="\n".join(words).encode(),
            text=text,
            caption=caption,
        )
