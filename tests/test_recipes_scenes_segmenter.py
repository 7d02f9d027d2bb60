"""The segmenter's recipe from end to end, on a few scenes; and what the shipped weights can do."""

import math
from dataclasses import replace

import pytest
import torch
from oracles import EXACT, randn
from torch.testing import assert_close

from transformer_lib.data.scenes import BACKGROUND, Scenes
from transformer_lib.measure.mean_iou import ClassIoU
from transformer_lib.recipes import scenes_segmenter as recipe
from transformer_lib.weights import load


@pytest.fixture(scope="module")
def data():
    return recipe.load_scenes()


def few(scenes):
    return Scenes(scenes.images[:50], scenes.objects[:50], scenes.classes[:50])


def test_main_trains_measures_and_writes_weights_and_card(data, tmp_path, capfd, monkeypatch):
    monkeypatch.setattr(recipe, "BATCH_SIZE", 2)
    small = replace(data, medium=few(data.medium), hard=few(data.hard))
    short = replace(recipe.RECIPE, data=lambda: small)
    file = tmp_path / "new" / "w.safetensors"
    short.main(["--steps", "2", "--checkpoint", str(tmp_path / "runs"), "--out", str(file)])
    assert "s of processor time" in capfd.readouterr().err
    assert file.stat().st_size < 1_300_000
    card = file.with_suffix(".md").read_text(encoding="utf-8")
    model = load(file)
    for part in ("medium", "hard"):
        row = " | ".join(f"{x:.3f}" for x in recipe.evaluate(model, small, part).values())
        assert f"| {part}, float16 | {row} |" in card


def test_a_trial_is_of_training_digits_alone(data):
    trial = recipe.load_scenes(trial=True)
    rows = {row.numpy().tobytes() for row in data.train.images}
    assert len(trial.train) < len(data.train)
    assert all(row.numpy().tobytes() in rows for row in trial.train.images[::40])
    assert (trial.medium.images != data.medium.images).any()


def test_its_loss_is_that_of_loops_over_pixels():
    torch.manual_seed(0)
    logits, classes = randn(2, 11, 3, 4), torch.randint(11, (2, 3, 4))
    scenes = Scenes(randn(2, 1, 3, 4), [], classes)
    told = logits.clone()  # the loss sees the scores that the weighted shares ask for
    told[:, BACKGROUND] += math.log(0.1)
    total = weights = 0.0
    for b in range(2):
        for y in range(3):
            for x in range(4):
                k = classes[b, y, x].item()
                weight = 0.1 if k == BACKGROUND else 1.0
                total = total - weight * told[b, :, y, x].log_softmax(0)[k]
                weights += weight
    assert_close(recipe.pixel_loss(lambda _: logits, scenes), total / weights, **EXACT)


def test_the_loss_is_least_for_the_true_shares():
    """Of pixels that look alike, nine in ten are background: so a model should say."""
    classes = torch.full((1, 10, 10), BACKGROUND)
    classes[0, 0] = 3
    scenes = Scenes(torch.zeros(1, 1, 10, 10, dtype=torch.float64), [], classes)
    said = torch.zeros(1, 11, 1, 1, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([said], max_iter=200, line_search_fn="strong_wolfe")

    def loss():
        optimizer.zero_grad()
        value = recipe.pixel_loss(lambda images: said.expand(-1, -1, 10, 10), scenes)
        value.backward()
        return value

    optimizer.step(loss)
    shares = said.detach().softmax(dim=1).flatten()
    assert shares[BACKGROUND].item() == pytest.approx(0.9, abs=1e-3)
    assert shares[3].item() == pytest.approx(0.1, abs=1e-3)


def test_the_score_of_the_digits_leaves_the_background_out():
    scores, true = ClassIoU(11), torch.arange(11)
    said = true.clone()
    said[BACKGROUND] = 0  # one pixel of background is taken for a 0
    scores.add(said, true)
    assert recipe.of_digits(scores) == pytest.approx((0.5 + 9) / 10)


def test_weights_in_the_package_draw_scenes(data):
    assert recipe.evaluate(load("scenes_segmenter"), data, "medium")["digits"] >= 0.87
