"""CLIP as `CLIPModel.save_pretrained` writes it."""

import os

import torch
from torch import Tensor

from transformer_lib.models.clip import CLIP, CLIPConfig, TextTower, TextTowerConfig
from transformer_lib.models.vit import ViT, ViTConfig
from transformer_lib.pretrained.table import (
    ACTIVATIONS,
    Name,
    check_known,
    check_there,
    fill_weights,
    read_config,
    read_weights,
)

_PATCHES = "image_tower.patches.proj.weight"
_VISION = "vision_model.embeddings."
_TEXT = "text_model.embeddings."
CLIP_NAMES = [
    Name("logit_scale", "log_scale"),
    Name(_VISION + "class_embedding", "image_tower.class_token"),
    Name(_VISION + "patch_embedding.weight", _PATCHES, reshape=True),
    Name("patch_bias", "image_tower.patches.proj.bias"),
    Name(_VISION + "position_embedding.weight", "image_tower.positions.table.weight"),
    Name("vision_model.pre_layrnorm.*", "image_tower.embedding_norm.*"),  # as it is spelled there
    Name("vision_model.post_layernorm.*", "image_tower.encoder.final_norm.*"),
    Name("visual_projection.weight", "image_tower.head.weight"),
    Name("head_bias", "image_tower.head.bias"),
    Name(_TEXT + "token_embedding.weight", "text_tower.embedding.weight"),
    Name(_TEXT + "position_embedding.weight", "text_tower.positions.table.weight"),
    Name("text_model.final_layer_norm.*", "text_tower.encoder.final_norm.*"),
    Name("text_projection.weight", "text_tower.head.weight"),
    Name("*.embeddings.position_ids"),  # 0, 1, 2, … in older files
    *(
        Name(f"{theirs}.encoder.layers.*.{there}.*", f"{ours}.encoder.layers.*.{here}.*")
        for theirs, ours in (("vision_model", "image_tower"), ("text_model", "text_tower"))
        for there, here in (
            ("layer_norm1", "norm1"),
            ("layer_norm2", "norm2"),
            ("mlp.fc1", "feed_forward.linear1"),
            ("mlp.fc2", "feed_forward.linear2"),
            *((f"self_attn.{n}_proj", f"self_attention.{n}_proj") for n in ("q", "k", "v", "out")),
        )
    ),
]
_ACTIVATIONS = ACTIVATIONS | {"quick_gelu": "quick_gelu"}
_SIZES = ("hidden_size", "num_attention_heads", "num_hidden_layers", "intermediate_size")


def load_clip(folder: str | os.PathLike, *, dtype: torch.dtype | None = None) -> CLIP:
    """Make the model that a published CLIP's folder holds, in evaluation mode.

    Args:
        folder: with `config.json` and weights, as `save_pretrained` writes it.
        dtype: type of the parameters; by default torch's own.

    Raises:
        ValueError: if the folder holds no such model, or one that departs from CLIP.
    """
    published = read_config(folder)
    check_known(published, {"model_type": ["clip"]})
    check_there(published, ("vision_config", "text_config", "projection_dim"))
    width = published["projection_dim"]
    image_tower = ViT(vision_config(published["vision_config"], width))
    text_tower = TextTower(text_config(published["text_config"], width))
    # The published scale has no bound in the model: training kept it at 100 or below.
    model = CLIP(CLIPConfig(max_scale=1e30), image_tower, text_tower).to(dtype)
    fill_weights(model, _with_biases(read_weights(folder), image_tower), CLIP_NAMES)
    return model.eval()


def vision_config(published: dict, width: int) -> ViTConfig:
    """Say in our words what the `vision_config` of a published `config.json` says.

    Raises:
        ValueError: if it leaves something out, or ours cannot be so.
    """
    check_there(published, ("image_size", "patch_size", *_SIZES))
    published = {"hidden_act": "quick_gelu", "num_channels": 3} | published
    check_known(published, {"hidden_act": list(_ACTIVATIONS)})
    return ViTConfig(
        published["image_size"],
        published["patch_size"],
        in_channels=published["num_channels"],
        num_classes=width,
        embedding_norm=True,
        **_said_of_both(published),
    )


def text_config(published: dict, width: int) -> TextTowerConfig:
    """Say in our words what the `text_config` of a published `config.json` says.

    Raises:
        ValueError: if it leaves something out, or ours cannot be so.
    """
    check_there(published, ("vocab_size", "max_position_embeddings", *_SIZES))
    published = {"hidden_act": "quick_gelu", "eos_token_id": 49_407} | published
    check_known(published, {"hidden_act": list(_ACTIVATIONS)})
    end = published["eos_token_id"]
    if end == 2:  # what old files say; a text is then read at its largest id, and that is the last
        end = published["vocab_size"] - 1
    return TextTowerConfig(
        published["vocab_size"],
        width=width,
        max_len=published["max_position_embeddings"],
        end_id=end,
        **_said_of_both(published),
    )


def _said_of_both(published: dict) -> dict:
    return {
        "d_model": published["hidden_size"],
        "num_heads": published["num_attention_heads"],
        "num_layers": published["num_hidden_layers"],
        "d_ff": published["intermediate_size"],
        "activation": _ACTIVATIONS[published["hidden_act"]],
        "eps": published.get("layer_norm_eps", 1e-5),
    }


def _with_biases(weights: dict[str, Tensor], image_tower: ViT) -> dict[str, Tensor]:
    """The published weights, and zeros for two biases that our eyes have and theirs do not."""
    like = weights.get("logit_scale", torch.zeros(()))
    patches, head = image_tower.patches.proj.bias, image_tower.head.bias
    zeros = {"patch_bias": like.new_zeros(len(patches)), "head_bias": like.new_zeros(len(head))}
    return weights | zeros
