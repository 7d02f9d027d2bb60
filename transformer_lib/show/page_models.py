"""Models that run inside the page, in plain JavaScript: a writer, a reader and a finder of digits.

Their arithmetic is static/transformer.js, which can be read beside the Python package; the finder's
static/detector.js stands on it. The weights travel with the widget, in 8 bits each, so it needs no
kernel and no network. They take dicts, tensors and strings, and know no model.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import anywidget
import torch
import traitlets
from torch import Tensor

from transformer_lib import checks
from transformer_lib.show.detector_checks import check_detector_weights, checked_detector
from transformer_lib.show.page_checks import (
    check_gpt_weights,
    check_range,
    check_vit_weights,
    checked_characters,
    checked_config,
    checked_labels,
    checked_samples,
    tensor,
)
from transformer_lib.show.quantize import pack
from transformer_lib.show.stills import digit_still

STATIC = Path(__file__).parent / "static"


def page_source(name: str | None = None, *, file: str = "transformer") -> str:
    """The JavaScript of a model in the page, as it is in the file.

    Args:
        name: of one function, as "attention", with the comment above it; by default the whole file.
        file: "transformer", or what is built on it: "bert", "translation"; or "subwords".

    Raises:
        ValueError: if there is no such file, or no function of that name in it.
    """
    checks.one_of(("transformer", "bert", "subwords", "translation"), file=file)
    source = (STATIC / f"{file}.js").read_text(encoding="utf-8")
    if name is None:
        return source
    for block in source.split("\n\n"):
        if f"function {name}(" in block:
            return source[source.index(block) :].split("\n}\n")[0] + "\n}"
    raise ValueError(f"name must be that of a function in {file}.js, got {name!r}")


def script(*names: str) -> str:
    """One module out of several files: a widget may import nothing."""
    return _joined("js", names)


def style(*names: str) -> str:
    """One style sheet out of several files."""
    return _joined("css", names)


def _joined(kind: str, names: tuple[str, ...]) -> str:
    return "\n".join((STATIC / f"{name}.{kind}").read_text(encoding="utf-8") for name in names)


class PageModel(anywidget.AnyWidget):
    """What all have: a configuration, and weights in 8 bits."""

    _css = STATIC / "page_models.css"
    data = traitlets.Bytes().tag(sync=True)  # see quantize.pack
    contents = traitlets.List().tag(sync=True)  # [name, shape] of every tensor, in the data's order
    config = traitlets.Dict().tag(sync=True)
    caption = traitlets.Unicode().tag(sync=True)


class TextWriter(PageModel):
    """A GPT that writes in the page, character by character, and shows where it looks.

    The reader types a beginning, chooses temperature and seed, and sees for every character the
    attention of each head and what might come next. The same seed writes the same text.

    Args:
        config: the model's: d_model, num_heads, num_layers, activation, positions ("learned" or
            "rotary"), norm ("layer" or "rms"), eps, and max_len, how many characters back it
            looks at most. Pre-norm, causal. Further entries are left out.
        weights: its state dict, with the names of `models.gpt`.
        characters: the vocabulary; token i is `characters[i]`.
        prompt: what it begins with at first.
        caption: one sentence that says what to try.
        options: temperature (0.8), seed (1), length (400, characters that it writes), layer (0)
            and head (0, the mean of all; then from 1).

    Raises:
        ValueError: for a configuration that the page cannot compute, a vocabulary that does not
            fit the weights, a prompt with a character outside it, or an unknown option.
    """

    _esm = script("transformer", "controls", "text_writer")
    _css = style("page_models", "text_writer")
    characters = traitlets.List(traitlets.Unicode()).tag(sync=True)
    prompt = traitlets.Unicode().tag(sync=True)
    temperature = traitlets.Float(0.8).tag(sync=True)
    seed = traitlets.Int(1).tag(sync=True)
    length = traitlets.Int(400).tag(sync=True)
    layer = traitlets.Int(0).tag(sync=True)
    head = traitlets.Int(0).tag(sync=True)

    def __init__(self, config, weights, characters, *, prompt, caption="", **options):
        known = {"temperature", "seed", "length", "layer", "head"}
        if options.keys() - known:
            raise ValueError(
                f"options must be of {sorted(known)}, got {sorted(options.keys() - known)}"
            )
        config = checked_config(config, positions=("learned", "rotary"), norm=("layer", "rms"))
        checks.string(prompt=prompt, caption=caption)
        check_gpt_weights(config, weights)
        characters = checked_characters(characters, weights)
        if unknown := sorted(set(prompt) - set(characters)):
            raise ValueError(f"prompt must be of the vocabulary's characters, got {unknown}")
        if not prompt:
            raise ValueError("prompt must have at least one character, got none")
        if config["positions"] == "learned" and len(prompt) >= config["max_len"]:
            raise ValueError(
                f"prompt must be shorter than max_len = {config['max_len']}, got {len(prompt)}"
            )
        checks.positive(temperature=options.get("temperature", 1.0))
        checks.at_least(1, length=options.get("length", 1))
        checks.at_least(0, seed=options.get("seed", 0))
        check_range("layer", options.get("layer", 0), config["num_layers"] - 1)
        check_range("head", options.get("head", 0), config["num_heads"])
        data, contents = pack(weights)
        super().__init__(
            data=data,
            contents=contents,
            config=config,
            characters=characters,
            prompt=prompt,
            caption=caption,
            **options,
        )


class DigitReader(PageModel):
    """A ViT that reads in the page what is drawn there, and shows where it looks.

    A drawing is scaled and centred as the training digits were. The samples are digits that need
    no drawing, for readers without a pointer too.

    Args:
        config: the model's: image_size, patch_size, d_model, num_heads, num_layers, activation,
            pooling ("class" or "mean"), positions ("learned" or "none") and eps. Pre-norm, grey
            pictures. Further entries are left out.
        weights: its state dict, with the names of `models.vit`.
        samples: grey pictures (n, 1, image_size, image_size), from 0 to 1.
        labels: their n classes.
        caption: one sentence that says what to try.
        layer: whose attention is shown at first, from 0; None for all layers, by rollout.
        order: of the patches, each place once; with it, patches and learned positions can be mixed.
        first: the classes' probabilities for the first sample, for where no script runs.

    Raises:
        ValueError: for a configuration that the page cannot compute, or samples or an order that
            do not fit.
    """

    _esm = script("transformer", "controls", "drawing", "digit_reader")
    samples = traitlets.Bytes().tag(sync=True)
    labels = traitlets.List(traitlets.Unicode()).tag(sync=True)
    classes = traitlets.List(traitlets.Unicode()).tag(sync=True)
    layer = traitlets.Int(None, allow_none=True).tag(sync=True)
    order = traitlets.List(traitlets.Int()).tag(sync=True)  # empty: nothing is mixed
    still = traitlets.Unicode().tag(sync=True)

    def __init__(
        self,
        config: Mapping,
        weights: Mapping[str, Tensor],
        samples: Tensor,
        labels: Sequence,
        *,
        caption: str = "",
        layer: int | None = None,
        order: list[int] | None = None,
        first: Tensor | None = None,
    ):
        config = checked_config(
            config,
            "image_size",
            "patch_size",
            pooling=("class", "mean"),
            positions=("learned", "none"),
        )
        size = config["image_size"]
        checks.string(caption=caption)
        check_vit_weights(config, weights)
        samples = checked_samples(samples, size)
        num_classes = len(tensor(weights, "head.weight"))
        labels = checked_labels(labels, len(samples), num_classes)
        if layer is not None:
            check_range("layer", layer, config["num_layers"] - 1)
        if order is not None:
            _check_order(order, config)
        data, contents = pack(weights)
        classes = [str(i) for i in range(num_classes)]
        super().__init__(
            data=data,
            contents=contents,
            config=config | {"norm": "layer"},
            samples=samples.numpy().tobytes(),
            labels=labels,
            classes=classes,
            caption=caption,
            layer=layer,
            order=order or [],
            still="" if first is None else digit_still(samples[0, 0], classes, first),
        )


def _check_order(order: list[int], config: Mapping) -> None:
    """Refuse what is no order of the patches, or where there are no positions to be mixed."""
    count = (config["image_size"] // config["patch_size"]) ** 2
    learned, is_list = config["positions"] == "learned", isinstance(order, list)
    if not learned or not is_list or len(order) != count or {*range(count)} - {*order}:
        raise ValueError(
            f"order must be a list of the numbers 0 to {count - 1}, for positions that are "
            f"learned, got {order!r} for positions {config['positions']!r}"
        )


class DigitFinder(PageModel):
    """A DETR that finds in the page the digits that the reader moves, and shows who finds them.

    Digits are dragged, or moved by arrow keys; each query's box is drawn as an anchor and after
    every layer. Where a digit passes from one query to another, it is said.

    Args:
        config: the detector's: num_classes, num_queries, d_model, num_heads, num_decoder_layers,
            activation, base, refine, no_object. Its queries start from anchors, its layers are
            pre-norm, and it has no encoder. Further entries are left out.
        backbone: the configuration of the ViT that it sees with, as for `DigitReader`.
        weights: its state dict, with the names of `models.detection`.
        samples: grey pictures of digits (n, 1, 28, 28), from 0 to 1.
        labels: their n classes.
        places: where the middle of each is at first, x and y in pixels; None for those that wait
            beside the scene.
        noise: standard deviation of what is added to every pixel.
        caption: one sentence that says what to try.

    Raises:
        ValueError: for a configuration that the page cannot compute, or digits that do not fit.
    """

    _esm = script("transformer", "controls", "detector", "digit_finder")
    samples = traitlets.Bytes().tag(sync=True)
    labels = traitlets.List(traitlets.Unicode()).tag(sync=True)
    places = traitlets.List().tag(sync=True)  # [x, y] of each, -1 for those that wait
    noise = traitlets.Bytes().tag(sync=True)  # of every pixel, int8: 127 is 1

    def __init__(
        self,
        config: Mapping,
        backbone: Mapping,
        weights: Mapping[str, Tensor],
        samples: Tensor,
        labels: Sequence,
        places: Sequence,
        *,
        noise: float = 0.0,
        caption: str = "",
    ):
        config = checked_detector(config, backbone)
        checks.string(caption=caption)
        checks.not_negative(noise=noise)
        check_detector_weights(config, weights)
        samples = checked_samples(samples, 28)
        labels = checked_labels(labels, len(samples), config["num_classes"])
        side = config["backbone"]["image_size"]
        if not isinstance(places, Sequence) or len(places) != len(samples):
            raise ValueError(f"places must be one for each of {len(samples)}, got {places!r}")
        for x, y in filter(None, places):
            check_range("places", x, side - 1)
            check_range("places", y, side - 1)
        grain = noise * torch.randn(side, side, generator=torch.Generator().manual_seed(0))
        data, contents = pack(weights)
        super().__init__(
            data=data,
            contents=contents,
            config=config,
            samples=samples.numpy().tobytes(),
            labels=labels,
            places=[list(place or (-1, -1)) for place in places],
            noise=(127 * grain.clamp(-1, 1)).round().to(torch.int8).numpy().tobytes(),
            caption=caption,
        )
