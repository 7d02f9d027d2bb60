"""Published weights, as `save_pretrained` writes them, make our models compute the same."""

import json

import pytest
import torch
from oracles import redraw
from parity import agree
from safetensors.torch import load_file, save_file
from torch import nn
from torch.testing import assert_close
from transformers import GPT2Config, GPT2LMHeadModel, GPT2Model

from transformer_lib.generation import generate, greedy
from transformer_lib.models.gpt import GPT, GPTConfig
from transformer_lib.pretrained.gpt2 import GPT2_NAMES, GPT2_PREFIX, gpt2_config, load_gpt2
from transformer_lib.pretrained.table import (
    Name,
    load_pretrained,
    read_config,
    read_weights,
)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def hugging_face_gpt2(**changes):
    config = GPT2Config(
        **{
            "vocab_size": 23, "n_positions": 40, "n_embd": 16, "n_layer": 3, "n_head": 4,
            "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0,
            "attn_pdrop": 0.0, "embd_pdrop": 0.0, "resid_pdrop": 0.0,
        } | changes
    )  # fmt: skip
    return redraw(GPT2LMHeadModel(config)).eval()


@pytest.fixture
def saved(tmp_path):
    """A GPT-2 of Hugging Face's with every parameter redrawn, and the folder it wrote."""
    theirs = hugging_face_gpt2()
    theirs.save_pretrained(tmp_path / "gpt2")
    return theirs, tmp_path / "gpt2"


# --- the table and what follows it ----------------------------------------------------------


def test_a_name_fills_its_stars_in_order():
    name = Name("h.*.mlp.*", ["layers.*.a.*", "layers.*.b.*"])
    assert name.fill("h.11.mlp.bias") == ["layers.11.a.bias", "layers.11.b.bias"]
    assert name.match("h.11.mlp.proj.bias") is None  # a star holds no dot
    assert name.match("xh.11.mlp.bias") is None
    assert Name("mask").fill("mask") == []
    assert Name("a.b", "c").match("axb") is None  # a dot is a dot


class Pair(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(2, 3), nn.Linear(2, 3)


PAIR = [Name("both.*", ["a.*", "b.*"], transpose=True), Name("old")]


@pytest.mark.parametrize("suffix", [".safetensors", ".bin"])
def test_tensors_are_turned_cut_and_left_out_as_the_table_says(tmp_path, suffix):
    weight, bias = torch.randn(2, 6), torch.randn(6)
    tensors = {"x.both.weight": weight, "both.bias": bias, "old": torch.ones(1)}
    file = tmp_path / f"w{suffix}"
    (save_file if suffix == ".safetensors" else torch.save)(tensors, file)
    model = Pair().double()
    load_pretrained(model, file, PAIR, prefix="x.")
    assert torch.equal(model.a.weight, weight[:, :3].T.double())
    assert torch.equal(model.b.weight, weight[:, 3:].T.double())
    assert torch.equal(torch.cat([model.a.bias, model.b.bias]), bias.double())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"more": torch.ones(1), "most": torch.ones(2)}, "left over in the file: more, most"),
        ({"both.scale": torch.ones(6)}, "left over in the file: both.scale"),
        ({"both.bias": None}, "missing in the file: a.bias, b.bias"),
        ({"both.bias": torch.ones(4)}, r"of another shape: both.bias \(2,\), a.bias is \(3,\)"),
        ({"x.both.bias": torch.ones(6)}, "not what shares its place: .*both.bias"),
        ({"more": torch.ones(1), "both.bias": None}, "left over .* more; missing .* a.bias"),
        ({"both.bias": torch.ones(6).to(torch.int8)}, "not of a floating type: .*bias torch.int8"),
        ({"both.bias": torch.ones(6).to(torch.complex64)}, "not of a floating type: .* torch.comp"),
        ({"both.bias": torch.full((6,), torch.nan)}, "not finite in the model's .*float32: both.b"),
        (
            {"both.bias": torch.full((6,), 1e300, dtype=torch.float64)},
            "not finite in the model's torch.float32",
        ),
    ],
)
def test_what_does_not_fit_is_listed_and_nothing_is_loaded(tmp_path, change, message):
    tensors = {"both.weight": torch.randn(2, 6), "both.bias": torch.zeros(6)} | change
    file = tmp_path / "w.safetensors"
    save_file({name: t for name, t in tensors.items() if t is not None}, file)
    model = Pair()
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    with pytest.raises(ValueError, match=message):
        load_pretrained(model, file, PAIR, prefix="x.")
    assert all(torch.equal(before[name], w) for name, w in model.state_dict().items())


