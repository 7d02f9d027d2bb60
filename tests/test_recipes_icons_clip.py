"""The recipe of icons from end to end, on few of them; and what the shipped weights can do."""

from dataclasses import replace

import pytest
import torch

from transformer_lib.data.icons import IconSet
from transformer_lib.measure.retrieval import recall_at
from transformer_lib.recipes import icons_clip as recipe
from transformer_lib.weights import load


@pytest.fixture(scope="module")
def data():
    return recipe.load_icons()


def few(data):
    rows = torch.arange(20)
    return IconSet(data.train[torch.arange(300)], data.test[rows], data.vocabulary)


def test_main_trains_measures_and_writes_weights_and_card(data, tmp_path, capfd, monkeypatch):
    monkeypatch.setattr(recipe, "BATCH_SIZE", 8)
    small = few(data)
    short = replace(recipe.RECIPE, data=lambda: small)
    file = tmp_path / "new" / "w.safetensors"
    short.main(["--steps", "2", "--checkpoint", str(tmp_path / "runs"), "--out", str(file)])
    assert "s of processor time" in capfd.readouterr().err
    card = file.with_suffix(".md").read_text(encoding="utf-8")
    model = load(file)
    row = " | ".join(f"{x:.3f}" for x in recipe.evaluate(model, small).values())
    assert f"| test, float16 | {row} |" in card
    assert "| 20 new names | straight, R@1 | straight, R@5 | moved, R@1 |" in card


def test_a_trial_never_sees_the_test(data):
    trial = recipe.RECIPE.trials["dev"].data()
    assert not {*data.test.names} & {*trial.train.names, *trial.test.names}


def test_it_asks_among_the_names_of_the_test_and_then_among_all(data):
    torch.manual_seed(0)
    small, model = few(data), recipe.make_model(data).eval()
    found = recipe.evaluate(model, small)
    pictures = recipe.image_vectors(model, small.test.images)
    names = (*small.test.names, *small.train.names)
    with torch.no_grad():
        table = pictures @ model.texts(recipe.name_ids(names, data.vocabulary)).T
    assert [*found.values()][:2] == list(recall_at(table[:, :20]))
    assert [*found.values()][4:] == list(recall_at(table))


def test_pictures_are_moved_alike_at_every_call(data):
    images = data.test.images[:5]
    assert torch.equal(recipe.moved_pictures(images), recipe.moved_pictures(images))
    assert (recipe.moved_pictures(images) - images).abs().max() > 0.5


def test_weights_in_the_package_find_names(data):
    found = recipe.evaluate(load("icons_clip"), data)
    assert found["straight, R@1"] >= 0.70
    assert found["moved, R@1"] >= 0.65
    assert found["among all names, R@5"] >= 0.65
