"""A segmenter that runs inside the page: the reader paints a scene, and the masks follow."""

from collections.abc import Mapping, Sequence

import traitlets
from torch import Tensor

from transformer_lib import checks
from transformer_lib.show.page_checks import (
    check_vit_weights,
    checked_config,
    checked_samples,
    compare,
    tensor,
)
from transformer_lib.show.page_models import PageModel, script
from transformer_lib.show.quantize import pack


class ScenePainter(PageModel):
    """Paint a scene and see which digit each pixel is taken for, while you paint.

    The arrow keys move the scene by a pixel; a choice shows how likely one class is everywhere.

    Args:
        backbone: the configuration of the ViT that the segmenter sees with, as for `DigitReader`.
        weights: the segmenter's state dict, with the names of `models.segmentation`; its head is
            one linear map to the classes of all pixels.
        samples: grey scenes (n, 1, image_size, image_size), from 0 to 1, to begin with and to go
            back to.
        classes: names of the classes; the last is the background.
        caption: one sentence that says what to try.

    Raises:
        ValueError: for a configuration that the page cannot compute, or scenes or names that do
            not fit.
    """

    _esm = script("transformer", "controls", "segmenter", "scene_painter")
    samples = traitlets.Bytes().tag(sync=True)
    classes = traitlets.List(traitlets.Unicode()).tag(sync=True)

    def __init__(
        self,
        backbone: Mapping,
        weights: Mapping[str, Tensor],
        samples: Tensor,
        classes: Sequence[str],
        *,
        caption: str = "",
    ):
        config = checked_config(
            backbone,
            "image_size",
            "patch_size",
            pooling=("class", "mean"),
            positions=("learned", "none"),
        )
        checks.string(caption=caption)
        if not isinstance(classes, Sequence) or not all(isinstance(name, str) for name in classes):
            raise ValueError(f"classes must be a list of names, got {classes!r}")
        checks.at_least(2, classes=len(classes))
        _check_weights(config, weights, len(classes))
        data, contents = pack(weights)
        super().__init__(
            data=data,
            contents=contents,
            config=config | {"norm": "layer"},
            samples=checked_samples(samples, config["image_size"]).numpy().tobytes(),
            classes=list(classes),
            caption=caption,
        )


def _check_weights(config: Mapping, weights: Mapping[str, Tensor], num_classes: int) -> None:
    """Refuse weights of another model than a segmenter with these eyes and a linear head."""
    width = len(tensor(weights, "head.bias"))
    own = {name: w for name, w in weights.items() if not name.startswith("backbone.")}
    eyes = {name.removeprefix("backbone."): w for name, w in weights.items() if name not in own}
    check_vit_weights(config, eyes, head=False)
    wanted = num_classes * config["patch_size"] ** 2
    if width != wanted:
        raise ValueError(f"weights must score {wanted} classes of pixels in a patch, got {width}")
    compare(own, {"head.weight": (width, config["d_model"]), "head.bias": (width,)}, {})
