"""The drawing of a picture that is read says what a run did: another run, another drawing."""

import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
import torch
from torch import nn

from transformer_lib.layers.patches import PatchEmbedding
from transformer_lib.models.vit import ViT, ViTConfig
from transformer_lib.show.picture_read import SHOWN, picture_read

SVG = "{http://www.w3.org/2000/svg}"
CONFIG = ViTConfig(
    12, 4, in_channels=1, num_classes=5, d_model=16, num_heads=2, num_layers=3, d_ff=32,
    pooling="mean",
)  # fmt: skip
PICTURE = torch.arange(144.0).view(1, 1, 12, 12) / 144


def model(**changes) -> ViT:
    torch.manual_seed(0)
    return ViT(replace(CONFIG, **changes))


def texts(canvas) -> list[str]:
    return [text.text for text in ET.fromstring(canvas.svg()).iter(f"{SVG}text")]


def cells(canvas) -> list[float]:
    rects = ET.fromstring(canvas.svg()).iter(f"{SVG}rect")
    return [float(r.find(f"{SVG}title").text) for r in rects if "cell" in r.get("class")]


def lines_on(canvas) -> int:
    """How many lines cut the picture."""
    paths = ET.fromstring(canvas.svg()).iter(f"{SVG}path")
    return sum(path.get("class") == "shut" for path in paths)


def test_names_and_shapes_are_those_of_the_run():
    canvas = picture_read(model(), PICTURE)
    assert texts(canvas) == [
        "picture (1, 1, 12, 12)",
        "patches (1, 9, 16)",
        "patches",
        "272 weights",
        "tokens (1, 9, 16)",
        "+",
        "positions (1, 9, 16)",
        "encoder",
        "3 × norm1, self_attention, norm2, feed_forward",
        "final_norm",
        "tokens (1, 9, 16)",
        "the mean (1, 16)",
        "head",
        "85 weights",
        "scores (1, 5), as probabilities",
        *"01234",
    ]
    assert "patches has 272 weights. positions has 144 weights." in canvas.desc


def test_cells_hold_the_numbers_of_the_run():
    vit = model()
    with torch.no_grad():
        tokens, features, scores = vit.patches(PICTURE), vit.encode(PICTURE), vit(PICTURE)
    rows = [tokens[0, :, :SHOWN].T, vit.positions.table.weight[:, :SHOWN].T, features[0, :, :1]]
    expected = torch.cat([row.flatten() for row in (*rows, scores.softmax(dim=-1))])
    drawn = torch.tensor(cells(picture_read(vit, PICTURE)))
    torch.testing.assert_close(drawn, expected.detach(), atol=0.0051, rtol=0)


def test_a_class_token_stands_before_the_patches_and_is_read():
    canvas = picture_read(model(pooling="class"), PICTURE)
    assert {"tokens (1, 10, 16)", "the first token (1, 16)"} <= {*texts(canvas)}
    assert "One more token is put before them." in canvas.desc
    assert len(cells(canvas)) == 10 * (2 * SHOWN + 1) + 5
    assert "One more" not in picture_read(model(), PICTURE).desc


def test_without_positions_nothing_is_added():
    drawn = texts(picture_read(model(positions="none"), PICTURE))
    assert "+" not in drawn
    assert "positions (1, 9, 16)" not in drawn


def test_stripes_are_no_squares_of_the_picture():
    class Stripes(PatchEmbedding):
        def forward(self, images):
            return self.proj(images.view(len(images), -1, self.patch_size**2))

    striped = model()
    striped.patches = Stripes(4, 1, 16)
    assert lines_on(picture_read(model(), PICTURE)) == 4
    assert lines_on(picture_read(striped, PICTURE)) == 0


class ReadsTheLargest(ViT):
    def forward(self, images):
        return self.head(self.encode(images).amax(dim=1))


class Convolves(nn.Sequential):
    """What it gives its first map is a picture still."""

    def __init__(self):
        super().__init__(nn.Conv2d(1, 4, 4, stride=4), nn.Flatten(2), nn.Linear(9, 2))


@pytest.mark.parametrize(
    ("kind", "picture", "said"),
    [
        (model, PICTURE[0], r"picture must be \(1, 1, height, width\), got \(1, 12, 12\)"),
        (model, PICTURE.expand(2, -1, -1, -1), r"got \(2, 1, 12, 12\)"),
        (lambda: ReadsTheLargest(CONFIG), PICTURE, "reads the mean of all tokens, or the first"),
        (Convolves, PICTURE, r"must read squares in rows first, got \(1, 1, 12, 12\)"),
    ],
)
def test_what_it_cannot_tell_is_refused(kind, picture, said):
    with pytest.raises(ValueError, match=said):
        picture_read(kind(), picture)
