"""Icons and their names: a CLIP that reads new combinations of known words.

It learns on pairs of a picture and a name, and is tested on 500 names that it never saw, though it
knows each of their words. With `--trial dev` other names are held out instead, and it only says how
well.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from importlib.metadata import version

import torch
from torch import Tensor

from transformer_lib.data.augment import jitter
from transformer_lib.data.icons import SIZE, IconBatches, IconSet, Pairs, load_icons, name_ids
from transformer_lib.data.order import random_numbers
from transformer_lib.measure.retrieval import recall_at
from transformer_lib.models.clip import CLIP, BagOfWords, BagOfWordsConfig, CLIPConfig
from transformer_lib.models.vit import ViT, ViTConfig
from transformer_lib.recipes.running import AUTOCAST, SEED, Recipe

BATCH_SIZE = 256
WIDTH = 128
CHANGE = partial(jitter, shift=2.0, degrees=10.0, scale=0.15, shear=0.15)
MOVED = 1_000_000  # random numbers for the pictures of the test: those that no training comes to


def make_model(data: IconSet, *, num_layers: int = 4, dropout: float = 0.1) -> CLIP:
    """Make the model of the checkpoint, untrained: eyes like chapter 14's, and a bag of words."""
    eyes = ViTConfig(
        SIZE,
        patch_size=7,
        in_channels=1,
        num_classes=WIDTH,
        d_model=128,
        num_heads=4,
        num_layers=num_layers,
        d_ff=256,
        dropout=dropout,
        pooling="mean",
    )
    words = BagOfWordsConfig(len(data.vocabulary), WIDTH)
    return CLIP(CLIPConfig(), ViT(eyes), BagOfWords(words))


def make_batches(data: IconSet, seed: int = SEED) -> IconBatches:
    """The training pairs; each time a picture comes, it is shifted, turned and stretched."""
    return IconBatches(
        data.train, data.vocabulary, batch_size=BATCH_SIZE, seed=seed, augment=CHANGE
    )


def pair_loss(model: CLIP, batch: Pairs) -> Tensor:
    """How badly the pairs of a batch are found, in nats."""
    return model.loss(batch.images, batch.ids)


@torch.no_grad()
def image_vectors(model: CLIP, images: Tensor) -> Tensor:
    """Vectors of many pictures, (count, width)."""
    return torch.cat([model.images(part) for part in images.split(250)])


@torch.no_grad()
def evaluate(model: CLIP, data: IconSet, part: str = "test") -> dict[str, float]:
    """Recall at 1 and at 5: of straight and moved pictures, and among the names of training too."""
    icons = getattr(data, part)
    names = model.texts(name_ids(icons.names, data.vocabulary))
    others = model.texts(name_ids(data.train.names, data.vocabulary))
    pictures = image_vectors(model, icons.images)
    straight = pictures @ names.T
    moved = image_vectors(model, moved_pictures(icons.images)) @ names.T
    among_all = torch.cat([straight, pictures @ others.T], dim=1)
    scores = {"straight": straight, "moved": moved, "among all names": among_all}
    return {
        f"{what}, R@{k}": share
        for what, table in scores.items()
        for k, share in zip((1, 5), recall_at(table), strict=True)
    }


def moved_pictures(images: Tensor) -> Tensor:
    """Shift, turn and stretch pictures as in training; the same ones at every call."""
    return CHANGE(images, random_numbers(SEED, MOVED))


def card(figures: Mapping[str, dict[str, float]], data: IconSet, made: str) -> str:
    """Say of the weights what they are, how they came about and how good they are."""
    rows = [
        f"| {what} | " + " | ".join(f"{share:.3f}" for share in scores.values()) + " |"
        for what, scores in figures.items()
    ]
    names = next(iter(figures.values()))
    return f"""\
A CLIP that brings icons of 28 × 28 pixels and their names into one space. Load it with
`transformer_lib.load`; its `symbols` are the words, their ids begin with 3.

| {len(data.test)} new names | {" | ".join(names)} |
|---|{"---|" * len(names)}
{chr(10).join(rows)}

R@k: how often the right name is among the first k of the {len(data.test)} (by chance
{1 / len(data.test):.3f} for k = 1), or of all {len(data.train) + len(data.test):,}. Moved pictures
are shifted, turned and stretched as in training. Choices were made in trials, on other names that
were held out from training; the test was looked at once, at the end.

- **Data**: {len(data.train):,} icons of Material Design Icons (`qtawesome` {version("qtawesome")},
  Apache-2.0) to learn from. Each word of a name of the test is in three names or more to learn
  from, the combination in none (seed {SEED}).
{made}
- **Limits**: icons like these, white on black; names of these words. The order of words means
  nothing to it. It always answers. Handwritten digits are not its kind of picture.
- **Licence**: that of this package.
"""


RECIPE = Recipe(
    name="icons_clip",
    title="Icons and their names",
    steps=3000,
    every=500,
    data=partial(load_icons, seed=SEED),
    model=make_model,
    loss=lambda: pair_loss,
    batches=make_batches,
    settings=f"batches of {BATCH_SIZE} pairs",
    rates={"warmup": 50, "lr": 0.02, "adamw_lr": 5e-3, "weight_decay": 0.05},
    symbols=lambda data: data.vocabulary,
    parts=("test",),
    evaluate=evaluate,  # once, at the end: choices are made in a trial
    card=card,
    autocast=AUTOCAST,
)
TRIALS = {"dev": replace(RECIPE, data=partial(load_icons, dev=500, seed=SEED), progress=evaluate)}
RECIPE = replace(RECIPE, trials=TRIALS)
