"""A classifier of sentences that runs inside the page: strike words out, and its answer moves.

The arithmetic is static/bert.js, on the encoder of the other models in the page.
"""

from collections.abc import Mapping, Sequence

import traitlets
from torch import Tensor

from transformer_lib import checks
from transformer_lib.show.page_checks import check_classifier_weights, check_words, checked_config
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
        checks.string(text=text, caption=caption)
        check_classifier_weights(config, weights)
        check_words(words, weights, _SPECIAL)
        data, contents = pack(weights)
        super().__init__(
            data=data,
            contents=contents,
            config=config | {"norm": "layer"},
            words="\n".join(words).encode(),
            text=text,
            caption=caption,
        )
