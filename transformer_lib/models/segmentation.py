"""Segmentation: a class for every pixel, from tokens that stand for whole patches."""

from dataclasses import dataclass
from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn

from transformer_lib import checks
from transformer_lib.layers.blocks import EncoderLayer
from transformer_lib.layers.class_tokens import ClassTokens
from transformer_lib.layers.encoder import Encoder
from transformer_lib.layers.feed_forward import FeedForward
from transformer_lib.layers.multi_head import MultiHeadAttention
from transformer_lib.layers.patches import unpatchify
from transformer_lib.models.vit import ViT, ViTConfig


@dataclass(frozen=True)
class SegmenterConfig:
    """What a `Segmenter` is made of, apart from the eyes it sees with.

    Args:
        num_classes: number of classes, the background included.
        detail: how patches become pixels. "bilinear", as published: a token says the classes of
            its patch as a whole, and what lies between the middles of patches is interpolated;
            "pixels": a token says the classes of each of its pixels.
        class_layers: layers in which a token for each class and the patches look at each other,
            before the two are compared, see `ClassTokens`; 0 for a linear map.

    Raises:
        ValueError: if the values are not such.
    """

    num_classes: int
    detail: str = "bilinear"
    class_layers: int = 0

    def __post_init__(self):
        checks.at_least(1, num_classes=self.num_classes)
        checks.one_of(("bilinear", "pixels"), detail=self.detail)
        checks.at_least(0, class_layers=self.class_layers)


class Segmenter(nn.Module):
    """Which class is each pixel? The patches of a Vision Transformer, and a head on each of them.

        logits = model(images)

    With "bilinear" nothing finer than a patch can be drawn. With "pixels" the head is patch_size²
    times as wide. It is one linear map, or tokens of the classes.

    The linear map starts from N(0, 0.02²), its biases at zero.

    Args:
        config: what it is made of.
        backbone: sees the pictures; a copy of it, without its head, is trained along.

    Raises:
        ValueError: if `backbone` is not a `ViT`.

    Source: Strudel et al. 2021, "Segmenter", §3.2.
    """

    def __init__(self, config: SegmenterConfig, backbone: ViT):
        super().__init__()
        checks.a(SegmenterConfig, config=config)
        if not isinstance(backbone, ViT):
            raise ValueError(f"backbone must be a ViT, got {type(backbone).__name__}")
        self.config = config
        self.backbone = backbone.without_head()
        seen = backbone.config
        pixels = seen.patch_size**2 if config.detail == "pixels" else 1
        self.head: nn.Module
        if config.class_layers:
            reader = _reader(config.class_layers, seen)
            self.head = ClassTokens(reader, config.num_classes, pixels=pixels)
        else:
            self.head = nn.Linear(seen.d_model, config.num_classes * pixels)
            nn.init.normal_(self.head.weight, std=0.02)
            nn.init.zeros_(self.head.bias)

    def forward(self, images: Tensor) -> Tensor:
        """Score every class at every pixel.

        Args:
            images: as the backbone takes them (batch, in_channels, image_size, image_size).

        Returns:
            Logits (batch, num_classes, image_size, image_size).

        Raises:
            ValueError: if the images have another shape, type or device.
        """
        seen = self.backbone.config
        tokens = self.backbone.encode(images)[:, -(seen.grid**2) :]  # without a class token
        logits = self.head(tokens)  # (batch, patches, num_classes, or as many for each pixel)
        if self.config.detail == "pixels":
            return unpatchify(logits, seen.patch_size, seen.grid)
        coarse = unpatchify(logits, 1, seen.grid)  # (batch, num_classes, grid, grid)
        return F.interpolate(coarse, size=images.shape[2:], mode="bilinear", align_corners=False)


def _reader(num_layers: int, seen: ViTConfig) -> Encoder:
    """Layers for patches and classes, like those that the backbone is made of."""
    norm = partial(nn.LayerNorm, eps=seen.eps)
    layers = [
        EncoderLayer(
            MultiHeadAttention(seen.d_model, seen.num_heads),
            FeedForward(seen.d_model, seen.d_ff, activation=seen.activation),
            dropout=seen.dropout,
            norm=norm,
        )
        for _ in range(num_layers)
    ]
    return Encoder(layers, final_norm=norm(seen.d_model))
