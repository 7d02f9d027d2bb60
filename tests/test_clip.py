"""CLIP: equal to the published code, blind to padding, and to order where it has a bag of words."""

import json
import math

import pytest
import torch
import transformers
from oracles import EXACT, randn, redraw
from parity import agree
from torch.testing import assert_close
from transformers import CLIPModel

from transformer_lib.models.clip import (
    CLIP,
    BagOfWords,
    BagOfWordsConfig,
    CLIPConfig,
    TextTower,
    TextTowerConfig,
    unit_vectors,
)
from transformer_lib.models.vit import ViT, ViTConfig
from transformer_lib.pretrained.clip import load_clip
from transformer_lib.weights import load, save

BOTH = {"hidden_size": 16, "intermediate_size": 20, "num_hidden_layers": 2}
BOTH |= {"num_attention_heads": 4, "projection_dim": 6}
TEXT = {"vocab_size": 23, "max_position_embeddings": 7, "bos_token_id": 21, "eos_token_id": 22}
VISION = {"image_size": 12, "patch_size": 4, "num_channels": 1}
IDS = torch.tensor([[21, 3, 4, 22, 0, 0, 0], [21, 7, 22, 0, 0, 0, 0], [21, 3, 5, 6, 7, 8, 22]])
EYES = ViTConfig(12, 4, 1, 6, d_model=8, num_heads=2, num_layers=1, d_ff=12)
READER = TextTowerConfig(
    23, width=6, max_len=7, d_model=8, num_heads=2, num_layers=2, d_ff=12, end_id=22
)
BAG = BagOfWordsConfig(23, 6)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def small(config=None, tower=None):
    config = CLIPConfig() if config is None else config
    return redraw(CLIP(config, ViT(EYES), TextTower(READER) if tower is None else tower)).eval()


def published(folder, text=None, vision=None):
    config = transformers.CLIPConfig(
        text_config=BOTH | TEXT | (text or {}),
        vision_config=BOTH | VISION | (vision or {}),
        projection_dim=6,
    )
    theirs = redraw(CLIPModel(config)).eval()
    theirs.save_pretrained(folder)
    return theirs


# --- against the published code --------------------------------------------------------------


@pytest.mark.parametrize("eos", [22, 2], ids=["end by its id", "end by the largest id"])
@pytest.mark.parametrize("changes", [{}, {"hidden_act": "gelu", "layer_norm_eps": 0.1}])
def test_published_weights_compute_the_same(tmp_path, eos, changes):
    theirs = published(tmp_path, {"eos_token_id": eos, **changes}, changes)
    pictures = randn(2, 1, 12, 12)
    said = theirs(input_ids=IDS, pixel_values=pictures)
    model = load_clip(tmp_path, dtype=torch.float64)
    assert not model.training
    agree("CLIP", "transformers CLIPModel", model(pictures, IDS), said.logits_per_image, atol=1e-10)
    assert_close(model.images(pictures), said.image_embeds, rtol=0, atol=1e-10)
    assert_close(model.texts(IDS), said.text_embeds, rtol=0, atol=1e-10)


def test_the_published_loss_is_ours(tmp_path):
    theirs, pictures = published(tmp_path), randn(3, 1, 12, 12)
    wanted = theirs(input_ids=IDS, pixel_values=pictures, return_loss=True).loss
    model = load_clip(tmp_path, dtype=torch.float64)
    assert_close(model.loss(pictures, IDS), wanted, rtol=0, atol=1e-10)


def test_another_kind_of_model_is_refused(tmp_path):
    published(tmp_path)
    file = tmp_path / "config.json"
    config = json.loads(file.read_text(encoding="utf-8"))
    for changes, message in (
        ({"model_type": "siglip"}, "model_type must be one of"),
        ({"vision_config": config["vision_config"] | {"hidden_act": "silu"}}, "hidden_act must"),
        ({"text_config": {"vocab_size": 23}}, "config.json must have max_position_embeddings"),
    ):
        file.write_text(json.dumps(config | changes), encoding="utf-8")
        with pytest.raises(ValueError, match=message):
            load_clip(tmp_path)


# --- what it promises ------------------------------------------------------------------------


def test_a_text_is_read_at_its_end_and_what_stands_behind_changes_nothing():
    tower = redraw(TextTower(READER))
    vectors = tower(IDS)
    for behind in (1, 9, 22):
        other = IDS.clone()
        other[0, 4:] = behind
        assert_close(tower(other)[0], vectors[0], **EXACT)
    for place in range(4):  # and all before it counts
        other = IDS.clone()
        other[0, place] = 22 if place == 3 else 11
        moved = (tower(other)[0] - vectors[0]).abs().max()
        assert moved == 0 if place == 3 else moved > 1e-6


def test_the_end_of_a_shorter_text_is_where_it_stands():
    tower = redraw(TextTower(READER))
    assert_close(tower(IDS[:1, :4]), tower(IDS)[:1], **EXACT)


