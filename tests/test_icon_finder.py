"""The icon finder in the page: it computes what torch computes, and refuses what it cannot."""

import base64
import json
import shutil
import subprocess
from dataclasses import asdict, replace

import pytest
import torch
from oracles import redraw

from transformer_lib.models.clip import (
    CLIP,
    BagOfWords,
    BagOfWordsConfig,
    CLIPConfig,
    TextTower,
    TextTowerConfig,
    unit_vectors,
)
from transformer_lib.models.vit import ViT, ViTConfig
from transformer_lib.show.icon_finder import IconFinder
from transformer_lib.show.quantize import pack, unpack

EYES = ViTConfig(12, 4, 1, 6, d_model=8, num_heads=2, num_layers=2, d_ff=12, pooling="mean")
WORDS = ("box", "hat", "lock", "off", "red")
ICONS, NAMES = torch.rand(3, 1, 12, 12), ["red box", "hat", "box lock"]
MORE = [*NAMES, "lock off", "off"]
needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")


def model_of(pooling="mean", tower=None):
    torch.manual_seed(0)
    eyes = ViT(replace(EYES, pooling=pooling))
    words = BagOfWords(BagOfWordsConfig(8, 6)) if tower is None else tower
    return redraw(CLIP(CLIPConfig(), eyes, words)).float().eval()


def finder(weights=None, eyes=None, vectors=None, **changes):
    given = {"words": WORDS, "icons": ICONS, "icon_names": NAMES, "names": MORE, "text": "red hat"}
    given |= changes
    return IconFinder(
        asdict(EYES) if eyes is None else eyes,
        model_of().state_dict() if weights is None else weights,
        given.pop("words"),
        given.pop("icons"),
        given.pop("icon_names"),
        unit_vectors(torch.ones(3, 6)) if vectors is None else vectors,
        given.pop("names"),
        **given,
    )


def asked(script, given, folder):
    """What a script says that has the page's functions and `given` at hand."""
    (folder / "page.mjs").write_text(str(IconFinder._esm), encoding="utf-8")
    (folder / "given.json").write_text(json.dumps(given))
    (folder / "ask.mjs").write_text(
        'import { readFileSync } from "fs";\nimport * as page from "./page.mjs";\n'
        'const given = JSON.parse(readFileSync("given.json", "utf8"));\n' + script,
        encoding="utf-8",
    )
    done = subprocess.run(
        ["node", "ask.mjs"], cwd=folder, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def test_it_carries_weights_icons_and_names():
    shown = finder(caption="Type.", examples=["red", "box - red"])
    assert (shown.text, shown.caption) == ("red hat", "Type.")
    assert shown.examples == ["red", "box - red"]
    assert shown.words.decode().split("\n") == list(WORDS)
    assert shown.names.decode().split("\n") == MORE
    assert shown.icon_names.decode().split("\n") == NAMES
    kept = unpack(shown.data, shown.contents)
    table = model_of().text_tower.words.weight[3:]  # without the special ids
    assert torch.allclose(kept["words.weight"], table, atol=0.01)
    assert len(kept["icons"]) == 3


def test_pixels_travel_in_sixteen_shades():
    shown = finder()
    high = torch.tensor([byte >> 4 for byte in shown.icons])
    low = torch.tensor([byte & 15 for byte in shown.icons])
    pixels = torch.stack([high, low], dim=1).flatten() / 15
    assert (pixels - ICONS.flatten()).abs().max() <= 1 / 30 + 1e-3


@needs_node
@pytest.mark.parametrize("pooling", ["mean", "class"])
def test_it_computes_in_the_page_what_torch_computes(pooling, tmp_path):
    model = model_of(pooling)
    weights = {name: w for name, w in model.state_dict().items() if name != "log_scale"}
    data, contents = pack(weights)
    model.load_state_dict(unpack(data, contents), strict=False)
    given = {
        "data": base64.b64encode(data).decode(),
        "contents": contents,
        "config": asdict(model.image_tower.config) | {"norm": "layer"},
        "image": ICONS[0].flatten().tolist(),
    }
    said = asked(
        """
      const weights = page.unpack(Buffer.from(given.data, "base64"), given.contents);
      const image = page.imageVector(weights, given.config, Float32Array.from(given.image));
      const words = weights.text_tower.words.weight;
      const text = page.textVector(words, 6, [[4, 1], [7, 1], [5, -1]]);
      console.log(JSON.stringify([[...image], [...text]]));""",
        given,
        tmp_path,
    )
    with torch.no_grad():
        image = model.images(ICONS[:1])[0]
        table = model.text_tower.words.weight
        text = unit_vectors(table[4] + table[7] - table[5])
    assert torch.allclose(torch.tensor(said[0]), image, atol=1e-5)
    assert torch.allclose(torch.tensor(said[1]), text, atol=1e-5)


@needs_node
def test_the_nearest_come_first_and_nothing_is_no_direction(tmp_path):
    said = asked(
        """
      const table = Float32Array.from([1, 0, 0, 1, 0.6, 0.8]);
      const best = page.nearest(table, Float32Array.from([0, 1]), 2);
      console.log(JSON.stringify([best, [...page.unit(Float32Array.from([0, 0]))]]));""",
        {},
        tmp_path,
    )
    assert [place for place, _ in said[0]] == [1, 2]
    assert said[0][1][1] == pytest.approx(0.8)
    assert said[1] == [0, 0]


@needs_node
def test_words_are_read_with_their_signs(tmp_path):
    texts = ["Red box", "box - lock + hat", "box -lock", "red unicorn", "", "- red hat"]
    said = asked(
        f"""
      const numbers = new Map({json.dumps([[w, i] for i, w in enumerate(WORDS)])});
      console.log(JSON.stringify(given.map((text) => page.readTerms(text, numbers))));""",
        texts,
        tmp_path,
    )
    assert [each["terms"] for each in said] == [
        [[4, 1], [0, 1]],
        [[0, 1], [2, -1], [1, 1]],
        [[0, 1], [2, -1]],
        [[4, 1]],
        [],
        [[4, -1], [1, 1]],
    ]
    assert [each["unknown"] for each in said] == [[], [], [], ["unicorn"], [], []]


def text_tower():
    sizes = {"width": 6, "max_len": 5, "d_model": 8, "num_heads": 2, "num_layers": 1, "d_ff": 12}
    return model_of(tower=TextTower(TextTowerConfig(8, end_id=2, **sizes))).state_dict()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights": text_tower()}, "weights must hold text_tower.words.weight"),
        ({"words": tuple("abcdefghi")}, "weights must have a vector for each of 9 words"),
        ({"words": ()}, "words must be at least 1, got 0"),
        ({"icons": torch.rand(3, 1, 8, 8)}, "samples must be .*image_size = 12"),
        ({"icon_names": NAMES[:2]}, "one for each of 3 icons"),
        ({"vectors": torch.ones(3, 5)}, "one for each of 3 icons, vectors 6 wide"),
        ({"names": "red"}, "names must be a list of strings, got 'red'"),
        ({"text": 3}, "text must be a string, got 3"),
        ({"examples": [1]}, "examples must be a list of strings"),
        ({"eyes": asdict(replace(EYES, activation="quick_gelu"))}, "config must have activation"),
        ({"eyes": asdict(replace(EYES, num_layers=3))}, "weights must be those of config"),
    ],
)
def test_what_it_cannot_compute_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        finder(**changes)
