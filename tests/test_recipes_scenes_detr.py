"""The recipe from end to end, on a few scenes; the sceptic's blobs; what the weights can do."""

from types import SimpleNamespace

import pytest
import torch
from oracles import EXACT
from torch import nn
from torch.testing import assert_close

from transformer_lib.data.images import load_mnist_5k
from transformer_lib.data.scenes import CLEAN, HARD, SIZE, Scenes
from transformer_lib.measure.boxes import to_corners
from transformer_lib.measure.sets import set_loss
from transformer_lib.models.detection import DETR
from transformer_lib.recipes import scenes_detr as recipe
from transformer_lib.weights import load, save


@pytest.fixture(scope="module")
def data():
    return load_mnist_5k()


@pytest.fixture(scope="module")
def reader():
    return load("digits_vit")


def test_main_trains_measures_and_writes_weights_and_card(tmp_path, capfd, monkeypatch):
    monkeypatch.setattr(recipe, "BATCH_SIZE", 2)
    monkeypatch.setattr(recipe, "TEST_SCENES", 3)
    file = tmp_path / "w.safetensors"
    options = ["--steps", "2", "--checkpoint", str(tmp_path / "runs"), "--out", str(file)]
    recipe.RECIPE.main(options)
    assert "s of processor time" in capfd.readouterr().err
    assert file.stat().st_size < 2_100_000
    card = file.with_suffix(".md").read_text(encoding="utf-8")
    assert "| 3 test scenes |" in card
    assert card.count("\n| ") == 4  # the heading, two of the model, one of the sceptic


def test_a_trial_is_of_training_digits_alone(data):
    trial = recipe.RECIPE.trials["dev"].data()
    known, learnt, held_out = (
        {row.numpy().tobytes() for row in part.images}
        for part in (data.train, trial.train, trial.test)
    )
    assert learnt | held_out == known
    assert not learnt & held_out


def test_a_fresh_model_looks_where_it_stands_with_the_readers_eyes(data, reader):
    model = recipe.make_model().eval()
    for layer in model.decoder:
        attention = layer.cross_attention
        assert torch.equal(attention.k_proj.weight, attention.q_proj.weight)
        assert attention.k_proj.weight is not attention.q_proj.weight
    images = recipe.held_out_scenes(data.test, CLEAN).images[:2]
    assert_close(model.backbone.encode(images), reader.resized(SIZE).encode(images), **EXACT)


def test_a_saved_model_comes_back_with_its_eyes(tmp_path):
    model, file = recipe.make_model().eval(), tmp_path / "w.safetensors"
    save(model, file)
    again, images = load(file), torch.rand(2, 1, SIZE, SIZE)
    assert (again.config, again.backbone.config) == (model.config, model.backbone.config)
    for ours, theirs in zip(again(images), model(images), strict=True):
        assert_close(ours, theirs, **EXACT)


class Said(nn.Module):
    """A model that says what it was given, of the pictures whose number is in their first pixel."""

    probabilities = DETR.probabilities

    def __init__(self, *layers, no_object):
        super().__init__()
        self.layers, self.config = layers, SimpleNamespace(no_object=no_object)
        self.class_head = SimpleNamespace(out_features=layers[0][0].size(-1))

    def forward(self, images):
        numbers = images[:, 0, 0, 0].long()
        return [(logits[numbers], boxes[numbers]) for logits, boxes in self.layers]


@pytest.mark.parametrize(("no_object", "weight"), [(True, 0.1), (False, None)])
def test_the_loss_is_the_sets_in_float32(no_object, weight):
    box = torch.tensor([[0.1, 0.2, 0.4, 0.6]])
    objects = [(torch.tensor([n]), box) for n in (3, 7)]
    images = torch.arange(2.0).view(2, 1, 1, 1).expand(2, 1, 4, 4)
    scenes = Scenes(images, objects, torch.zeros(2, 4, 4))
    logits, boxes = torch.randn(2, 5, 11), torch.rand(2, 5, 4)
    low = Said((logits.bfloat16(), boxes.bfloat16()), no_object=no_object)
    loss = recipe.scene_loss(low, scenes)
    assert loss.dtype == torch.float32
    high = [(logits.bfloat16().float(), boxes.bfloat16().float())]
    assert_close(loss, set_loss(high, scenes.objects, no_object=weight).total, **EXACT)


