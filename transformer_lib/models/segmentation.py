"""Segmentation: a class for every pixel, from tokens that stand for whole patches."""

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from transformer_lib import checks
from transformer_lib.layers.patches import unpatchify
from transformer_lib.models.vit import ViT


@dataclass(frozen=True)
class SegmenterConfig:
    """What a `Segmenter` is made of, apart from the eyes it sees with.

    Args:
        num_classes: number of classes, the background included.
        detail: how patches become pixels. "bilinear", as published: a token says the classes of
            its patch as a whole, and what lies between the middles of patches is interpolated;
            "pixels": a token says the classes of each of its pixels.

    Raises:
        ValueError: if the values are not such.
    """

    num_classes: int
    detail: str = "bilinear"

    def __post_init__(self):
        checks.at_least(1, num_classes=self.num_classes)
        checks.one_of(("bilinear", "pixels"), detail=self.detail)


class Segmenter(nn.Module):
    """Which class is each pixel? The patches of a Vision Transformer, and one linear map.

        logits = model(images)

    With "bilinear" nothing finer than a patch can be drawn. With "pixels" the map is
    patch_size² times as wide.

    The linear map starts from N(0, 0.02²), its biases at zero.

    Args:
        config: what it is made of.
        backbone: sees the pictures; a copy of it, without its head, is trained along.

    Raises:
        ValueError: if `backbone` is not a `ViT`.

    Source: Strudel et al. 2021, "Segmenter", §3.2, the linear decoder.
    """

    def __init__(self, config: SegmenterConfig, backbone: ViT):
        super().__init__()
        if not isinstance(backbone, ViT):
            raise ValueError(f"backbone must be a ViT, got {type(backbone).__name__}")
        self.config = config
        self.backbone = backbone.without_head()
        seen = backbone.config
        pixels = seen.patch_size**2 if config.detail == "pixels" else 1
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
