"""The Vision Transformer: equal to Hugging Face's, as large as published, blind to the order."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
import transformers
from oracles import EXACT, randn, redraw
from parity import agree
from torch import nn
from torch.testing import assert_close

from transformer_lib.layers.patches import PatchEmbedding, interpolate_grid, patchify, unpatchify
from transformer_lib.models.vit import VIT_BASE_16, ViT, ViTConfig
from transformer_lib.pretrained.vit import load_vit, vit_config

SMALL = ViTConfig(12, 4, 3, 5, d_model=8, num_heads=2, num_layers=2, d_ff=12)
KINDS = [
    replace(SMALL, pooling=pooling, positions=positions)
    for pooling in ("class", "mean")
    for positions in ("learned", "learned_2d", "none")
]
EVERY = pytest.mark.parametrize("config", KINDS, ids=lambda c: f"{c.pooling}-{c.positions}")


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def model_of(config=SMALL, **changes):
    return redraw(ViT(replace(config, **changes))).eval()


def shuffled(images, patch_size, order):
    """The same pictures with their patches in another order."""
    patches = F.unfold(images, patch_size, stride=patch_size)[..., order]
    return F.fold(patches, images.shape[2:], patch_size, stride=patch_size)


# --- patches --------------------------------------------------------------------------------


def test_patches_are_cut_row_by_row():
    images = torch.arange(2 * 3 * 4 * 6).reshape(2, 3, 4, 6)
    patches = patchify(images, 2)
    assert patches.shape == (2, 6, 12)
    for row in range(2):
        for column in range(3):
            square = images[:, :, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
            assert torch.equal(patches[:, 3 * row + column], square.flatten(1))


@pytest.mark.parametrize("patch_size", [1, 2])
def test_patches_put_together_are_the_pictures_they_were_cut_from(patch_size):
    images = randn(2, 3, 4, 6)
    patches = patchify(images, patch_size)
    assert torch.equal(unpatchify(patches, patch_size, 4 // patch_size), images)
    moved = unpatchify(patches.flip(1), patch_size, 4 // patch_size)
    assert not torch.equal(moved, images)


@pytest.mark.parametrize("shape", [(2, 5, 12), (2, 6, 10), (6, 12)])
def test_patches_that_make_no_picture_are_refused(shape):
    with pytest.raises(ValueError, match=r"multiple of rows = 2, .* patch_size² = 4\), got \("):
        unpatchify(torch.zeros(shape), 2, 2)
    with pytest.raises(ValueError, match="patches must be a tensor, got list"):
        unpatchify([1.0], 2, 2)
    with pytest.raises(ValueError, match="rows must be at least 1, got 0"):
        unpatchify(torch.zeros(2, 6, 12), 2, 0)


def test_patch_embedding_is_a_convolution():
    embedding, images = redraw(PatchEmbedding(4, 3, 8)), randn(2, 3, 8, 12)
    kernel = embedding.proj.weight.unflatten(1, (3, 4, 4))
    expected = F.conv2d(images, kernel, embedding.proj.bias, stride=4).flatten(2).mT
    assert_close(embedding(images), expected, **EXACT)


@pytest.mark.parametrize("shape", [(2, 3, 8, 10), (2, 3, 9, 8), (3, 8, 8)])
def test_pictures_that_patches_do_not_fill_are_refused(shape):
    with pytest.raises(ValueError, match="multiples of patch_size = 4, got"):
        patchify(torch.zeros(shape), 4)


# --- what it computes -----------------------------------------------------------------------


@EVERY
def test_parts_are_put_together_as_in_the_paper(config):
    model, images = model_of(config), randn(2, 3, 12, 12)
    x = model.patches(images)
    if config.positions == "learned_2d":
        places = [(i, j) for i in range(3) for j in range(3)]
        both = [
            (model.positions.rows.weight[i], model.positions.columns.weight[j]) for i, j in places
        ]
        x = x + torch.stack([torch.cat(halves) for halves in both])
    if config.pooling == "class":
        x = torch.cat([model.class_token.repeat(2, 1, 1), x], dim=1)
    if config.positions == "learned":
        x = x + model.positions.table.weight
    for layer in model.encoder.layers:
        assert layer.norm_first
        x = layer(x)
    x = F.layer_norm(x, (8,), *model.encoder.final_norm.parameters(), 1e-6)
    assert_close(model.encode(images), x, **EXACT)
    x = x[:, 0] if config.pooling == "class" else x.mean(dim=1)
    assert_close(model(images), x @ model.head.weight.T + model.head.bias, **EXACT)


@EVERY
def test_order_of_patches_matters_if_positions_are_there(config):
    model, images = model_of(config), randn(2, 3, 12, 12)
    order = torch.tensor([8, 3, 5, 0, 1, 7, 2, 6, 4])
    change = (model(shuffled(images, 4, order)) - model(images)).abs().max()
    assert change < 1e-12 if config.positions == "none" else change > 1e-6


def test_dropout_falls_on_embeddings_and_sublayers():
    model = model_of(dropout=0.25).train()
    dropped = [m for m in model.modules() if isinstance(m, nn.Dropout) and m.p == 0.25]
    assert len(dropped) == 1 + 2  # on the embeddings, and one for each layer
    for m in dropped:
        m.p = 1.0
    nothing = model.encoder.final_norm(torch.zeros(1, 8).double())
    assert_close(model(randn(1, 3, 12, 12)), model.head(nothing), **EXACT)


def test_a_fresh_model_starts_as_described():
    model = ViT(replace(SMALL, d_model=256, num_heads=4, num_classes=100))
    for drawn in (model.class_token, model.positions.table.weight, model.head.weight):
        assert 0.015 < drawn.std().item() < 0.025
    for layer in (model.head, model.patches.proj):
        assert layer.bias.abs().max() == 0
    grid = ViT(replace(SMALL, d_model=256, num_heads=4, positions="learned_2d")).positions
    assert 0.015 < grid.rows.weight.std().item() < 0.025


def test_base_16_has_86_6_million_parameters():
    with torch.device("meta"):
        model = ViT(VIT_BASE_16)
    assert sum(p.numel() for p in model.parameters()) == 86_567_656
    assert VIT_BASE_16.grid == 14


@pytest.mark.parametrize("pooling", ["class", "mean"])
@pytest.mark.parametrize("positions", ["learned", "learned_2d"])
def test_it_learns_where_a_dot_is(pooling, positions):
    config = replace(SMALL, pooling=pooling, positions=positions)
    model = ViT(replace(config, in_channels=1, num_classes=9, d_model=32, num_layers=1))
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(200):
        labels = torch.arange(9).repeat(4)
        images = torch.zeros(36, 1, 12, 12)
        images[range(36), 0, labels // 3 * 4 + torch.randint(4, (36,)), labels % 3 * 4 + 1] = 1.0
        loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert (model(images).argmax(dim=1) == labels).all()


def test_without_its_head_it_sees_the_same():
    model, images = model_of(), randn(2, 3, 12, 12)
    eyes = model.without_head()
    assert_close(eyes.encode(images), model.encode(images), **EXACT)
    assert_close(eyes(images), model.encode(images)[:, 0], **EXACT)
    assert {n for n, _ in model.named_parameters()} - {n for n, _ in eyes.named_parameters()} == {
        "head.weight", "head.bias",
    }  # fmt: skip
    with torch.no_grad():
        eyes.patches.proj.weight.zero_()
    assert model.patches.proj.weight.abs().max() > 0  # a copy, not the same weights


# --- published weights ----------------------------------------------------------------------


def hugging_face(**changes):
    config = {
        "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 12,
        "intermediate_size": 12, "patch_size": 4, "num_labels": 5, "hidden_act": "gelu",
    } | changes  # fmt: skip
    return redraw(transformers.ViTForImageClassification(transformers.ViTConfig(**config))).eval()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"image_size": 8, "num_channels": 1, "num_labels": 2},
        {"hidden_act": "gelu_new", "layer_norm_eps": 1e-3},
    ],
    ids=["usual", "grey", "tanh"],
)
def test_it_equals_hugging_face(changes, tmp_path):
    theirs = hugging_face(**changes)
    theirs.save_pretrained(tmp_path)
    ours = load_vit(tmp_path, dtype=torch.float64)
    assert not ours.training
    config = theirs.config
    images = randn(3, config.num_channels, config.image_size, config.image_size)
    with torch.no_grad():
        oracle = "transformers ViTForImageClassification"
        agree("ViT", oracle, ours(images), theirs(images).logits, atol=1e-10)
        features = theirs.vit(images).last_hidden_state
        assert_close(ours.encode(images), features, rtol=0, atol=1e-10)


def test_larger_pictures_equal_hugging_face(tmp_path):
    theirs, images = hugging_face(), randn(2, 3, 20, 20)
    theirs.save_pretrained(tmp_path)
    ours = load_vit(tmp_path, dtype=torch.float64).resized(20)
    with torch.no_grad():
        expected = theirs(images, interpolate_pos_encoding=True).logits
        assert_close(ours(images), expected, rtol=0, atol=1e-10)


def test_what_is_left_over_or_missing_is_listed(tmp_path):
    theirs = hugging_face()
    theirs.vit.layers = theirs.vit.layers[:1]
    theirs.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"missing in the file: encoder\.layers\.1\.feed_forward"):
        load_vit(tmp_path)
    theirs.classifier.extra = nn.Parameter(torch.zeros(1))
    theirs.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"left over in the file: classifier\.extra"):
        load_vit(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "deit"}, "model_type must be one of"),
        ({"hidden_act": "silu"}, "hidden_act must be one of"),
        ({"qkv_bias": False}, "qkv_bias must be one of"),
        ({"image_size": [224, 448]}, r"image_size must be a whole number, got \[224, 448\]"),
    ],
)
def test_published_models_of_other_kinds_are_refused(changes, message):
    published = transformers.ViTConfig(num_labels=1000, layer_norm_eps=1e-6).to_dict()
    assert vit_config(published) == VIT_BASE_16
    with pytest.raises(ValueError, match=message):
        vit_config(published | changes)


def test_a_published_vit_config_is_kept_and_what_it_leaves_out_is_named():
    published = transformers.ViTConfig(hidden_dropout_prob=0.25).to_dict()
    assert vit_config(published).dropout == 0.25
    for name in ("image_size", "hidden_size", "num_hidden_layers"):
        with pytest.raises(ValueError, match=f"config.json must have {name}, got only"):
            vit_config({key: value for key, value in published.items() if key != name})


# --- pictures of another size ---------------------------------------------------------------


@EVERY
def test_resizing_to_the_same_size_changes_nothing(config):
    model, images = model_of(config).train(), randn(2, 3, 12, 12)
    copy = model.resized(12)
    assert copy.training
    assert_close(copy(images), model(images), **EXACT)
    with torch.no_grad():
        copy.head.weight.zero_()
    assert model.head.weight.abs().max() > 0  # a copy, not the same weights


@EVERY
@pytest.mark.parametrize("size", [4, 8, 24])
def test_resized_model_reads_other_sizes_and_learns(config, size):
    model = model_of(config)
    state = torch.get_rng_state()
    other = model.resized(size)
    assert torch.equal(torch.get_rng_state(), state)
    assert other.config == replace(config, image_size=size)
    images = randn(2, 3, size, size)
    other(images).square().sum().backward()
    if config.positions != "none":
        tables = [p for name, p in other.named_parameters() if "positions" in name]
        assert all(table.grad.abs().max() > 0 for table in tables)
    with pytest.raises(ValueError, match=r"image_size = 12, 12\), got"):
        model(images)


def test_class_token_keeps_its_position():
    model = model_of()
    table, other = model.positions.table.weight, model.resized(24).positions
    assert other.max_len == 37
    assert torch.equal(other.table.weight[0], table[0])
    grid = table[1:].unflatten(0, (3, 3)).permute(2, 0, 1)[None]
    expected = F.interpolate(grid, size=(6, 6), mode="bicubic")[0].flatten(1).T
    assert_close(other.table.weight[1:], expected, **EXACT)


def test_both_axes_are_interpolated_on_their_own():
    model = model_of(positions="learned_2d")
    table = model.positions.table().unflatten(0, (3, 3))
    expected = interpolate_grid(table, 6, 6).flatten(0, 1)
    assert_close(model.resized(24).positions.table(), expected, **EXACT)


def test_a_size_that_patches_do_not_fill_is_refused():
    with pytest.raises(ValueError, match="image_size = 14, patch_size = 4"):
        model_of().resized(14)


# --- bad input ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image_size": 30}, "multiple of patch_size, got image_size = 30, patch_size = 4"),
        ({"patch_size": 0}, "patch_size must be at least 1, got 0"),
        ({"in_channels": 0}, "in_channels must be at least 1"),
        ({"num_classes": 0}, "num_classes must be at least 1"),
        ({"num_layers": 0}, "num_layers must be at least 1"),
        ({"num_heads": 3}, "multiple of num_heads, got d_model = 8, num_heads = 3"),
        ({"pooling": "max"}, "pooling must be one of .* got 'max'"),
        ({"positions": "rotary"}, "positions must be one of .* got 'rotary'"),
        (
            {"d_model": 9, "num_heads": 3, "positions": "learned_2d"},
            "d_model must be a positive even number, got 9",
        ),
    ],
)
def test_configs_that_cannot_work_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        replace(SMALL, **changes)


@pytest.mark.parametrize(
    "shape", [(2, 1, 12, 12), (2, 3, 12, 16), (2, 3, 16, 12), (3, 12, 12), (2, 12, 12, 3)]
)
def test_other_pictures_are_refused(shape):
    with pytest.raises(ValueError, match=r"in_channels = 3, image_size = 12, 12\), got \("):
        model_of()(torch.zeros(shape).double())
