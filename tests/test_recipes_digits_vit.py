"""The recipe from end to end, on a few digits; and what the weights in the package can do."""

import math
from dataclasses import replace

import pytest
import torch
from oracles import EXACT
from torch.testing import assert_close

from transformer_lib.data.augment import shift_images
from transformer_lib.data.images import Images, load_mnist_5k, load_small_digits
from transformer_lib.recipes import digits_vit as recipe
from transformer_lib.weights import load


@pytest.fixture(scope="module")
def data():
    return load_mnist_5k()


def few(data):
    return replace(data, train=data.train[::20], test=data.test[::25])


def test_main_trains_measures_and_writes_weights_and_card(data, tmp_path, capfd, monkeypatch):
    monkeypatch.setattr(recipe, "BATCH_SIZE", 8)
    small = few(data)
    short = replace(recipe.RECIPE, data=lambda: small)
    file = tmp_path / "new" / "w.safetensors"
    options = ["--steps", "2", "--checkpoint", str(tmp_path / "runs"), "--out", str(file)]
    short.main(options)
    assert "s of processor time" in capfd.readouterr().err
    assert file.stat().st_size < 1_200_000
    card = file.with_suffix(".md").read_text(encoding="utf-8")
    shares = recipe.accuracies(load(file), small.test)
    row = " | ".join(f"{100 * share:.1f} %" for share in shares.values())
    assert f"| this model, float16 | {row} |" in card
    assert f"no augmentation | {100 * recipe.svm_accuracy(small):.1f} % | |" in card
    short.main([*options, "--decay", "1", "--force"])  # finished: only measured again
    assert file.with_suffix(".md").read_text(encoding="utf-8") == card


def test_the_model_fits_into_a_megabyte_of_eight_bit_numbers(data):
    assert sum(p.numel() for p in recipe.make_model(data).parameters()) < 950_000


def test_loss_smooths_the_labels():
    logits = torch.randn(3, 4).double()
    batch = Images(torch.zeros(3, 1, 28, 28), torch.tensor([0, 3, 1]))
    logs = logits.log_softmax(dim=-1)
    right = logs[range(3), batch.labels]
    expected = -(0.9 * right + 0.1 * logs.mean(dim=-1)).mean()
    assert_close(recipe.class_loss(lambda _: logits, batch), expected, **EXACT)


def test_probabilities_are_averaged_over_shifts(data):
    torch.manual_seed(0)
    model, images = recipe.make_model(data).eval(), data.test.images[:300:7]
    shifts = [(0, 0), (1, -1), (-2, 0)]
    with torch.no_grad():
        expected = sum(model(shift_images(images, *shift)).softmax(-1) for shift in shifts) / 3
    assert_close(recipe.probabilities(model, images, shifts), expected)
    assert len(set(recipe.SHIFTS)) == 9
    assert {max(map(abs, shift)) for shift in recipe.SHIFTS} == {0, 1}


def test_shifts_grow_with_the_picture(data):
    batches = (recipe.make_batches(part) for part in (data, load_small_digits()))
    large, small = (part.augment.keywords["shift"] for part in batches)
    assert math.isclose(large / small, 28 / 8)


def test_weights_in_the_package_read_digits(data):
    shares = recipe.accuracies(load("digits_vit"), data.test)
    assert shares["plain"] >= 0.983
    assert shares["nine shifts"] >= 0.985