def test_a_model_without_room_for_numbers_is_refused(tmp_path):
    save_file({"both.weight": torch.randn(2, 6), "both.bias": torch.zeros(6)}, tmp_path / "w")
    with pytest.raises(ValueError, match="model must have room for numbers, got one on"):
        load_pretrained(Pair().to("meta"), tmp_path / "w", PAIR)


@pytest.mark.parametrize("name", ["w.safetensors", "w.bin"])
def test_damaged_files_are_refused(tmp_path, name):
    file = tmp_path / name
    with pytest.raises(ValueError, match="must be a file or folder with weights, got .*" + name):
        read_weights(file)
    file.write_bytes(b"not tensors at all")
    with pytest.raises(ValueError, match=r"path must be a .*file .*" + name):
        read_weights(file)


def test_a_file_that_would_run_code_is_refused(tmp_path):
    torch.save({"weight": print}, tmp_path / "w.bin")
    with pytest.raises(ValueError, match="file of tensors alone"):
        read_weights(tmp_path / "w.bin")


def test_a_file_of_something_else_is_refused(tmp_path):
    torch.save([1, 2], tmp_path / "w.bin")
    with pytest.raises(ValueError, match="must hold a dictionary of tensors"):
        read_weights(tmp_path / "w.bin")


def test_a_folder_without_weights_or_config_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"must hold model\.safetensors or pytorch_model\.bin"):
        read_weights(tmp_path)
    with pytest.raises(ValueError, match=r"must hold a config\.json"):
        read_config(tmp_path)


@pytest.mark.parametrize(
    "part",
    ["../secret.safetensors", "{outside}/secret.safetensors", ".", "..", "", "in/side.safetensors",
     "gone.safetensors", "in", r"..\secret.safetensors", None, 1, ["a"]],
)  # fmt: skip
@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
def test_an_index_that_points_elsewhere_is_refused(tmp_path, name, part):
    folder = tmp_path / "model"
    (folder / "in").mkdir(parents=True)
    for file in (tmp_path / "secret.safetensors", folder / "in" / "side.safetensors"):
        save_file({"weight": torch.ones(1)}, file)
    part = part.format(outside=tmp_path) if isinstance(part, str) else part
    index = folder / f"{name}.index.json"
    index.write_text(json.dumps({"weight_map": {"weight": part}}), encoding="utf-8")
    with pytest.raises(ValueError, match=r"weight_map must name files beside .*index\.json, got"):
        read_weights(folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "weight_map must name the file of each tensor, got None in .*index"),
        ('{"weight_map": {}}', "weight_map must name the file of each tensor, got {} in"),
        ('{"weight_map": ["a"]}', r"weight_map must name the file of each tensor, got \['a'\] in"),
        ("[]", "file must be a JSON object, got list in .*index"),
        ("<!doctype html>", r"file must be JSON, got .*index\.json: Expecting value"),
        ("\ufeff{}", r"file must be JSON, got .*index\.json: .*BOM"),
        ("[" * 100_000, r"file must be JSON, got .*index\.json"),
    ],
    ids=lambda text: text[:20],
)
def test_an_index_that_is_none_is_refused(tmp_path, text, message):
    (tmp_path / "model.safetensors.index.json").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        read_weights(tmp_path)


def test_a_config_that_is_no_json_is_named(tmp_path):
    (tmp_path / "config.json").write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match=r"file must be JSON, got .*config\.json"):
        read_config(tmp_path)


# --- GPT-2 ----------------------------------------------------------------------------------


def test_logits_equal_gpt2s(saved):
    theirs, folder = saved
    tokens = torch.randint(23, (3, 17))
    ours = load_gpt2(folder, dtype=torch.float64)
    assert not ours.training
    oracle = "transformers GPT2LMHeadModel"
    agree("GPT-2", oracle, ours(tokens), theirs(tokens).logits, atol=1e-10)


@pytest.mark.parametrize(
    "changes",
    [{"activation_function": "gelu"}, {"n_inner": 24}, {"layer_norm_epsilon": 1e-3}],
    ids=str,
)
def test_other_gpt2s_are_read_too(tmp_path, changes):
    theirs = hugging_face_gpt2(**changes)
    theirs.save_pretrained(tmp_path)
    tokens = torch.randint(23, (3, 17))
    ours = load_gpt2(tmp_path, dtype=torch.float64)
    assert_close(ours(tokens), theirs(tokens).logits, rtol=0, atol=1e-10)


