"""DETR: equal to Hugging Face's, places in queries and keys alone, anchors where it starts."""

from dataclasses import replace

import pytest
import torch
import transformers
from oracles import EXACT, randn, redraw
from parity import agree
from torch import nn
from torch.testing import assert_close

from transformer_lib.measure.boxes import to_centres
from transformer_lib.measure.sets import set_loss
from transformer_lib.models.detection import DETR, DETRConfig
from transformer_lib.models.vit import ViT, ViTConfig

EYES = ViTConfig(12, 4, 1, 5, d_model=6, num_heads=2, num_layers=1, d_ff=12)
SMALL = DETRConfig(
    3,
    num_queries=4,
    d_model=8,
    num_heads=2,
    num_encoder_layers=1,
    num_decoder_layers=2,
    d_ff=12,
    dropout=0.0,
)
KINDS = {
    "learned": SMALL,
    "anchors": replace(SMALL, queries="anchors", num_encoder_layers=0, norm_first=True),
    "refined": replace(SMALL, queries="anchors", refine=True, base=20.0),
    "one by one": replace(SMALL, no_object=False),
}
EVERY = pytest.mark.parametrize("config", KINDS.values(), ids=KINDS)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def model_of(config=SMALL, **changes):
    return redraw(DETR(replace(config, **changes), ViT(EYES))).eval()


# --- as published ---------------------------------------------------------------------------


def hugging_face():
    """Without `auxiliary_loss`, with which their layers read what the last norm has normed."""
    backbone = transformers.ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic",
        out_features=["stage2"],
    )  # fmt: skip
    config = transformers.DetrConfig(
        use_timm_backbone=False, backbone=None, backbone_config=backbone, d_model=32,
        encoder_layers=2, decoder_layers=2, encoder_attention_heads=4, decoder_attention_heads=4,
        encoder_ffn_dim=24, decoder_ffn_dim=24, num_queries=5, num_labels=3,
    )  # fmt: skip
    return redraw(transformers.DetrForObjectDetection(config)).eval()


def as_theirs(name):
    """What Hugging Face calls a parameter of ours; None for those of the eyes."""
    if name.startswith("backbone."):
        return None
    first, _, rest = name.partition(".")
    whole = {
        "query_places": "model.query_position_embeddings.weight",
        "input_proj": "model.input_projection." + rest,
        "decoder_norm": "model.decoder.layernorm." + rest,
        "class_head": "class_labels_classifier." + rest,
    }
    if first in whole:
        return whole[first]
    if first == "box_head":
        number, _, kind = rest.partition(".")
        return f"bbox_predictor.layers.{int(number) // 2}.{kind}"
    norms = ("self_attn_layer_norm", "encoder_attn_layer_norm", "final_layer_norm")
    norms = norms if first == "decoder" else norms[::2]
    for ours, theirs in {
        **{f"norm{n}": norm for n, norm in enumerate(norms, start=1)},
        "self_attention": "self_attn",
        "cross_attention": "encoder_attn",
        "out_proj": "o_proj",
        "feed_forward.linear": "mlp.fc",
    }.items():
        rest = rest.replace(ours, theirs)
    return f"model.{first}.layers.{rest}"


@pytest.fixture(scope="module")
def pair():
    """Theirs and ours, with the same weights; ours sees with other eyes."""
    torch.manual_seed(0)
    theirs = hugging_face()
    config = DETRConfig(3, 5, 32, 4, 2, 2, 24)
    ours = DETR(config, ViT(replace(EYES, d_model=16))).double().eval()
    weights, used = theirs.state_dict(), set()
    with torch.no_grad():
        for name, parameter in ours.named_parameters():
            if there := as_theirs(name):
                used.add(there)
                parameter.copy_(weights[there].reshape(parameter.shape))
    left = {n for n, _ in theirs.named_parameters()} - used
    assert all(name.startswith("model.backbone.") for name in left)
    return theirs, ours


def seen_by(theirs, images):
    """What their backbone sees, (batch, rows, columns, width), and what they say of it."""
    kept = []
    handle = theirs.model.input_projection.register_forward_pre_hook(
        lambda _, inputs: kept.append(inputs[0])
    )
    said = theirs(pixel_values=images)
    handle.remove()
    return kept[0].permute(0, 2, 3, 1), said


def test_it_says_what_hugging_face_says_after_every_layer(pair):
    theirs, ours = pair
    features, said = seen_by(theirs, randn(2, 3, 64, 96))
    assert features.shape == (2, 8, 12, 16)  # not a square
    first, last = ours.detect(features)
    for found, wanted in ((last.logits, said.logits), (last.boxes, said.pred_boxes)):
        agree("DETR", "transformers DetrForObjectDetection", found, wanted, atol=1e-10)
    # Auxiliary outputs share the heads, and the norm before them.
    between = theirs.model.decoder.layernorm(
        theirs.model.decoder.layers[0](
            torch.zeros(2, 5, 32).double(),
            encoder_hidden_states=said.encoder_last_hidden_state,
            spatial_position_embeddings=places_of(theirs, 8, 12),
            object_queries_position_embeddings=theirs.model.query_position_embeddings.weight[None],
        )
    )
    assert_close(first.logits, theirs.class_labels_classifier(between), rtol=0, atol=1e-10)
    assert (first.logits - last.logits).abs().max() > 1e-3


