"""ViT as `ViTForImageClassification.save_pretrained` writes it."""

import os

import torch

from transformer_lib import checks
from transformer_lib.models.vit import ViT, ViTConfig
from transformer_lib.pretrained.table import (
    ACTIVATIONS,
    Name,
    check_known,
    check_there,
    load_pretrained,
    read_config,
)

_ENCODER_LAYER = "encoder.layers.*."
_THEIR_LAYER = "vit.encoder.layer.*."
VIT_NAMES = [
    Name("vit.embeddings.cls_token", "class_token", reshape=True),  # (1, 1, d_model) there
    Name("vit.embeddings.position_embeddings", "positions.table.weight", reshape=True),
    Name("vit.embeddings.patch_embeddings.projection.weight", "patches.proj.weight", reshape=True),
    Name("vit.embeddings.patch_embeddings.projection.bias", "patches.proj.bias"),
    Name(_THEIR_LAYER + "layernorm_before.*", _ENCODER_LAYER + "norm1.*"),
    *(
        Name(
            _THEIR_LAYER + f"attention.attention.{name}.*",
            _ENCODER_LAYER + f"self_attention.{name[0]}_proj.*",
        )
        for name in ("query", "key", "value")
    ),
    Name(_THEIR_LAYER + "attention.output.dense.*", _ENCODER_LAYER + "self_attention.out_proj.*"),
    Name(_THEIR_LAYER + "layernorm_after.*", _ENCODER_LAYER + "norm2.*"),
    Name(_THEIR_LAYER + "intermediate.dense.*", _ENCODER_LAYER + "feed_forward.linear1.*"),
    Name(_THEIR_LAYER + "output.dense.*", _ENCODER_LAYER + "feed_forward.linear2.*"),
    Name("vit.layernorm.*", "encoder.final_norm.*"),
    Name("classifier.*", "head.*"),
]


_NEEDED = (
    "image_size",
    "patch_size",
    "hidden_size",
    "num_attention_heads",
    "num_hidden_layers",
    "intermediate_size",
)


def load_vit(folder: str | os.PathLike, *, dtype: torch.dtype | None = None) -> ViT:
    """Make the model that a published ViT classifier's folder holds, in evaluation mode.

    Args:
        folder: with `config.json` and weights, as `save_pretrained` writes it.
        dtype: type of the parameters; by default torch's own.

    Raises:
        ValueError: if the folder holds no such model, or one that departs from ViT.
    """
    model = ViT(vit_config(read_config(folder))).to(dtype)
    load_pretrained(model, folder, VIT_NAMES)
    return model.eval()


def vit_config(published: dict) -> ViTConfig:
    """Say in our words what a published `config.json` says.

    Raises:
        ValueError: if it describes another kind of model, or a ViT that ours cannot be.
    """
    checks.mapping(published=published)
    published = {"hidden_act": "gelu", "qkv_bias": True} | published
    wanted = {"model_type": ["vit"], "hidden_act": list(ACTIVATIONS), "qkv_bias": [True]}
    check_known(published, wanted)
    check_there(published, _NEEDED)
    checks.at_least(1, image_size=published["image_size"], patch_size=published["patch_size"])
    classes = published.get("id2label")
    return ViTConfig(
        published["image_size"],
        published["patch_size"],
        in_channels=published.get("num_channels", 3),
        num_classes=len(classes) if classes else published.get("num_labels", 2),
        d_model=published["hidden_size"],
        num_heads=published["num_attention_heads"],
        num_layers=published["num_hidden_layers"],
        d_ff=published["intermediate_size"],
        activation=ACTIVATIONS[published["hidden_act"]],
        dropout=published.get("hidden_dropout_prob", 0.0),
        eps=published.get("layer_norm_eps", 1e-12),
    )
