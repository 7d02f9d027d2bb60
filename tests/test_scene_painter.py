"""The segmenter in the page: it computes what torch computes, and refuses what it cannot."""

import base64
import json
import shutil
import subprocess
from dataclasses import asdict, replace

import pytest
import torch
from oracles import redraw

from transformer_lib.models.segmentation import Segmenter, SegmenterConfig
from transformer_lib.models.vit import ViT, ViTConfig
from transformer_lib.show.quantize import pack, unpack
from transformer_lib.show.scene_painter import ScenePainter

EYES = ViTConfig(12, 4, 1, 5, d_model=8, num_heads=2, num_layers=2, d_ff=12, pooling="mean")
NAMES = ["0", "1", "background"]
SAMPLES = torch.rand(2, 1, 12, 12)


def segmenter(detail="pixels", classes=3, **changes):
    torch.manual_seed(0)
    model = Segmenter(SegmenterConfig(classes, detail), ViT(replace(EYES, **changes)))
    return redraw(model).float().eval()


def painter(eyes=None, weights=None, samples=SAMPLES, classes=NAMES, **options):
    eyes = asdict(EYES) if eyes is None else eyes
    return ScenePainter(
        eyes, segmenter().state_dict() if weights is None else weights, samples, classes, **options
    )


def test_it_carries_weights_scenes_and_names():
    shown = painter(caption="Paint.")
    assert (shown.classes, shown.caption) == (NAMES, "Paint.")
    assert shown.samples == (SAMPLES * 255).round().to(torch.uint8).numpy().tobytes()
    assert (shown.data, [tuple(c) for c in shown.contents]) == pack(segmenter().state_dict())
    assert shown.config["norm"] == "layer"


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
@pytest.mark.parametrize("pooling", ["mean", "class"])
def test_it_computes_in_the_page_what_torch_computes(pooling, tmp_path):
    model = segmenter(pooling=pooling)
    data, contents = pack(model.state_dict())
    model.load_state_dict(unpack(data, contents), strict=False)
    source = str(ScenePainter._esm)
    (tmp_path / "page.mjs").write_text(source, encoding="utf-8")
    given = {
        "data": base64.b64encode(data).decode(),
        "contents": contents,
        "config": asdict(model.backbone.config) | {"norm": "layer"},
        "image": SAMPLES[0].flatten().tolist(),
    }
    (tmp_path / "given.json").write_text(json.dumps(given))
    (tmp_path / "ask.mjs").write_text("""
      import { readFileSync } from "fs";
      import { segment, unpack } from "./page.mjs";
      const { data, contents, config, image } = JSON.parse(readFileSync("given.json"));
      const weights = unpack(Buffer.from(data, "base64"), contents);
      const chances = segment(weights, config, Float32Array.from(image));
      console.log(JSON.stringify(chances.map((p) => [...p])));
    """)
    answer = subprocess.run(["node", "ask.mjs"], cwd=tmp_path, capture_output=True, check=True)
    with torch.no_grad():
        expected = model(SAMPLES[:1])[0].softmax(dim=0).flatten(1).T  # (pixels, classes)
    assert expected.std() > 0.05
    torch.testing.assert_close(torch.tensor(json.loads(answer.stdout)), expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"eyes": asdict(EYES) | {"num_layers": 1}}, "got also encoder.layers.1"),
        ({"eyes": asdict(EYES) | {"positions": "learned_2d"}}, "positions one of"),
        ({"weights": segmenter("bilinear").state_dict()}, "must score 48 .* in a patch, got 3"),
        ({"weights": segmenter().state_dict() | {"more": torch.ones(2)}}, "got also more"),
        ({"weights": {"head.bias": torch.ones(48)}}, "weights must hold encoder.layers.0"),
        ({"samples": SAMPLES[..., :8]}, "samples must be .* got"),
        ({"samples": 2 + SAMPLES}, "samples must be from 0 to 1"),
        ({"classes": ["0", "1"]}, "must score 32 .* in a patch, got 48"),
        ({"classes": ["0"]}, "classes must be at least 2, got 1"),
        ({"classes": ["0", 1, "2"]}, "classes must be a list of names"),
        ({"caption": 3}, "caption must be a string, got 3"),
    ],
)
def test_what_the_page_cannot_show_is_refused(arguments, said):
    with pytest.raises(ValueError, match=said):
        painter(**arguments)