def test_a_bag_of_words_knows_no_order_and_no_marks():
    bag = redraw(BagOfWords(BAG))
    assert_close(bag(torch.tensor([[3, 9, 2, 0]])), bag(torch.tensor([[9, 2, 3, 1]])), **EXACT)
    wanted = bag.words.weight[3] + bag.words.weight[9]
    assert_close(bag(torch.tensor([[3, 9, 2, 0]]))[0], wanted, **EXACT)
    assert (bag(torch.tensor([[3, 9]])) - bag(torch.tensor([[3, 8]]))).abs().max() > 1e-3


def test_scores_are_cosines_times_the_scale():
    model, pictures = small(), randn(2, 1, 12, 12)
    scores = model(pictures, IDS)
    assert scores.shape == (2, 3)
    for i, a in enumerate(model.image_tower(pictures)):
        for j, b in enumerate(model.text_tower(IDS)):
            cosine = (a @ b) / (a.norm() * b.norm())
            assert_close(scores[i, j], model.log_scale.exp() * cosine, **EXACT)


def test_the_scale_starts_at_one_by_the_temperature_and_is_clamped():
    model = CLIP(CLIPConfig(), ViT(EYES), TextTower(READER))
    assert model.scale.item() == pytest.approx(1 / 0.07)
    assert CLIP(CLIPConfig(temperature=0.5), ViT(EYES), TextTower(READER)).scale.item() == (
        pytest.approx(2.0)
    )
    with torch.no_grad():
        model.log_scale.fill_(50.0)
    assert model.scale.item() == 100.0
    with torch.no_grad():
        model.log_scale.fill_(-50.0)
    assert model.scale.item() > 0


def test_everything_learns_and_the_scale_too():
    model, pictures = small(), randn(3, 1, 12, 12)
    model.loss(pictures, IDS).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad.isfinite().all(), name
        if not name.endswith("k_proj.bias"):  # moves all scores of a query alike
            assert parameter.grad.abs().max() > 0, name


def test_vectors_have_length_one_in_float32_at_least():
    for dtype in (torch.bfloat16, torch.float16, torch.float32):
        unit = unit_vectors(torch.randn(5, 6).to(dtype))
        assert unit.dtype == torch.float32
        assert_close(unit.norm(dim=-1), torch.ones(5), rtol=0, atol=1e-6)
    assert unit_vectors(randn(5, 6)).dtype == torch.float64


@pytest.mark.parametrize("kind", ["words in order", "bag"])
def test_both_towers_come_back_from_a_file(tmp_path, kind):
    tower = TextTower(READER) if kind == "words in order" else BagOfWords(BAG)
    model = small(CLIPConfig(temperature=0.2, max_scale=9.0), tower).float()
    save(model, tmp_path / "w.safetensors")
    back = load(tmp_path / "w.safetensors")
    assert back.config == model.config
    assert back.text_tower.config == model.text_tower.config
    pictures = torch.randn(2, 1, 12, 12)
    assert torch.equal(back(pictures, IDS), model(pictures, IDS))


def test_it_is_as_large_as_the_published_one():
    eyes = ViTConfig(
        224, 32, num_classes=512, embedding_norm=True, activation="quick_gelu", eps=1e-5
    )
    with torch.device("meta"):
        model = CLIP(CLIPConfig(), ViT(eyes), TextTower(TextTowerConfig()))
    ours = 768 + 512  # the biases of patches and head, which are not there in ViT-B/32
    assert sum(p.numel() for p in model.parameters()) - ours == 151_277_313


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: TextTowerConfig(5, end_id=5), "end_id must be in 0 … vocab_size - 1 = 4, got 5"),
        (lambda: TextTowerConfig(width=0), "width must be at least 1, got 0"),
        (lambda: TextTowerConfig(d_model=10, num_heads=4), "d_model must be a positive multiple"),
        (lambda: TextTowerConfig(activation="silu"), "activation must be one of .*'silu'"),
        (lambda: BagOfWordsConfig(5, 0), "width must be at least 1, got 0"),
        (lambda: BagOfWordsConfig(5, 6, special=5), "special must be in 0 … vocab_size - 1 = 4"),
        (lambda: CLIPConfig(temperature=0.0), "temperature must be positive and finite, got 0.0"),
        (lambda: CLIPConfig(max_scale=-1.0), "max_scale must be positive and finite, got -1.0"),
        (lambda: small()(randn(2, 1, 12, 12), IDS + 1), "ids must be in 0 … vocab_size - 1 = 22"),
        (lambda: small().texts(IDS[:, :2]), "ids must have end_id = 22 in each row"),
        (lambda: small().texts(IDS.repeat(1, 2)), "ids must have at most max_len = 7 tokens"),
        (lambda: small().images(randn(2, 1, 8, 8)), "images must be .*image_size = 12"),
        (
            lambda: small(tower=BagOfWords(BagOfWordsConfig(23, 5)))(randn(1, 1, 12, 12), IDS),
            "towers must agree in width, got 6, 5",
        ),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_fresh_scale_is_the_published_one():
    clip = CLIP(CLIPConfig(), ViT(EYES), torch.nn.Identity())
    assert math.exp(2.6592) == pytest.approx(clip.scale.item(), 1e-4)
