"""What the striker carries into the page; and that its arithmetic is PyTorch's, in node."""

import base64
import json
import shutil
import subprocess
from dataclasses import asdict, replace

import pytest
import torch

from transformer_lib.data.ratings import words as words_of
from transformer_lib.measure.reasons import leave_one_out
from transformer_lib.models.bert import Bert, BertConfig, Classifier
from transformer_lib.show.page_models import STATIC
from transformer_lib.show.quantize import pack, unpack
from transformer_lib.show.word_striker import WordStriker

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
)
WORDS = ["<pad>", "<unk>", *"abcdefg"]


def weights(config=CONFIG, **options):
    torch.manual_seed(0)
    model = Classifier(Bert(config), **{"num_classes": 2, "pool": "mean"} | options)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, 0, 0.5)
    return model.state_dict()


WEIGHTS = weights()


def striker(given=WEIGHTS, words=WORDS, config=(), **options):
    return WordStriker(asdict(CONFIG) | dict(config), given, words, **{"text": "a b"} | options)


def test_it_carries_its_weights_in_8_bits():
    widget = striker()
    data, contents = pack(WEIGHTS)
    assert (widget.data, [tuple(c) for c in widget.contents]) == (data, contents)
    assert widget.words.decode().split("\n") == WORDS


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"words": WORDS[:-1]}, "words must be vocab_size = 9"),
        ({"words": [*WORDS[:-1], "a"]}, "words must be distinct"),
        ({"words": 3}, "words must be a list of strings"),
        ({"text": 3}, "text must be a string"),
        ({"caption": None}, "caption must be a string"),
        ({"config": {"positions": "learned"}}, "config must have positions one of"),
        ({"config": {"norm_first": False}}, "config must be of pre-norm layers"),
        ({"config": {"num_layers": 3}}, "weights must hold|got none for"),
        ({"given": {}}, "weights must hold bert.embedding.weight"),
        ({"given": weights(num_classes=3)}, r"head.weight \(2, 8\), got \(3, 8\)"),
        ({"given": weights(pool="first")}, "got also pooler.bias, pooler.weight"),
        ({"given": weights(replace(CONFIG, num_segments=2))}, "got also bert.segments.weight"),
    ],
)
def test_bad_input_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        striker(**options)


CALL = """
import {readFileSync} from "fs";
const given = JSON.parse(readFileSync(0));
const bytes = Uint8Array.from(Buffer.from(given.data, "base64"));
const weights = unpack(new DataView(bytes.buffer), given.contents);
console.log(JSON.stringify({
  praise: praise(weights, given.config, given.ids),
  effects: leaveOneOut(weights, given.config, given.ids),
  words: cut(given.text),
}));
"""
TEXT = "It ISN’T ''good'', is it? 10 of 2 café"


def script() -> str:
    """The page's arithmetic, without the parts that need a page."""
    return "".join(
        (STATIC / f"{name}.js").read_text(encoding="utf-8")
        for name in ("transformer", "bert", "word_striker")
    )


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_the_page_computes_what_pytorch_does(tmp_path):
    widget, ids = striker(), [3, 1, 2, 5, 8, 3]
    given = {
        "data": base64.b64encode(widget.data).decode(),
        "contents": widget.contents,
        "config": widget.config,
        "ids": ids,
        "text": TEXT,
    }
    file = tmp_path / "call.mjs"
    file.write_text(script() + CALL, encoding="utf-8")
    done = subprocess.run(
        ["node", file], input=json.dumps(given), capture_output=True, text=True, check=True
    )
    got = json.loads(done.stdout)
    model = Classifier(Bert(CONFIG), 2, pool="mean").eval()
    model.load_state_dict(unpack(*pack(WEIGHTS)))

    @torch.no_grad()
    def chance(rows):
        return torch.cat([model(torch.tensor([row])).softmax(dim=-1) for row in rows])

    (whole,) = chance([ids])
    sign = 1 if whole.argmax() == 1 else -1  # the page speaks of praise, whatever the answer is
    effects = sign * leave_one_out(chance, ids)
    assert got["praise"] == pytest.approx(whole[1].item(), abs=1e-4)
    torch.testing.assert_close(torch.tensor(got["effects"]), effects, atol=1e-4, rtol=1e-3)
    assert got["words"] == words_of(TEXT)
