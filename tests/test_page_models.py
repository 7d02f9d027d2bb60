"""What the models in the page carry with them. What they compute and do there, tests/book sees."""

import json
import re
import shutil
import subprocess
from dataclasses import asdict, replace

import pytest
import torch

from transformer_lib.models.detection import DETR, DETRConfig
from transformer_lib.models.gpt import GPT, GPTConfig
from transformer_lib.models.vit import ViT, ViTConfig
from transformer_lib.show.page_models import DigitFinder, DigitReader, TextWriter, page_source
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
DETR_CONFIG = DETRConfig(
    3, num_queries=4, d_model=8, num_heads=2, num_encoder_layers=0, num_decoder_layers=2, d_ff=12,
    queries="anchors", norm_first=True,
)  # fmt: skip
DIGITS = torch.arange(2 * 28 * 28).remainder(256).reshape(2, 1, 28, 28) / 255


def writer(config=(), weights=None, characters="abc \n", **options):
    weights = GPT(GPT_CONFIG).state_dict() if weights is None else weights
    return TextWriter(
        asdict(GPT_CONFIG) | dict(config), weights, characters, **{"prompt": "a b"} | options
    )


def reader(config=(), weights=None, samples=SAMPLES, labels=(1, 2), **options):
    weights = ViT(VIT_CONFIG).state_dict() if weights is None else weights
    return DigitReader(asdict(VIT_CONFIG) | dict(config), weights, samples, labels, **options)


def finder(config=(), weights=None, backbone=(), samples=DIGITS, labels=(1, 2), **options):
    weights = DETR(DETR_CONFIG, ViT(VIT_CONFIG)).state_dict() if weights is None else weights
    config, backbone = asdict(DETR_CONFIG) | dict(config), asdict(VIT_CONFIG) | dict(backbone)
    options = {"places": ((3, 5), None)} | options
    return DigitFinder(config, backbone, weights, samples, labels, **options)


MODELS = [GPT(GPT_CONFIG), ViT(VIT_CONFIG), DETR(DETR_CONFIG, ViT(VIT_CONFIG))]


@pytest.mark.parametrize(("make", "model"), [*zip((writer, reader, finder), MODELS, strict=True)])
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
    assert reader().order == []  # nothing is mixed
    assert reader(order=[2, 0, 3, 1]).order == [2, 0, 3, 1]


def test_a_reader_of_digits_says_what_it_read_where_no_script_runs():
    count = len(reader().classes)
    still = reader(first=torch.eye(count)[1]).still
    assert "It reads 1 (1.00)." in still
    assert still.count("<li>") == count
    assert still.count("<path") == (SAMPLES[0] * 255).round().count_nonzero()
    assert reader().still == ""
    with pytest.raises(ValueError, match="first must be"):
        reader(first=torch.ones(count + 1))


def test_a_finder_keeps_its_digits_and_where_they_stand():
    widget = finder(noise=0.2, caption="Move.")
    assert widget.samples == bytes(torch.arange(2 * 28 * 28).remainder(256).tolist())
    assert (widget.labels, widget.places) == (["1", "2"], [[3, 5], [-1, -1]])
    noise = torch.frombuffer(bytearray(widget.noise), dtype=torch.int8) / 127
    assert len(noise) == 8 * 8
    assert 0.15 < noise.std() < 0.25
    assert finder().noise == bytes(64)
    assert widget.config == {
        "activation": "relu",
        "backbone": reader().config,
        "base": 10000.0,
        "d_model": 8,
        "eps": 1e-5,
        "no_object": True,
        "norm": "layer",
        "num_classes": 3,
        "num_heads": 2,
        "num_layers": 2,
        "num_queries": 4,
        "queries": "anchors",
        "refine": False,
    }


@pytest.mark.parametrize("widget", [writer, reader, finder])
def test_a_widget_carries_its_script_and_asks_for_nothing(widget):
    script, style = str(widget()._esm), str(widget()._css)
    assert script.startswith(page_source())
    assert script.count("export default") == 1
    script = script.replace("http://www.w3.org/2000/svg", "")  # a name, and no address
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


