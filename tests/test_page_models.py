"""What the models in the page carry with them. What they compute and do there, tests/book sees."""

import re
from dataclasses import asdict

import pytest
import torch

from transformer_lib.models.gpt import GPT, GPTConfig
from transformer_lib.models.vit import ViT, ViTConfig
from transformer_lib.show.page_models import DigitReader, TextWriter, page_source
from transformer_lib.show.quantize import pack

GPT_CONFIG = GPTConfig(
    5,
    d_model=8,
    num_heads=2,
    num_layers=2,
    d_ff=16,
    activation="relu2",
    positions="rotary",
    norm="rms",
    bias=False,
)
VIT_CONFIG = ViTConfig(
    8, 4, in_channels=1, num_classes=3, d_model=8, num_heads=2, num_layers=2, d_ff=16
)
SAMPLES = torch.arange(128).reshape(2, 1, 8, 8) / 255


def writer(config=(), weights=None, characters="abc \n", **options):
    weights = GPT(GPT_CONFIG).state_dict() if weights is None else weights
    return TextWriter(
        asdict(GPT_CONFIG) | dict(config), weights, characters, **{"prompt": "a b"} | options
    )


def reader(config=(), weights=None, samples=SAMPLES, labels=(1, 2), **options):
    weights = ViT(VIT_CONFIG).state_dict() if weights is None else weights
    return DigitReader(asdict(VIT_CONFIG) | dict(config), weights, samples, labels, **options)


@pytest.mark.parametrize(("make", "model"), [(writer, GPT(GPT_CONFIG)), (reader, ViT(VIT_CONFIG))])
def test_a_widget_carries_its_weights_in_8_bits(make, model):
    widget = make(weights=model.state_dict())
    data, contents = pack(model.state_dict())
    assert (widget.data, [tuple(c) for c in widget.contents]) == (data, contents)
    assert make(weights=model.state_dict()).get_state(["data"]) == widget.get_state(["data"])


def test_a_writer_keeps_what_the_page_needs_and_no_more():
    widget = writer({"max_len": 256}, caption="Try.", layer=1, head=2, seed=5, temperature=0.5)
    assert widget.config == {
        "activation": "relu2",
        "d_model": 8,
        "eps": 1e-5,
        "max_len": 256,
        "norm": "rms",
        "num_heads": 2,
        "num_layers": 2,
        "positions": "rotary",
    }
    assert (widget.characters, widget.prompt) == (list("abc \n"), "a b")
    assert (widget.layer, widget.head, widget.seed, widget.temperature) == (1, 2, 5, 0.5)
    assert (widget.caption, widget.length) == ("Try.", 400)


def test_a_reader_keeps_its_samples_as_pixels():
    widget = reader(layer=0)
    assert widget.samples == bytes(range(128))
    assert (widget.labels, widget.classes, widget.layer) == (["1", "2"], ["0", "1", "2"], 0)
    assert reader(samples=SAMPLES[:0], labels=()).labels == []
    assert reader().layer is None  # all of them, by rollout


@pytest.mark.parametrize("widget", [writer, reader])
def test_a_widget_carries_its_script_and_asks_for_nothing(widget):
    script, style = str(widget()._esm), str(widget()._css)
    assert script.startswith(page_source())
    assert script.count("export default") == 1
    assert not re.search(r"^\s*import\b|\bimport\(|https?:|innerHTML|fetch\(|</", script, re.M)
    assert not re.search(r"@import|url\(", style)


def test_the_source_of_one_function_comes_with_its_comment():
    source = page_source("attention")
    assert source in page_source()
    assert source.startswith("// Each token of `xs` looks at")
    assert source.endswith("return { out, maps };\n}")
    assert source.count("\nfunction") == 1
    assert "function erf(" in page_source("erf")
    with pytest.raises(ValueError, match=r"name must be .* got 'attend'"):
        page_source("attend")


def test_the_arithmetic_is_small_enough_to_read():
    lines = page_source().splitlines()
    assert len(lines) <= 230
    assert max(map(len, lines)) <= 100


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"config": {"activation": "swiglu"}}, "activation one of .*, got 'swiglu'"),
        ({"config": {"positions": "learned_2d"}}, "positions one of .*, got 'learned_2d'"),
        ({"config": {"norm": "batch"}}, "norm one of .*, got 'batch'"),
        ({"characters": "abc"}, "characters must be vocab_size = 5, .* got 3"),
        ({"prompt": "a!?"}, r"prompt must be .* got \['!', '\?'\]"),
        ({"prompt": ""}, "prompt must have at least one"),
        ({"layer": 2}, "layer must be 0 to 1, got 2"),
        ({"head": 3}, "head must be 0 to 2, got 3"),
        ({"speed": 3}, r"options must be of .* got \['speed'\]"),
        ({"weights": {}}, "weights must hold embedding.weight, got none"),
    ],
)
def test_a_writer_refuses_what_does_not_fit(arguments, said):
    with pytest.raises(ValueError, match=said):
        writer(**arguments)


def test_a_configuration_must_be_whole():
    config = asdict(GPT_CONFIG)
    del config["eps"], config["norm"]
    with pytest.raises(ValueError, match="config must name eps, norm, got"):
        TextWriter(config, GPT(GPT_CONFIG).state_dict(), "abc \n", prompt="a")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"config": {"positions": "learned_2d"}}, "positions one of .*, got 'learned_2d'"),
        ({"config": {"pooling": "max"}}, "pooling one of .*, got 'max'"),
        ({"samples": SAMPLES[:, 0]}, r"samples must be \(n, 1, image_size = 8, 8\), got \(2, 8"),
        ({"samples": SAMPLES[:, :, 1:]}, r"got \(2, 1, 7, 8\)"),
        ({"samples": SAMPLES * 255}, "samples must be from 0 to 1, got 0 to 127"),
        ({"labels": (1,)}, "labels must be one for each of 2, got 1"),
        ({"layer": 2}, "layer must be 0 to 1, got 2"),
        ({"weights": {"x": torch.ones(2)}}, "weights must hold head.weight, got x"),
    ],
)
def test_a_reader_refuses_what_does_not_fit(arguments, said):
    with pytest.raises(ValueError, match=said):
        reader(**arguments)
