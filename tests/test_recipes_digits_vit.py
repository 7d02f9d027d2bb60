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


@pytest.fixture(scope="module")
def data():
    return load_mnist_5k()


def few(data):
    return replace(data, train=data.train[::20], test=data.test[::25])


@pytest.fixture
def short(data, monkeypatch):
    """Few digits and small batches, so that a run takes seconds."""
    small = few(data)
    monkeypatch.setitem(recipe.LOADERS, "mnist", lambda **_: small)
    monkeypatch.setitem(recipe.LOADERS, "small", lambda **_: few(load_small_digits()))
    monkeypatch.setattr(recipe, "BATCH_SIZE", 8)
    monkeypatch.setattr(recipe, "DEV", 20)
    return small


def test_main_trains_measures_and_writes_weights_and_card(short, tmp_path, capfd):
    file = tmp_path / "new" / "w.safetensors"
    options = ["--steps", "2", "--checkpoint", str(tmp_path / "runs"), "--out", str(file)]
    recipe.main(options)
    assert "s of processor time" in capfd.readouterr().err
    assert file.stat().st_size < 1_200_000
    card = file.with_suffix(".md").read_text(encoding="utf-8")
    shares = recipe.accuracies(recipe.load_trained(file), short.test)
    row = " | ".join(f"{100 * share:.1f} %" for share in shares.values())
    assert f"| this model, float16 | {row} |" in card
    assert f"no augmentation | {100 * recipe.svm_accuracy(short):.1f} % | |" in card
    assert "--steps 2\n  --decay 1`" in card
    recipe.main([*options, "--decay", "1"])  # finished: only measured again
    assert file.with_suffix(".md").read_text(encoding="utf-8") == card


@pytest.mark.parametrize("options", [["--dev"], ["--digits", "small"]], ids=["dev", "small"])
def test_what_is_tried_out_writes_no_weights(short, tmp_path, capfd, monkeypatch, options):
    scored = []
    monkeypatch.setattr(recipe, "accuracies", lambda _, part: scored.append(part) or {"plain": 0.5})
    file = tmp_path / "w.safetensors"
    recipe.main(
        ["--steps", "2", *options, "--checkpoint", str(tmp_path / "runs"), "--out", str(file)]
    )
    assert "SVM 0." in capfd.readouterr().err
    assert not file.exists()
    if options == ["--dev"]:
        train = {image.numpy().tobytes() for image in short.train.images}
        assert {len(part) for part in scored} == {20}
        assert all(image.numpy().tobytes() in train for image in scored[0].images)


def test_the_model_fits_into_a_megabyte_of_eight_bit_numbers():
    assert sum(p.numel() for p in recipe.make_model().parameters()) < 950_000


def test_loss_smooths_the_labels():
    logits = torch.randn(3, 4).double()
    batch = Images(torch.zeros(3, 1, 28, 28), torch.tensor([0, 3, 1]))
    logs = logits.log_softmax(dim=-1)
    right = logs[range(3), batch.labels]
    expected = -(0.9 * right + 0.1 * logs.mean(dim=-1)).mean()
    assert_close(recipe.class_loss(lambda _: logits, batch), expected, **EXACT)


def test_probabilities_are_averaged_over_shifts(data):
    torch.manual_seed(0)
    model, images = recipe.make_model().eval(), data.test.images[:300:7]
    shifts = [(0, 0), (1, -1), (-2, 0)]
    with torch.no_grad():
        expected = sum(model(shift_images(images, *shift)).softmax(-1) for shift in shifts) / 3
    assert_close(recipe.probabilities(model, images, shifts), expected)
    assert len(set(recipe.SHIFTS)) == 9
    assert {max(map(abs, shift)) for shift in recipe.SHIFTS} == {0, 1}


def test_shifts_grow_with_the_picture(monkeypatch, data):
    seen = []
    monkeypatch.setattr(recipe, "train", lambda _m, _l, batches, **_: seen.append(batches.augment))
    for part in (data.train, load_small_digits().train):
        model = recipe.make_model(part.images.size(-1))
        recipe.train_model(model, part, steps=10, decay=5)
    large, small = (augment.keywords["shift"] for augment in seen)
    assert math.isclose(large / small, 28 / 8)


def test_weights_in_the_package_read_digits(data):
    shares = recipe.accuracies(recipe.load_trained(), data.test)
    assert shares["plain"] >= 0.983
    assert shares["nine shifts"] >= 0.985