UNPLACED = ViT(replace(VIT_CONFIG, positions="none")).state_dict()


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
        ({"order": [2, 0, 1]}, r"order must be a list of the numbers 0 to 3, .* got \[2, 0, 1\]"),
        ({"order": [2, 0, 1, 1]}, r"order must .* got \[2, 0, 1, 1\]"),
        ({"order": [2, 0, 3, 1, 1]}, r"order must .* got \[2, 0, 3, 1, 1\]"),
        ({"order": (2, 0, 3, 1)}, r"order must be a list"),
        (
            {"config": {"positions": "none"}, "weights": UNPLACED, "order": [2, 0, 3, 1]},
            "order must .* positions that are learned, .* positions 'none'",
        ),
    ],
)
def test_a_reader_refuses_what_does_not_fit(arguments, said):
    with pytest.raises(ValueError, match=said):
        reader(**arguments)


def without(name):
    weights = DETR(DETR_CONFIG, ViT(VIT_CONFIG)).state_dict()
    del weights[name]
    return weights


LEARNING = replace(DETR_CONFIG, queries="learned")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"config": {"queries": "learned"}}, "queries one of .*, got 'learned'"),
        ({"config": {"norm_first": False}}, "pre-norm layers, got False"),
        ({"config": {"num_encoder_layers": 2}}, "num_encoder_layers 0, got 2"),
        ({"config": {"num_decoder_layers": 3}}, "got none for decoder.2.cross_attention"),
        ({"config": {"num_queries": 9}}, r"anchors \(9, 4\), got \(4, 4\)"),
        ({"config": {"num_classes": 4}}, r"class_head.weight \(5, 8\), got \(4, 8\)"),
        ({"config": {"base": 0.0}}, "base must be positive"),
        ({"config": {"refine": 1}}, "refine must be True or False"),
        ({"config": {"no_object": None}}, "no_object must be True or False"),
        ({"config": {"no_object": False}}, r"class_head.weight \(3, 8\), got \(4, 8\)"),
        ({"config": {"d_model": 6}}, "d_model must be a positive multiple of 4, got 6"),
        ({"backbone": {"pooling": "mean"}}, "got also class_token"),
        ({"backbone": {"positions": "learned_2d"}}, "positions one of .*, got 'learned_2d'"),
        ({"weights": without("place_proj.bias")}, "got none for place_proj.bias"),
        ({"weights": without("backbone.patches.proj.bias")}, "got none for patches.proj.bias"),
        (
            {"weights": DETR(LEARNING, ViT(VIT_CONFIG)).state_dict()},
            "got none for anchors, place_proj",
        ),
        ({"samples": SAMPLES}, r"samples must be \(n, 1, image_size = 28, 28\), got \(2, 1, 8"),
        ({"labels": (1, 3)}, "labels must be 0 to 2, got 3"),
        ({"places": ((3, 5),)}, "places must be one for each of 2"),
        ({"places": ((3, 8), None)}, "places must be 0 to 7, got 8"),
        ({"noise": -0.1}, "noise must be at least 0"),
        ({"caption": 3}, "caption must be a string"),
    ],
)
def test_a_finder_refuses_what_does_not_fit(arguments, said):
    with pytest.raises(ValueError, match=said):
        finder(**arguments)


LEARNED = replace(GPT_CONFIG, positions="learned", max_len=6)


