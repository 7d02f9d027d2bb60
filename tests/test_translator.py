"""What the cutter and the translator carry; and that the page cuts and computes as Python does."""

import base64
import json
import shutil
import subprocess
from dataclasses import asdict, replace

import pytest
import torch

from transformer_lib.data.subwords import BytePairs, Subwords
from transformer_lib.generation import generate
from transformer_lib.models.transformer import Transformer, TransformerConfig
from transformer_lib.show.page_models import page_source
from transformer_lib.show.quantize import pack, unpack
from transformer_lib.show.translator import PieceCutter, Translator

PIECES = BytePairs.learn("low lower newest widest für die Häuser " * 3, 30)
CONFIG = TransformerConfig(
    259 + len(PIECES.merges),
    259 + len(PIECES.merges),
    d_model=8,
    num_heads=2,
    num_encoder_layers=2,
    num_decoder_layers=2,
    d_ff=16,
    activation="relu2",
    dropout=0.0,
    positions="rotary",
    share_embeddings=True,
)
needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="needs node")


def weights(config=CONFIG):
    torch.manual_seed(0)
    model = Transformer(config)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, 0, 0.4)
    return model.state_dict()


WEIGHTS = weights()


def translator(given=WEIGHTS, merges=PIECES.merges, config=(), **options):
    return Translator(asdict(CONFIG) | dict(config), given, merges, **{"text": "low"} | options)


def node(tmp_path, call, given, *files):
    source = "\n".join(page_source(file=file) for file in files)
    start = 'import {readFileSync} from "fs";\nconst given = JSON.parse(readFileSync(0));\n'
    start += 'const bytes = (text) => Uint8Array.from(Buffer.from(text, "base64"));\n'
    script = tmp_path / "call.mjs"
    script.write_text(start + source + call, encoding="utf-8")
    done = subprocess.run(
        ["node", script], input=json.dumps(given), capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def test_a_cutter_carries_its_merges():
    widget = PieceCutter(PIECES.merges, text="lowest", known=3, caption="Try.")
    assert len(widget.merges) == 4 * len(PIECES.merges)
    assert (widget.text, widget.known, widget.caption) == ("lowest", 3, "Try.")


def test_a_translator_carries_its_weights_in_8_bits():
    widget = translator()
    data, contents = pack(WEIGHTS)
    assert (widget.data, [tuple(c) for c in widget.contents]) == (data, contents)
    assert widget.merges == PieceCutter(PIECES.merges, text="").merges


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PieceCutter([(1, 70_000)], text=""), "merges must be pairs of numbers below"),
        (lambda: PieceCutter([3], text=""), "merges must be pairs of numbers below"),
        (lambda: PieceCutter([], text=3), "text must be a string"),
        (lambda: PieceCutter([(1, 2)], text="", known=2), "known must be at most 1"),
        (lambda: translator(merges=PIECES.merges[1:]), "merges must be 28, for 287 tokens, got 27"),
        (lambda: translator(caption=None), "caption must be a string"),
        (lambda: translator(config={"positions": "sinusoidal"}), "have positions one of"),
        (lambda: translator(config={"share_embeddings": False}), "have share_embeddings one of"),
        (lambda: translator(config={"norm_first": False}), "must be of pre-norm layers"),
        (lambda: translator(config={"num_decoder_layers": 3}), "got none for decoder.layers.2"),
        (lambda: translator({}), "weights must hold target_embedding.weight"),
        (lambda: translator(WEIGHTS | {"x": torch.ones(1)}), "got also x"),
    ],
)
def test_bad_input_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


CUT = """
const table = bytePairs(bytes(given.merges));
const cut = (text) => ({ ids: cutText(text, table), few: cutText(text, table, 4) });
console.log(JSON.stringify(given.texts.map((text) =>
  ({ ...cut(text), back: textOf(cutText(text, table), table) }))));
"""


@needs_node
def test_the_page_cuts_as_python_does(tmp_path):
    texts = ["the lowest house", "für 12 Häuser!?", "", " a  b\n\tc", "日本 ☃", "xyz", "Go,\n\n"]
    merges = base64.b64encode(PieceCutter(PIECES.merges, text="").merges).decode()
    found = node(tmp_path, CUT, {"merges": merges, "texts": texts}, "subwords")
    few = BytePairs(PIECES.merges[:4])
    for text, got in zip(texts, found, strict=True):
        assert got["ids"] == PIECES.encode(f" {text}")
        assert got["few"] == few.encode(f" {text}")
        assert got["back"] == f" {text}"


TRANSLATE = """
const data = bytes(given.data);
const weights = unpack(new DataView(data.buffer, data.byteOffset, data.byteLength), given.contents);
const kept = readSource(weights, given.config, given.ids);
const logits = given.target.map((id) => [...targetStep(weights, given.config, id, kept).logits]);
const written = translateGreedily(weights, given.config, given.ids, 12);
console.log(JSON.stringify({ logits, written: written.map(({ id }) => id),
  weights: written.flatMap(({ maps }) => maps.flat().map((head) => [...head])) }));
"""


@needs_node
@pytest.mark.parametrize("activation", ["relu2", "gelu"])
def test_the_page_computes_what_pytorch_does(activation, tmp_path):
    config = replace(CONFIG, activation=activation)
    widget, ids = translator(config={"activation": activation}), [260, 7, 255, 280, 12]
    given = {
        "data": base64.b64encode(widget.data).decode(),
        "contents": widget.contents,
        "config": widget.config,
        "ids": ids,
        "target": [1, 44, 261, 9],
    }
    got = node(tmp_path, TRANSLATE, given, "transformer", "translation")
    model = Transformer(config).eval()
    model.load_state_dict(unpack(*pack(WEIGHTS)), strict=False)
    source = torch.tensor([ids])
    with torch.no_grad():
        logits = model(source, torch.tensor([given["target"]]))[0]
    torch.testing.assert_close(torch.tensor(got["logits"]), logits, atol=2e-4, rtol=1e-4)
    written = generate(model, source, max_new_tokens=12)[0].tolist()
    assert got["written"] == written[: written.index(2) if 2 in written else None]
    rows = torch.tensor(got["weights"])
    assert rows.shape[1] == len(ids)
    torch.testing.assert_close(rows.sum(1), torch.ones(len(rows)))


def test_subwords_are_pieces_behind_three_ids():
    symbols = Subwords.of(PIECES)
    ids = symbols.encode("lowest für")
    assert (ids - 3).tolist() == PIECES.encode(" lowest für")
    assert symbols.decode([1, *ids.tolist(), 2, 99]) == "lowest für"
    assert b"".join(symbols.pieces(ids)) == " lowest für".encode()
    assert len(symbols) == CONFIG.source_vocab_size
    with pytest.raises(ValueError, match="text must be a string, got int"):
        symbols.encode(3)
    with pytest.raises(ValueError, match="ids must be in 0"):
        symbols.decode([len(symbols)])
