"""Class tokens: a loop over pixels and classes, and the published form of the same idea."""

from functools import partial

import pytest
import torch
from oracles import EXACT, randn, redraw
from torch import nn
from torch.testing import assert_close
from transformers import EomtConfig, EomtForUniversalSegmentation

from transformer_lib.layers.blocks import EncoderLayer
from transformer_lib.layers.class_tokens import ClassTokens
from transformer_lib.layers.encoder import Encoder
from transformer_lib.layers.feed_forward import FeedForward
from transformer_lib.layers.multi_head import MultiHeadAttention


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def reader(d_model=8, eps=1e-5):
    norm = partial(nn.LayerNorm, eps=eps)
    layers = [
        EncoderLayer(
            MultiHeadAttention(d_model, 2), FeedForward(d_model, 16, activation="gelu"), norm=norm
        )
        for _ in range(2)
    ]
    return Encoder(layers, final_norm=norm(d_model))


def head(num_classes=5, pixels=4, num_features=3):
    return redraw(
        ClassTokens(reader(), num_classes, pixels=pixels, num_features=num_features)
    ).eval()


@pytest.mark.parametrize("pixels", [1, 4])
def test_a_logit_is_the_product_of_a_pixel_and_a_class(pixels):
    model, patches = head(pixels=pixels), randn(2, 6, 8)
    got = model(patches).unflatten(2, (5, pixels))
    for b in range(2):
        x = model.reader(torch.cat([patches[b], model.tokens.weight])[None])[0]
        for patch in range(6):
            features = model.features(x[patch]).view(pixels, 3)
            for c in range(5):
                key = model.keys(x[6 + c])
                for p in range(pixels):
                    expected = (features[p] * key).sum() / 3**0.5
                    assert_close(got[b, patch, c, p], expected, **EXACT)


def test_a_class_is_looked_for_with_what_the_whole_picture_shows():
    model, patches = head(), randn(1, 6, 8)
    other = patches.clone()
    other[0, 5] = randn(8)  # far away
    assert (model(patches) - model(other))[0, :5].abs().max() > 1e-4


def test_the_order_of_the_patches_and_of_the_classes_does_not_matter():
    model, patches = head(), randn(2, 6, 8)
    got = model(patches).unflatten(2, (5, 4))
    order, classes = torch.randperm(6), torch.randperm(5)
    assert_close(model(patches[:, order]).unflatten(2, (5, 4)), got[:, order], **EXACT)
    with torch.no_grad():
        model.tokens.weight.copy_(model.tokens.weight[classes])
    assert_close(model(patches).unflatten(2, (5, 4)), got[:, :, classes], **EXACT)


def test_fresh_tokens_are_small_and_all_of_them_learn():
    model = ClassTokens(reader(d_model=64), 40, pixels=4)
    assert 0.015 < model.tokens.weight.std().item() < 0.025
    assert model.features.weight.shape == (4 * 32, 64)  # 32 features unless said otherwise
    model(torch.randn(2, 6, 64)).square().sum().backward()
    assert all(p.grad.abs().max() > 0 for p in model.parameters() if p.dim() > 1)


def test_its_masks_are_those_of_the_published_encoder_only_mask_transformer():
    """Kerssies et al. 2025, as in `transformers`: queries join the patches in the last layers."""
    config = EomtConfig(
        hidden_size=8, num_hidden_layers=3, num_attention_heads=2, image_size=12, patch_size=4,
        num_channels=1, num_register_tokens=0, num_blocks=2, num_queries=5, num_upscale_blocks=0,
        mlp_ratio=2,
    )  # fmt: skip
    theirs = EomtForUniversalSegmentation(config)
    theirs.mask_head = nn.Linear(8, 8)  # in place of three layers
    theirs.attn_mask_probs.zero_()  # as at the end of its training: no masks in between
    theirs = redraw(theirs).eval()
    ours = ClassTokens(reader(eps=config.layer_norm_eps), 5, num_features=8).double().eval()
    with torch.no_grad():
        for mine, layer in zip(ours.reader.layers, theirs.layers[1:], strict=True):
            for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
                copy(getattr(mine.self_attention, name), getattr(layer.attention, name))
            copy(mine.feed_forward.linear1, layer.mlp.fc1)
            copy(mine.feed_forward.linear2, layer.mlp.fc2)
            last = mine.self_attention.out_proj, mine.feed_forward.linear2
            scales = layer.layer_scale1, layer.layer_scale2
            for linear, scale in zip(last, scales, strict=True):  # folded into the map before it
                scale.lambda1.add_(1)
                linear.weight.mul_(scale.lambda1[:, None])
                linear.bias.mul_(scale.lambda1)
            copy(mine.norm1, layer.norm1)
            copy(mine.norm2, layer.norm2)
        copy(ours.reader.final_norm, theirs.layernorm)
        ours.tokens.weight.copy_(theirs.query.weight)
        ours.features.weight.copy_(
            torch.eye(8).double() * 8**0.5
        )  # against the division by the root
        ours.features.bias.zero_()
        copy(ours.keys, theirs.mask_head)

        images, seen = randn(2, 1, 12, 12), []
        theirs.layers[0].register_forward_hook(lambda _, __, out: seen.append(out))
        masks = theirs(images).masks_queries_logits  # (batch, queries, rows, columns)
        got = ours(seen[0])[:, 1:]  # without what the class token of the picture says
    assert masks.std() > 0.05
    assert_close(got.mT.unflatten(2, (3, 3)), masks, **EXACT)


def copy(mine, theirs):
    mine.load_state_dict(theirs.state_dict())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_classes": 0}, "num_classes must be at least 1, got 0"),
        ({"pixels": 0}, "pixels must be at least 1, got 0"),
        ({"num_features": 0}, "num_features must be at least 1, got 0"),
    ],
)
def test_what_cannot_be_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        ClassTokens(reader(), **({"num_classes": 5} | change))