def places_of(theirs, rows, columns):
    places = theirs.model.position_embedding(
        shape=torch.Size((2, 16, rows, columns)), device="cpu", dtype=torch.float64
    )
    return places.flatten(2).mT


def test_its_loss_is_hugging_faces(pair):
    theirs, ours = pair
    images, labels = randn(2, 3, 64, 64), [torch.tensor([1]), torch.tensor([2, 0])]
    boxes = [torch.tensor([[0.4, 0.4, 0.6, 0.7]]).double()]
    boxes.append(torch.tensor([[0.1, 0.4, 0.5, 0.6], [0.5, 0.5, 0.9, 0.7]]).double())
    features, _ = seen_by(theirs, images)
    loss = set_loss(ours.detect(features)[-1:], list(zip(labels, boxes, strict=True)))
    wanted = [
        {"class_labels": a, "boxes": to_centres(b)} for a, b in zip(labels, boxes, strict=True)
    ]
    torch.set_default_dtype(torch.float64)
    try:
        said = theirs(pixel_values=images, labels=wanted)
    finally:
        torch.set_default_dtype(torch.float32)
    assert_close(loss.total, said.loss, rtol=0, atol=1e-10)


# --- what it computes -----------------------------------------------------------------------


@EVERY
def test_pictures_are_seen_patch_by_patch(config):
    for pooling in ("class", "mean"):
        eyes = ViT(replace(EYES, pooling=pooling))
        model, images = redraw(DETR(config, eyes)).eval(), randn(2, 1, 12, 12)
        patches = model.backbone.encode(images)[:, -9:]
        expected = model.detect(patches.unflatten(1, (3, 3)))
        for got, wanted in zip(model(images), expected, strict=True):
            assert_close(got, wanted, **EXACT)
        assert len(expected) == 2
        classes = 3 + config.no_object  # with it one more class than there are
        assert expected[-1].logits.shape == (2, 4, classes)
        assert expected[-1].boxes.shape == (2, 4, 4)
        assert all(0 < number < 1 for number in expected[-1].boxes.flatten().tolist())


@EVERY
def test_a_patch_of_the_same_content_at_another_place_is_something_else(config):
    model, features = model_of(config), randn(1, 3, 3, 6)
    moved = model.detect(features.flip(2))[-1]
    assert (moved.boxes - model.detect(features)[-1].boxes).abs().max() > 1e-9


@EVERY
def test_places_never_reach_the_values(config):
    model = model_of(config, num_encoder_layers=1)
    for layer in (*model.encoder, *model.decoder):
        for name in ("self_attention", "cross_attention"):
            if attention := getattr(layer, name, None):
                attention.v_proj.register_forward_hook(
                    lambda _, inputs, out: read.append(inputs[0])
                )
    asked = {}
    for scale in (1.0, 3.0):  # no content differs, so that places could be the only difference
        read = []
        with torch.no_grad():
            if model.anchors is None:
                model.query_places.mul_(scale)
            else:
                model.place_proj.weight.mul_(scale)
        model.detect(torch.ones(1, 3, 3, 6).double())
        asked[scale] = read
    assert len(asked[1.0]) == 1 + 2 * 2
    for patches in asked[1.0][:1] + asked[1.0][2::2]:  # what the patches hand on
        assert_close(patches, patches[:, :1].expand_as(patches), **EXACT)
    for before, after in zip(asked[1.0], asked[3.0], strict=True):
        assert_close(after, before, **EXACT)


def test_queries_stand_in_no_order():
    model, features = model_of(), randn(2, 3, 3, 6)
    before, order = model.detect(features)[-1], torch.tensor([2, 0, 3, 1])
    with torch.no_grad():
        model.query_places.copy_(model.query_places[order].clone())
    after = model.detect(features)[-1]
    assert_close(after.boxes, before.boxes[:, order], **EXACT)
    assert_close(after.logits, before.logits[:, order], **EXACT)
    assert (before.boxes[:, 0] - before.boxes[:, 1]).abs().max() > 1e-6


# --- anchors --------------------------------------------------------------------------------


