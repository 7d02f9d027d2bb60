"""Scenes: the same for the same seed, exact in boxes and classes, tested on digits held out."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from transformer_lib.data.images import Images, load_mnist_5k
from transformer_lib.data.order import random_numbers
from transformer_lib.data.scenes import (
    BACKGROUND,
    CLEAN,
    HARD,
    INK,
    MEDIUM,
    MOST,
    SIZE,
    Difficulty,
    SceneBatches,
    compose,
)
from transformer_lib.measure.boxes import check_boxes, iou


@pytest.fixture(scope="module")
def digits():
    return load_mnist_5k()


def scenes_of(data, count=40, seed=0, difficulty=CLEAN):
    return compose(data, count, random_numbers(seed, 0), difficulty)


def squares():
    """Digits that are bars: each of another brightness, which is a hundredth of its label."""
    images = torch.zeros(10, 1, 28, 28)
    images[:, :, 4:24, 6:22] = (0.5 + torch.arange(10) / 100)[:, None, None, None]
    return Images(images, torch.arange(10))


@pytest.mark.parametrize("difficulty", [CLEAN, MEDIUM, HARD])
def test_scenes_are_as_described(digits, difficulty):
    scenes = scenes_of(digits.test, difficulty=difficulty)
    assert len(scenes) == 40 == len(scenes.objects)
    assert scenes.images.shape == (40, 1, SIZE, SIZE)
    assert scenes.classes.shape == (40, SIZE, SIZE)
    assert scenes.images.min() >= 0
    assert scenes.images.max() <= 1
    counts = [len(labels) for labels, _ in scenes.objects]
    assert (min(counts), max(counts)) == (1, MOST)
    for labels, boxes in scenes.objects:
        check_boxes("boxes", boxes, len(labels))
        assert boxes.min() >= 0
        assert boxes.max() <= 1
        sides = SIZE * (boxes[:, 2:] - boxes[:, :2])
        assert sides.min() >= 2
        assert sides.max() <= 34
    assert {int(label) for labels, _ in scenes.objects for label in labels} == set(range(10))


def test_boxes_and_classes_are_those_of_the_pixels(digits):
    scenes = scenes_of(digits.train, 200)
    apart = 0
    for image, (labels, boxes), classes in zip(
        scenes.images, scenes.objects, scenes.classes, strict=True
    ):
        assert torch.equal(classes != BACKGROUND, image[0] > INK)
        if iou(boxes, boxes).sum() > len(boxes):  # boxes overlap: one holds another's pixels
            continue
        apart += 1
        covered = torch.zeros(SIZE, SIZE, dtype=torch.bool)
        for label, box in zip(labels, (SIZE * box.round(decimals=6) for box in boxes), strict=True):
            left, top, right, bottom = box.round().int().tolist()
            inside = classes[top:bottom, left:right] != BACKGROUND
            covered[top:bottom, left:right] = True
            assert set(classes[top:bottom, left:right].unique().tolist()) <= {
                BACKGROUND,
                int(label),
            }
            for edge in (inside[0], inside[-1], inside[:, 0], inside[:, -1]):
                assert edge.any()  # no row or column too many
        assert not ((classes != BACKGROUND) & ~covered).any()  # and none too few
    assert apart > 50


def test_a_pixel_belongs_to_the_digit_that_is_brightest_there():
    scenes = scenes_of(squares(), 200, difficulty=replace(CLEAN, near=0.6))
    light = scenes.images
    # Inside a bar, and not on its edge, where it fades.
    flat = F.max_pool2d(light, 3, 1, 1) + F.max_pool2d(-light, 3, 1, 1) < 1e-4
    flat = (flat & (light > 0.4))[:, 0]
    shown = (100 * (light[:, 0] - 0.5)).round()
    assert flat.float().mean() > 0.05
    assert torch.equal(scenes.classes[flat], shown[flat].long())


def test_a_box_holds_what_another_digit_covers():
    scenes = scenes_of(squares(), 200, difficulty=replace(CLEAN, near=0.6))
    overlaps = [iou(boxes, boxes).triu(1).max().item() for _, boxes in scenes.objects]
    assert max(overlaps) > 0.05
    clean = [
        iou(boxes, boxes).triu(1).max().item() for _, boxes in scenes_of(squares(), 200).objects
    ]
    assert max(clean) < max(overlaps)


def test_the_difficulties_are_what_they_are_called(digits):
    touching, noise = [], []
    for difficulty in (CLEAN, MEDIUM, HARD):
        scenes = scenes_of(digits.train, 200, difficulty=difficulty)
        touching.append(sum(iou(b, b).triu(1).sum().item() for _, b in scenes.objects))
        noise.append(scenes.images[:, 0][scenes.classes == BACKGROUND].std().item())
    assert touching[0] < touching[1] < touching[2]
    assert noise[0] < noise[1] < noise[2]


def test_noise_is_as_often_dark_as_light():
    grey = Images(squares().images.where(squares().images == 0, 0.6), torch.arange(10))
    clean, noisy = (
        scenes_of(grey, 100, difficulty=replace(CLEAN, noise=noise)).images for noise in (0.0, 0.1)
    )
    change = (noisy - clean)[clean > 0.55]  # far from 0 and 1, where it is cut off
    assert change.mean().abs() < 0.005
    assert change.std() == pytest.approx(0.1, abs=0.005)


def test_digits_are_turned_to_both_sides():
    # A line from the left upper corner of a digit to its right lower one leans by its turn.
    line = torch.zeros(10, 1, 28, 28)
    line[:, :, 5:23, 13:15] = 1.0  # upright
    scenes = scenes_of(Images(line, torch.arange(10)), 200)
    leans = []
    for image, (_, boxes) in zip(scenes.images[:, 0], scenes.objects, strict=True):
        for left, top, right, bottom in (SIZE * boxes).round().int().tolist():
            part = image[top:bottom, left:right]
            across = torch.arange(right - left).float()
            upper, lower = part[: len(part) // 3].sum(0), part[-(len(part) // 3) :].sum(0)
            leans.append(((lower - upper) @ across / upper.sum()).item())
    leans = torch.tensor(leans)
    assert (leans > 1).float().mean() > 0.2
    assert (leans < -1).float().mean() > 0.2


def test_every_digit_is_drawn_and_batches_are_as_hard_as_asked(digits):
    batches = SceneBatches(squares(), batch_size=100, difficulty=CLEAN)
    wanted = scenes_of(squares(), 100, seed=0)
    assert torch.equal(batches[0].images, wanted.images)
    assert {int(x) for labels, _ in batches[0].objects for x in labels} == set(range(10))
    assert digits.test.images.shape[1:] == (1, 28, 28)


def test_the_same_seed_makes_the_same_scenes(digits):
    batches = SceneBatches(digits.train, batch_size=3, seed=1)
    later = SceneBatches(digits.train, batch_size=3, seed=1)
    for n in (5, 0):
        one, other = batches[n], later[n]
        assert torch.equal(one.images, other.images)
        assert torch.equal(one.classes, other.classes)
        for (labels, boxes), (same, too) in zip(one.objects, other.objects, strict=True):
            assert torch.equal(labels, same)
            assert torch.equal(boxes, too)
    other = SceneBatches(digits.train, batch_size=3, seed=2)
    assert not torch.equal(batches[0].images, batches[1].images)
    assert not torch.equal(batches[0].images, other[0].images)
    assert_close(next(iter(batches)).images, batches[0].images)


def test_scenes_to_train_and_to_test_on_share_no_digit(digits):
    sides = [
        {image.numpy().tobytes() for image in part.images} for part in (digits.train, digits.test)
    ]
    assert len(sides[0]) == 4000
    assert len(sides[1]) == 1000
    assert not sides[0] & sides[1]
    # A scene shows its own data and nothing else: with one digit only, every object is that digit.
    only = digits.test[3:4]
    for labels, _ in scenes_of(only, 10).objects:
        assert (labels == only.labels[0]).all()


SQUARES = squares()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: compose(SQUARES.images, 2, torch.Generator()), "data must be Images, got Tensor"),
        (lambda: compose(SQUARES[:0], 2, torch.Generator()), r"data must be digits of \(1, 28, 28"),
        (
            lambda: compose(Images(SQUARES.images[..., :9], SQUARES.labels), 2, torch.Generator()),
            r"data must be digits of \(1, 28, 28\), got 10 of \(1, 28, 9\)",
        ),
        (
            lambda: compose(Images(SQUARES.images / 2, SQUARES.labels), 9, torch.Generator()),
            "data must be digits brighter than 0.3, got one that is not",
        ),
        (lambda: compose(SQUARES, 0, torch.Generator()), "count must be at least 1, got 0"),
        (lambda: compose(SQUARES, 2, 3), "generator must be a torch.Generator, got 3"),
        (lambda: compose(SQUARES, 2, torch.Generator(), "hard"), "difficulty must be a Difficulty"),
        (lambda: Difficulty(0.0, 0.1), r"near must be in \(0, 1\], got 0.0"),
        (lambda: Difficulty(0.5, -0.1), "noise must be at least 0 and finite, got -0.1"),
        (lambda: SceneBatches(SQUARES, batch_size=0), "batch_size must be at least 1, got 0"),
        (lambda: SceneBatches(SQUARES, batch_size=1, seed=-1), "seed must be at least 0, got -1"),
        (lambda: SceneBatches([1], batch_size=1), "data must be Images, got list"),
        (lambda: SceneBatches(SQUARES, batch_size=1)[-1], "n must be at least 0, got -1"),
    ],
)
def test_what_makes_no_scene_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
