"""What the cloze carries into the page; and that its arithmetic is PyTorch's, in node."""

import base64
import json
import shutil
import subprocess
from dataclasses import asdict, replace

import pytest
import torch

from transformer_lib.models.bert import Bert, BertConfig, MaskedWords
from transformer_lib.show.page_models import page_source
from transformer_lib.show.quantize import pack, unpack
from transformer_lib.show.word_finder import WordFinder

CONFIG = BertConfig(
    9,
    max_len=None,
    d_model=8,
    num_heads=2,
    num_layers=2,
    d_ff=16,
    activation="relu2",
    positions="rotary",
    num_segments=0,
    norm_first=True,
    eps=1e-5,
)
WORDS = ["<pad>", "<unk>", "<mask>", *"abcdef"]


def weights(config=CONFIG, seed=0):
    torch.manual_seed(seed)
    model = MaskedWords(Bert(config))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, 0, 0.5)
    return model.state_dict()


WEIGHTS = weights()


def finder(given=WEIGHTS, words=WORDS, config=(), **options):
    return WordFinder(asdict(CONFIG) | dict(config), given, words, **{"text": "a b"} | options)


def test_it_carries_its_weights_in_8_bits():
    widget = finder()
    data, contents = pack(WEIGHTS)
    assert (widget.data, [tuple(c) for c in widget.contents]) == (data, contents)
    assert widget.words.decode().split("\n") == WORDS


def test_without_weights_it_carries_none_and_names_where_they_are():
    widget = finder(None, probe=torch.ones(9))
    assert widget.data == b""
    assert widget.shelf == finder().shelf
    assert widget.probe == [1.0] * 9


def test_its_first_answer_needs_no_weights():
    chances = torch.tensor([0.0, 0.0, 0.0, 0.1, 0.3, 0.05, 0.35, 0.15, 0.05])
    first = finder(text="a b", hidden=1, first=chances).first
    assert first["guesses"][:2] == [["d", pytest.approx(0.35)], ["b", pytest.approx(0.3)]]
    assert (len(first["guesses"]), first["place"]) == (7, 2)
    assert first["chance"] == pytest.approx(0.3)
    assert finder(text="a x", hidden=1, first=chances).first["place"] == 0  # not in its vocabulary
    assert finder().first == {}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"words": WORDS[:-1]}, "words must be vocab_size = 9"),
        ({"words": [*WORDS[:-1], "a"]}, "words must be distinct"),
        ({"words": 3}, "words must be a list of strings"),
        ({"text": 3}, "text must be a string"),
        ({"caption": None}, "caption must be a string"),
        ({"hidden": -1}, "hidden must be at least 0"),
        ({"first": torch.ones(8)}, r"first must be \(9,\), got \(8,\)"),
        ({"first": [0.1] * 9}, "first must be a tensor"),
        ({"probe": torch.ones(8)}, r"probe must be d_model weights and a bias, \(9,\)"),
        ({"config": {"positions": "learned"}}, "config must have positions one of"),
        ({"config": {"norm_first": False}}, "config must be of pre-norm layers"),
        ({"config": {"num_layers": 3}}, "weights must hold|got none for"),
        ({"given": {}}, "weights must hold bert.embedding.weight"),
        ({"given": WEIGHTS | {"x": torch.ones(1)}}, "got also x"),
        ({"given": WEIGHTS | {"head_bias": torch.ones(8)}}, r"head_bias \(9,\), got \(8,\)"),
        ({"given": weights(replace(CONFIG, num_segments=2))}, "got also bert.segments.weight"),
    ],
)
def test_bad_input_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        finder(**options)


CALL = """
import {readFileSync} from "fs";
const given = JSON.parse(readFileSync(0));
const bytes = Uint8Array.from(Buffer.from(given.data, "base64"));
const weights = unpack(new DataView(bytes.buffer), given.contents);
const features = bertFeatures(weights, given.config, given.ids);
const logits = features.map((x) => [...hiddenWord(weights, given.config, x)]);
console.log(JSON.stringify({ features: features.map((x) => [...x]), logits }));
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
@pytest.mark.parametrize("activation", ["relu2", "gelu"])
def test_the_page_computes_what_pytorch_does(activation, tmp_path):
    config = replace(CONFIG, activation=activation)
    widget, ids = finder(config={"activation": activation}), [3, 1, 2, 5, 8, 3]
    given = {
        "data": base64.b64encode(widget.data).decode(),
        "contents": widget.contents,
        "config": widget.config,
        "ids": ids,
    }
    script = tmp_path / "call.mjs"
    script.write_text(page_source() + page_source(file="bert") + CALL, encoding="utf-8")
    done = subprocess.run(
        ["node", script], input=json.dumps(given), capture_output=True, text=True, check=True
    )
    got = json.loads(done.stdout)
    model = MaskedWords(Bert(config)).eval()
    model.load_state_dict(unpack(*pack(WEIGHTS)))
    with torch.no_grad():
        features, logits = model.bert(torch.tensor([ids])), model(torch.tensor([ids]))
    torch.testing.assert_close(torch.tensor(got["features"])[None], features, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(torch.tensor(got["logits"])[None], logits, atol=1e-4, rtol=1e-4)


def test_the_source_can_be_shown():
    assert page_source("hiddenWord", file="bert").startswith("// Which word is hidden here?")
    with pytest.raises(ValueError, match=r"name must be that of a function in bert.js"):
        page_source("attention", file="bert")
    with pytest.raises(ValueError, match="file must be one of"):
        page_source(file="cloze")
