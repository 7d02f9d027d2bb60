"""What the page can compute of a detector: refused here, before it travels."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from transformer_lib import checks
from transformer_lib.show.page_checks import (
    PROJECTIONS,
    Shapes,
    check_dict,
    check_vit_weights,
    checked_config,
    compare,
    tensor,
)


def checked_detector(config: Mapping[str, Any], backbone: Mapping[str, Any]) -> dict:
    """Those entries of a detector's configuration that the page needs, its backbone's among them.

    Raises:
        ValueError: if an entry is missing, or the page cannot compute with it.
    """
    check_dict(config)
    if config.get("num_encoder_layers") != 0:
        raise ValueError(
            f"config must have num_encoder_layers 0, got {config.get('num_encoder_layers')!r}"
        )
    depth = config.get("num_decoder_layers")
    counts = ("num_classes", "num_queries")
    kept = checked_config(
        {**config, "num_layers": depth, "eps": 1e-5}, *counts, queries=("anchors",)
    )
    checks.multiple(4, d_model=kept["d_model"])
    checks.positive(base=config.get("base"))
    checks.flag(refine=config.get("refine"), no_object=config.get("no_object"))
    eyes = checked_config(
        backbone,
        "image_size",
        "patch_size",
        pooling=("class", "mean"),
        positions=("learned", "none"),
    )
    more = {name: config[name] for name in ("base", "refine", "no_object")} | {"norm": "layer"}
    return kept | more | {"backbone": eyes | {"norm": "layer"}}


def check_detector_weights(config: Mapping[str, Any], weights: Mapping[str, Tensor]) -> None:
    """Refuse weights of another model than a detector of this configuration.

    Args:
        config: as `checked_detector` gives it.
        weights: a state dict.

    Raises:
        ValueError: naming what is missing, left over or of another shape.
    """
    d_model, eyes = config["d_model"], config["backbone"]
    d_ff = len(tensor(weights, "decoder.0.feed_forward.linear1.weight"))
    own = {name: w for name, w in weights.items() if not name.startswith("backbone.")}
    seen = {n.removeprefix("backbone."): w for n, w in weights.items() if n not in own}
    check_vit_weights(eyes, seen, head=False)
    maps = {
        "input_proj": (d_model, eyes["d_model"]),
        "place_proj": (d_model, d_model),
        "class_head": (config["num_classes"] + config["no_object"], d_model),
        "box_head.0": (d_model, d_model),
        "box_head.2": (d_model, d_model),
        "box_head.4": (4, d_model),
    }
    norms = ["decoder_norm"]
    for n in range(config["num_layers"]):
        layer = f"decoder.{n}"
        norms += [f"{layer}.norm{k}" for k in (1, 2, 3)]
        for attention in ("self_attention", "cross_attention"):
            maps |= {f"{layer}.{attention}.{name}": (d_model, d_model) for name in PROJECTIONS}
        maps[f"{layer}.feed_forward.linear1"] = (d_ff, d_model)
        maps[f"{layer}.feed_forward.linear2"] = (d_model, d_ff)
    needed: Shapes = {"anchors": (config["num_queries"], 4)}
    for name, shape in (maps | dict.fromkeys(norms, (d_model,))).items():
        needed |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
    compare(own, needed, {})