@pytest.mark.parametrize("no_object", [True, False])
def test_detections_are_the_likeliest_class_of_the_last_layer_of_every_query(no_object):
    logits, boxes = torch.randn(120, 3, 5), torch.rand(120, 3, 4)
    model = Said((logits * 0, boxes * 0), (logits, boxes), no_object=no_object)
    images = torch.arange(120.0).view(120, 1, 1, 1)
    found = recipe.detections(model, images)
    assert len(found) == 120
    for n in (0, 99, 100, 119):
        scores, labels, corners = found[n]
        # With "no object" that is the fifth.
        known = logits[n].softmax(-1)[:, :4] if no_object else logits[n].sigmoid()
        assert_close(scores, known.amax(-1), **EXACT)
        assert torch.equal(labels, known.argmax(-1))
        assert_close(corners, to_corners(boxes[n]), **EXACT)


def test_held_out_scenes_are_always_the_same(data, monkeypatch):
    monkeypatch.setattr(recipe, "TEST_SCENES", 4)
    one, two = (recipe.held_out_scenes(data.test, HARD) for _ in range(2))
    assert torch.equal(one.images, two.images)
    assert len(one) == 4
    assert not torch.equal(recipe.held_out_scenes(data.test, CLEAN).images, one.images)


# --- blobs -----------------------------------------------------------------------------------


def test_each_blob_is_read_and_has_the_box_of_its_pixels(data, reader):
    scene = torch.zeros(SIZE, SIZE)
    chosen = [(data.test.labels == digit).nonzero()[3].item() for digit in (3, 7)]
    for n, left in zip(chosen, (0, 28), strict=True):
        scene[10:38, left : left + 28] = data.test.images[n, 0]
    scores, labels, boxes = recipe.blobs(reader, scene)
    assert sorted(labels.tolist()) == [3, 7]
    assert (scores > 0.5).all()
    for box in (SIZE * boxes).round().long().tolist():
        left, top, right, bottom = box
        ink = scene[top:bottom, left:right] > 0.3
        assert all(edge.any() for edge in (ink[0], ink[-1], ink[:, 0], ink[:, -1]))
    assert ((scene > 0.3).sum()) == sum(
        (scene[t:b, x:y] > 0.3).sum()
        for x, t, y, b in (SIZE * boxes).round().long().tolist()
    )  # fmt: skip


def test_specks_and_nothing_are_no_digits(reader):
    scene = torch.zeros(SIZE, SIZE)
    scene[5:8, 5:8] = 1.0  # nine pixels
    for picture in (scene, torch.zeros(SIZE, SIZE)):
        scores, labels, boxes = recipe.blobs(reader, picture)
        assert (len(scores), len(labels), boxes.shape) == (0, 0, (0, 4))
    assert len(recipe.blobs(reader, scene, least=9)[0]) == 1
    assert len(recipe.blobs(reader, scene, least=9, ink=1.0)[0]) == 0


def test_a_blob_is_put_where_the_digits_of_training_stand(data):
    for digit in data.train.images[:40:8, 0]:
        rows, columns = ((digit > 0.3).any(dim=axis).nonzero() for axis in (1, 0))
        crop = digit[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        back = recipe._centred(crop)[0]
        alike = torch.corrcoef(torch.stack([back.flatten(), digit.flatten()]))[0, 1]
        assert alike > 0.85


# --- the weights that ship -------------------------------------------------------------------


def test_weights_in_the_package_find_digits(data, monkeypatch):
    monkeypatch.setattr(recipe, "TEST_SCENES", 100)
    hard = recipe.held_out_scenes(data.test, HARD)
    ap = recipe.score(load("scenes_detr"), hard)
    assert ap.ap50 > 0.9
    assert ap.ap > 0.6