def test_with_anchors_the_first_answers_are_a_grid():
    model = DETR(replace(KINDS["refined"], num_queries=9), ViT(EYES))
    expected = torch.tensor([[x, y, 1.4 / 3, 1.4 / 3] for y in (1, 3, 5) for x in (1, 3, 5)])
    expected[:, :2] /= 6
    for guesses in model(torch.rand(2, 1, 12, 12)):
        assert_close(guesses.boxes, expected.expand(2, -1, -1), rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", ["anchors", "refined"])
def test_a_box_starts_from_its_anchor_or_from_the_layer_before(name):
    model, features = model_of(KINDS[name]), randn(2, 3, 3, 6)
    first, last = model.detect(features)
    found = []
    model.decoder_norm.register_forward_hook(lambda _, inputs, out: found.append(out))
    model.detect(features)
    steps = [model.box_head(x) for x in found]
    assert_close(first.boxes.logit(), model.anchors + steps[0], rtol=0, atol=1e-10)
    start = first.boxes.logit() if name == "refined" else model.anchors
    assert_close(last.boxes.logit(), start + steps[1], rtol=0, atol=1e-10)


def test_refined_a_layer_learns_its_own_step_alone():
    """The anchors learn through the first layer's boxes, or by where queries look from."""
    model, features = model_of(KINDS["refined"]), randn(1, 3, 3, 6)
    first, last = model.detect(features)
    assert (
        torch.autograd.grad(last.boxes[..., 2:].sum(), model.anchors, retain_graph=True)[0][:, 2:]
        .abs()
        .max()
        == 0
    )
    assert torch.autograd.grad(first.boxes[..., 2:].sum(), model.anchors)[0][:, 2:].abs().min() > 0


@pytest.mark.parametrize("queries", ["learned", "anchors"])
def test_a_fresh_model_starts_as_described(queries):
    config = replace(SMALL, queries=queries, num_queries=64, d_model=128, num_classes=100)
    model = DETR(config, ViT(replace(EYES, d_model=128)))
    assert 0.015 < model.class_head.weight.std().item() < 0.025
    assert torch.equal(model.input_proj.weight, torch.eye(128))
    assert (model.box_head[-1].weight.abs().max() == 0) == (queries == "anchors")
    for linear in (model.class_head, model.input_proj, *model.box_head[::2]):
        assert linear.bias.abs().max() == 0
    if queries == "learned":
        assert 0.95 < model.query_places.std().item() < 1.05
    other = DETR(config, ViT(EYES)).input_proj.weight
    assert other.shape == (128, 6)
    assert other.std() > 0.05


def test_asked_one_by_one_every_class_starts_improbable():
    model = DETR(replace(SMALL, no_object=False, d_model=128), ViT(EYES))
    assert model.class_head.weight.shape == (3, 128)
    said = model.probabilities(model.detect(torch.rand(2, 3, 3, 6))[-1].logits)
    assert said.shape == (2, 4, 3)
    assert said.mean().item() == pytest.approx(0.01, abs=0.005)


def test_probabilities_are_of_the_classes_alone():
    logits = torch.tensor([[0.1, 0.2, 0.3, 0.4]]).log()
    assert_close(model_of().probabilities(logits), torch.tensor([[0.1, 0.2, 0.3]]))
    apart = torch.tensor([0.9, 0.2, 0.0]).logit()
    one_by_one = model_of(no_object=False)
    assert_close(one_by_one.probabilities(apart), torch.tensor([0.9, 0.2, 0.0]))


def test_dropout_falls_on_weights_of_attention_and_sublayers():
    model = model_of(dropout=0.25)
    dropped = [m for m in model.modules() if isinstance(m, nn.Dropout) and m.p == 0.25]
    assert len(dropped) == 1 + 2  # one for each layer
    attentions = [m for m in model.modules() if hasattr(m, "v_proj") and m.dropout == 0.25]
    assert len(attentions) == 1 + 2 * 2


# --- bad input ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_classes": 0}, "num_classes must be at least 1, got 0"),
        ({"num_queries": 0}, "num_queries must be at least 1, got 0"),
        ({"num_decoder_layers": 0}, "num_decoder_layers must be at least 1, got 0"),
        ({"num_encoder_layers": -1}, "num_encoder_layers must be at least 0, got -1"),
        ({"d_model": 6}, "d_model must be a positive multiple of 4, got 6"),
        ({"num_heads": 3}, "multiple of num_heads, got d_model = 8, num_heads = 3"),
        ({"queries": "grid"}, "queries must be one of .* got 'grid'"),
        ({"queries": "anchors", "num_queries": 8}, "must be a square number of anchors, got 8"),
        ({"refine": True}, "refine must be False where queries are 'learned', got True"),
        ({"base": 0.0}, "base must be positive"),
        ({"no_object": None}, "no_object must be True or False, got None"),
    ],
)
def test_configs_that_cannot_work_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        replace(SMALL, **changes)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: DETR(SMALL, EYES), "backbone must be a ViT, got ViTConfig"),
        (lambda: model_of()(torch.zeros(2, 3, 12, 12).double()), "images must be .* got"),
        (lambda: model_of().detect(randn(2, 9, 6)), "features must be .*, got"),
        (lambda: model_of().detect(randn(2, 3, 3, 8)), "features must be .*, got"),
        (lambda: model_of().detect(torch.ones(2, 3, 3, 6)), "features must be torch.float64"),
    ],
)
def test_what_cannot_be_seen_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