def without(weights, *names):
    return {name: w for name, w in weights.items() if not name.endswith(names)}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"config": {"d_model": 16}}, r"embedding.weight \(5, 16\), got \(5, 8\)"),
        ({"config": {"num_heads": 3}}, "d_model must be a positive multiple of num_heads"),
        ({"config": {"num_heads": 8}}, "heads of even width for rotary, got 1"),
        ({"config": {"num_layers": 1}}, r"got also stack.layers.1.feed_forward"),
        ({"config": {"num_layers": 3}}, "got none for stack.layers.2.feed_forward"),
        ({"config": {"num_layers": 1.5}}, "num_layers must be a whole number, got 1.5"),
        ({"config": {"positions": "learned"}}, "max_len with learned positions, got None"),
        ({"config": {"positions": "learned", "max_len": 6}}, "got none for positions.table.weight"),
        ({"config": {"norm_first": False}}, "config must be of pre-norm layers, got False"),
        ({"config": {"eps": float("nan")}}, "eps must be positive and finite, got nan"),
        ({"config": {"max_len": 0}}, "max_len must be None or at least 1, got 0"),
        ({"config": {"norm": "rms"}, "weights": GPT(replace(GPT_CONFIG, norm="layer", bias=True))
          .state_dict()}, "got also stack.final_norm.bias"),
        ({"weights": without(GPT(GPT_CONFIG).state_dict(), "linear1.weight")}, "weights must hold"),
        ({"weights": without(GPT(GPT_CONFIG).state_dict(), "linear2.weight")}, "got none for"),
        ({"weights": GPT(GPT_CONFIG).state_dict() | {"more": torch.ones(2)}}, "got also more"),
        ({"temperature": float("nan")}, "temperature must be positive and finite, got nan"),
        ({"temperature": float("inf")}, "temperature must be positive and finite, got inf"),
        ({"temperature": 0.0}, "temperature must be positive and finite, got 0.0"),
        ({"temperature": -1.0}, "temperature must be positive and finite, got -1.0"),
        ({"length": -1}, "length must be at least 1, got -1"),
        ({"seed": 1.5}, "seed must be a whole number, got 1.5"),
        ({"layer": 0.5}, "layer must be a whole number, got 0.5"),
        ({"characters": "aabc "}, "characters must be distinct"),
        ({"characters": ["a", "b", "c", " ", "no"]}, "characters must be single characters"),
        ({"prompt": 5}, "prompt must be a string, got 5"),
    ],
)  # fmt: skip
def test_a_writer_refuses_what_the_page_cannot_compute(arguments, said):
    with pytest.raises(ValueError, match=said):
        writer(**arguments)


def test_a_prompt_must_leave_room_in_a_learned_window():
    weights = GPT(LEARNED).state_dict()
    assert writer(asdict(LEARNED), weights, prompt="a b c").prompt == "a b c"
    with pytest.raises(ValueError, match="prompt must be shorter than max_len = 6, got 6"):
        writer(asdict(LEARNED), weights, prompt="a b c ")
    with pytest.raises(ValueError, match=r"positions.table.weight \(7, 8\), got \(6, 8\)"):
        writer(asdict(LEARNED) | {"max_len": 7}, weights)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"config": {"pooling": "mean"}}, "got also class_token"),
        ({"config": {"positions": "none"}}, "got also positions.table.weight"),
        ({"config": {"patch_size": 2}}, r"patches.proj.weight \(8, 4\), got \(8, 16\)"),
        ({"config": {"patch_size": 3}}, "image_size that is a multiple of patch_size = 3, got 8"),
        ({"weights": ViT(replace(VIT_CONFIG, in_channels=3)).state_dict()}, r"got \(8, 48\)"),
        ({"labels": (1, 3)}, "labels must be 0 to 2, got 3"),
        ({"labels": (1, 1.5)}, "labels must be a whole number, got 1.5"),
        ({"labels": "12"}, "labels must be a list of classes, got '12'"),
        (
            {"samples": SAMPLES.long()},
            "samples must be of floating point, with some axes",
        ),
        ({"config": {"eps": 0}}, "eps must be positive and finite, got 0"),
    ],
)
def test_a_reader_refuses_what_the_page_cannot_compute(arguments, said):
    with pytest.raises(ValueError, match=said):
        reader(**arguments)


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
@pytest.mark.parametrize("scores", [[1000, 999], [-1000, -1001], [0, -1], [150, 149, 0]])
def test_softmax_in_the_page_overflows_nowhere(scores, tmp_path):
    (tmp_path / "transformer.mjs").write_text(page_source(), encoding="utf-8")
    ask = 'import { softmax } from "./transformer.mjs"; console.log(JSON.stringify(softmax(%s)));'
    (tmp_path / "ask.mjs").write_text(ask % scores)
    answer = subprocess.run(["node", "ask.mjs"], cwd=tmp_path, capture_output=True, check=True)
    expected = torch.tensor(scores, dtype=torch.float64).softmax(-1)
    torch.testing.assert_close(torch.tensor(json.loads(answer.stdout)).double(), expected)
