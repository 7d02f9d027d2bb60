"""Segmentation: equal to loops over pixels, sharper with pixels in each token than without."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from oracles import EXACT, randn, redraw
from torch.testing import assert_close

from transformer_lib.layers.patches import unpatchify
from transformer_lib.models.segmentation import Segmenter, SegmenterConfig
from transformer_lib.models.vit import ViT, ViTConfig
from transformer_lib.weights import load, save

EYES = ViTConfig(12, 4, 3, 5, d_model=8, num_heads=2, num_layers=1, d_ff=12)
BOTH = pytest.mark.parametrize("detail", ["bilinear", "pixels"])
POOLING = pytest.mark.parametrize("pooling", ["class", "mean"])


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def model_of(detail="bilinear", pooling="class"):
    eyes = ViT(
        ViTConfig(12, 4, 3, 5, d_model=8, num_heads=2, num_layers=1, d_ff=12, pooling=pooling)
    )
    return redraw(Segmenter(SegmenterConfig(6, detail), eyes)).eval()


def tokens_of(model, images):
    """What each patch says, by its row and column, without a class token."""
    return model.head(model.backbone.encode(images)[:, -9:]).unflatten(1, (3, 3))


@POOLING
def test_pixels_of_a_token_are_those_of_its_patch(pooling):
    model, images = model_of("pixels", pooling), randn(2, 3, 12, 12)
    said, got = tokens_of(model, images), model(images)
    assert got.shape == (2, 6, 12, 12)
    for row in range(12):
        for column in range(12):
            token = said[:, row // 4, column // 4].view(2, 6, 4, 4)
            assert_close(got[:, :, row, column], token[:, :, row % 4, column % 4], **EXACT)


@POOLING
def test_bilinear_is_a_mixture_of_the_four_nearest_patches(pooling):
    model, images = model_of("bilinear", pooling), randn(2, 3, 12, 12)
    said, got = tokens_of(model, images), model(images)
    assert got.shape == (2, 6, 12, 12)
    for row in range(12):
        for column in range(12):
            y, x = (max((n + 0.5) / 4 - 0.5, 0.0) for n in (row, column))  # in patches
            top, left = int(y), int(x)
            bottom, right = min(top + 1, 2), min(left + 1, 2)
            down, across = y - top, x - left
            upper = (1 - across) * said[:, top, left] + across * said[:, top, right]
            lower = (1 - across) * said[:, bottom, left] + across * said[:, bottom, right]
            assert_close(got[:, :, row, column], (1 - down) * upper + down * lower, **EXACT)


@BOTH
def test_it_sees_with_a_copy_of_the_eyes(detail):
    eyes = ViT(EYES)
    model = Segmenter(SegmenterConfig(6, detail), eyes)
    names = {name for name, _ in model.named_parameters()}
    assert not any(name.startswith("backbone.head") for name in names)
    with torch.no_grad():
        model.backbone.patches.proj.weight.zero_()
    assert eyes.patches.proj.weight.abs().max() > 0


def test_a_fresh_head_starts_as_described():
    model = Segmenter(SegmenterConfig(40, "pixels"), ViT(EYES))
    assert 0.015 < model.head.weight.std().item() < 0.025
    assert model.head.bias.abs().max() == 0


def test_a_model_with_class_tokens_is_its_parts_one_after_another():
    eyes = ViT(EYES)
    model = redraw(Segmenter(SegmenterConfig(6, "pixels", class_layers=2), eyes)).eval()
    images = randn(2, 3, 12, 12)
    said = model.head(model.backbone.encode(images)[:, -9:])
    assert_close(model(images), unpatchify(said, 4, 3), **EXACT)
    assert len(model.head.reader.layers) == 2
    assert model.head.pixels == 16
    assert Segmenter(SegmenterConfig(6, class_layers=1), eyes).head.pixels == 1
    assert not model.head.reader.layers[0].self_attention.causal


def test_its_class_layers_are_like_those_of_the_eyes():
    config = replace(EYES, activation="quick_gelu", dropout=0.25, eps=1e-3)
    seen, read = (
        Segmenter(SegmenterConfig(6, class_layers=1), ViT(config)).get_submodule(name).layers[0]
        for name in ("backbone.encoder", "head.reader")
    )
    assert str(seen) == str(read)
    assert read.feed_forward.activation == "quick_gelu"  # of which the text says nothing
    assert read.norm1.eps == 1e-3
    assert read.dropout.p == 0.25


def test_it_comes_back_from_a_file_with_the_eyes_it_had(tmp_path):
    model = Segmenter(SegmenterConfig(6, "pixels", class_layers=1), ViT(EYES)).eval()
    save(model, tmp_path / "m.safetensors")
    again, images = load(tmp_path / "m.safetensors"), torch.rand(1, 3, 12, 12)
    assert again.config == model.config
    assert again.backbone.config == EYES
    assert_close(again(images), model(images), rtol=0, atol=0)


def test_only_pixels_in_the_tokens_can_draw_a_fine_line():
    images = (torch.rand(8, 1, 8, 8) < 0.3).float()
    labels = images[:, 0].long()
    losses = {}
    for detail in ("bilinear", "pixels"):
        torch.manual_seed(0)
        eyes = ViT(ViTConfig(8, 4, 1, 2, d_model=32, num_heads=2, num_layers=1, d_ff=64))
        model = Segmenter(SegmenterConfig(2, detail), eyes)
        optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
        for _ in range(150):
            loss = F.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        losses[detail] = loss.item()
    assert losses["pixels"] < 0.05 < 0.3 < losses["bilinear"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: SegmenterConfig(0), "num_classes must be at least 1, got 0"),
        (lambda: SegmenterConfig(2, "fine"), "detail must be one of .* got 'fine'"),
        (lambda: SegmenterConfig(2, class_layers=-1), "class_layers must be at least 0, got -1"),
        (lambda: Segmenter(SegmenterConfig(2), EYES), "backbone must be a ViT, got ViTConfig"),
        (lambda: model_of()(torch.zeros(2, 1, 12, 12).double()), r"images must be .* got \(2, 1"),
    ],
)
def test_what_cannot_be_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