def test_older_files_and_the_bare_model_are_read_too(saved, tmp_path):
    theirs, folder = saved
    tokens = torch.randint(23, (2, 9))
    expected = theirs(tokens).logits
    bare = GPT2Model(theirs.config).double()
    bare.load_state_dict(theirs.transformer.state_dict())
    bare.save_pretrained(tmp_path / "bare")
    older = dict(theirs.state_dict())  # with the head, and the masks that are no parameters
    for i in range(3):
        older[f"transformer.h.{i}.attn.bias"] = torch.ones(1, 1, 40, 40).tril()
        older[f"transformer.h.{i}.attn.masked_bias"] = torch.tensor(-1e4)
    torch.save(older, tmp_path / "pytorch_model.bin")
    for path in (tmp_path / "bare", tmp_path, tmp_path / "pytorch_model.bin"):
        ours = GPT(gpt2_config(read_config(folder))).double().eval()
        load_pretrained(ours, path, GPT2_NAMES, prefix=GPT2_PREFIX)
        assert_close(ours(tokens), expected, rtol=0, atol=1e-10)


def test_a_model_in_several_files_is_read_too(saved, tmp_path):
    theirs, _ = saved
    theirs.save_pretrained(tmp_path / "parts", max_shard_size="20KB")
    assert len(list((tmp_path / "parts").glob("*.safetensors"))) > 1
    tokens = torch.randint(23, (2, 9))
    ours = load_gpt2(tmp_path / "parts", dtype=torch.float64)
    assert_close(ours(tokens), theirs(tokens).logits, rtol=0, atol=1e-10)


def test_a_head_that_differs_from_the_embedding_is_refused(saved):
    _, folder = saved
    file = folder / "model.safetensors"
    weights = load_file(file)
    save_file(weights | {"lm_head.weight": torch.ones(23, 16).double()}, file)
    with pytest.raises(ValueError, match=r"not what shares its place: .*\.weight"):
        load_gpt2(folder)


@pytest.mark.parametrize("seed", range(3))
def test_greedy_tokens_equal_hugging_faces(tmp_path, seed):
    torch.manual_seed(seed)
    theirs = hugging_face_gpt2()
    theirs.save_pretrained(tmp_path)
    ours = load_gpt2(tmp_path, dtype=torch.float64)
    prompt = torch.randint(3, 23, (8, 5))

    def restless(scores):  # or random weights would say the same word all the time
        return torch.sin(20_000 * scores.float())

    options = {"do_sample": False, "num_beams": 1, "max_new_tokens": 30}
    mask = torch.ones_like(prompt)
    for change in (lambda scores: scores, restless):
        expected = theirs.generate(
            prompt,
            attention_mask=mask,
            logits_processor=[lambda _, scores, change=change: change(scores)],
            **options,
        )[:, 5:]
        out = generate(
            ours, prompt, max_new_tokens=30, choose=lambda x, change=change: greedy(change(x))
        )
        assert torch.equal(out, expected)
    assert len(out.unique()) > 15
    assert len({int((row != 0).sum()) for row in out}) > 2  # of several lengths


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "bert"}, r"model_type must be one of \['gpt2'\], got 'bert'"),
        ({"activation_function": "silu"}, "activation_function must be one of .* got 'silu'"),
        ({"scale_attn_by_inverse_layer_idx": True}, "scale_attn_by_inverse_layer_idx must be"),
        ({"scale_attn_weights": False}, "scale_attn_weights must be"),
        ({"tie_word_embeddings": False}, "tie_word_embeddings must be"),
        ({"add_cross_attention": True}, "add_cross_attention must be"),
    ],
)
def test_other_models_are_refused(saved, changes, message):
    _, folder = saved
    published = json.loads((folder / "config.json").read_text(encoding="utf-8")) | changes
    with pytest.raises(ValueError, match=message):
        gpt2_config(published)


def test_configs_say_the_same(saved):
    _, folder = saved
    assert gpt2_config(read_config(folder)) == GPTConfig(
        23, max_len=40, d_model=16, num_heads=4, num_layers=3, d_ff=64, dropout=0.0, eos_id=2
    )


def test_what_a_config_leaves_out_is_named(saved):
    _, folder = saved
    published = read_config(folder)
    assert gpt2_config(published | {"resid_pdrop": 0.25}).dropout == 0.25
    for name in ("vocab_size", "n_positions", "n_embd", "n_head", "n_layer"):
        with pytest.raises(ValueError, match=f"config.json must have {name}, got only"):
            gpt2_config({key: value for key, value in published.items() if key != name})
