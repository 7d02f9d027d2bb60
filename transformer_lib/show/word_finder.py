"""A BERT that runs inside the page: it says which word it expects, or which words are names.

The arithmetic is static/bert.js, on the encoder of the other models in the page.
"""

from collections.abc import Mapping, Sequence

import traitlets
from torch import Tensor

from transformer_lib import checks
from transformer_lib.show.page_checks import check_bert_weights, check_words, checked_config
from transformer_lib.show.page_models import PageModel, script, style
from transformer_lib.show.quantize import pack

_SHOWN = 7  # guesses, as in the page
_SPECIAL = 3  # padding, unknown, mask: the first ids of the vocabulary


class WordFinder(PageModel):
    """A cloze: the reader hides a word of a verse, and sees what the model expects there.

    With a `probe`, a linear classifier of features, it marks names instead.

    Args:
        config: the model's: d_model, num_heads, num_layers, activation and eps. Pre-norm, rotary,
            without segments. Further entries are left out.
        weights: state dict of a `MaskedWords`; None to use those that another finder on the page
            brought along.
        words: the vocabulary; token i is `words[i]`, the first three padding, unknown and mask.
        text: the verse at first.
        hidden: which of its words is hidden at first, from 0.
        probe: d_model weights and a bias: above zero is a name.
        caption: one sentence that says what to try.
        first: what the model expects at the hidden word, vocab_size probabilities: in the book it
            shows them at once, and its weights come when the reader touches the page.

    Raises:
        ValueError: for a configuration that the page cannot compute, or weights, vocabulary, probe
            or text that do not fit.
    """

    _esm = script("transformer", "bert", "controls", "word_finder")
    _css = style("page_models", "word_finder")
    words = traitlets.Bytes().tag(sync=True)  # the vocabulary, a word in a line
    text = traitlets.Unicode().tag(sync=True)
    hidden = traitlets.Int(0).tag(sync=True)
    probe = traitlets.List(traitlets.Float()).tag(sync=True)
    first = traitlets.Dict().tag(sync=True)  # guesses, place, chance
    shelf = traitlets.Unicode("bert").tag(sync=True)  # the name under which weights are shared

    def __init__(
        self,
        config: Mapping,
        weights: Mapping[str, Tensor] | None,
        words: Sequence[str],
        *,
        text: str,
        hidden: int = 0,
        probe: Tensor | None = None,
        caption: str = "",
        first: Tensor | None = None,
    ):
        config = checked_config(config, positions=("rotary",))
        checks.string(text=text, caption=caption)
        checks.at_least(0, hidden=hidden)
        data, contents = b"", []
        if weights is not None:
            check_bert_weights(config, weights)
            data, contents = pack(weights)
        check_words(words, weights, _SPECIAL)
        if probe is not None:
            checks.floating("probe", probe)
            if probe.shape != (config["d_model"] + 1,):
                raise ValueError(
                    f"probe must be d_model weights and a bias, ({config['d_model'] + 1},), "
                    f"got {tuple(probe.shape)}"
                )
        if first is not None:
            checks.floating("first", first)
            if first.shape != (len(words),):
                raise ValueError(f"first must be ({len(words)},), got {tuple(first.shape)}")
        super().__init__(
            data=data,
            contents=contents,
            config=config | {"norm": "layer"},
            words="\n".join(words).encode(),
            text=text,
            hidden=hidden,
            probe=[] if probe is None else probe.tolist(),
            caption=caption,
            first={} if first is None else _answer(first, words, text, hidden),
        )


def _answer(chances: Tensor, words: Sequence[str], text: str, hidden: int) -> dict:
    """What the page says of a hidden word (static/word_finder.js), from what is expected there."""
    best, truth = chances.topk(min(_SHOWN, len(words))), text.split()[hidden]
    place, chance = 0, 0.0
    if truth in words:
        chance = chances[words.index(truth)].item()
        place = (chances > chance).sum().item() + 1
    guesses = [
        [words[i], p] for i, p in zip(best.indices.tolist(), best.values.tolist(), strict=True)
    ]
    return {"guesses": guesses, "place": place, "chance": chance}
