"""Files that describe themselves: what is loaded is what was saved, and checked."""

import hashlib
import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

import transformer_lib as tl
from transformer_lib.weights import SHIPPED, fill, load, save

TENSORS = {  # sha256 of the bytes behind the header: what was trained, whatever is said of it
    "digits_vit": "599a3ff188e45b09feeb1d91598eddc342576ef7afc135d798dd6a5ec62ac1e2",
    "english_1611": "3a0793e5c2719bb6c9d204ecb424fcd01a60ab75e98a63df6b5e47d3c6cc7b04",
    "icons_clip": "5d727a2332471a7e7772954be9e94df8e1d73710bbc35c7eda87a5a8e541cb28",
    "pronunciations": "2ed87fee700e7beb8268a9dcab1f92c1dba0f631f6982298b5fbdd9f9bb10b9b",
    "scenes_detr": "c44c344a31e6752d82e8e8299339e4fc312060e233e0c957d8f88e5d35429662",
    "scenes_segmenter": "42950cdd1f1107c24432970a0455e7142724a04a534c7a00a6ca0d16ad755be7",
    "translation": "07147dbb700fd727db4e5d16858904bbb932a779ff03f6d03cf0ca30804ea517",
    "verses_bert": "71b94ce5ffe28888a2be2f6271239d848506755dfce999aa7c447d53e81baa8e",
    "verses_gpt": "4041c22cf0489b2cf69e1b41349dfc7004c626e324af7418e322dc48b9869627",
    "verses_xl": "6d55b26ff757b159df4aa427e87706b28c109d2c0b39834218d0702ce66fe170",
}
CONFIG = tl.GPTConfig(5, d_model=8, num_heads=2, num_layers=1, d_ff=8, positions="rotary")


def same(model, other):
    pairs = zip(model.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "w.safetensors"


@pytest.mark.parametrize("name", TENSORS)
def test_the_tensors_that_ship_are_those_that_were_trained(name):
    data = SHIPPED[name].read_bytes()
    header = int.from_bytes(data[:8], "little")
    assert hashlib.sha256(data[8 + header :]).hexdigest() == TENSORS[name]


def test_all_that_ships_is_held_to_its_sum():
    assert list(SHIPPED) == sorted(TENSORS)


@pytest.mark.parametrize(
    ("name", "kind", "config"),
    [
        ("verses_gpt", tl.GPT, {"vocab_size": 66, "d_ff": 640, "norm": "rms", "bias": False}),
        ("verses_bert", tl.MaskedWords, {"num_layers": 4, "norm_first": True, "max_len": None}),
        ("verses_xl", tl.TransformerXL, {"d_model": 192, "mem_len": 256, "norm_first": True}),
        ("pronunciations", tl.Transformer, {"num_encoder_layers": 4, "activation": "relu2"}),
        ("translation", tl.Transformer, {"num_decoder_layers": 2, "share_embeddings": True}),
        ("english_1611", tl.Transformer, {"source_vocab_size": 1000, "share_embeddings": True}),
        ("digits_vit", tl.ViT, {"image_size": 28, "patch_size": 7, "pooling": "mean"}),
        ("scenes_detr", tl.DETR, {"queries": "anchors", "base": 20.0, "no_object": False}),
        ("icons_clip", tl.CLIP, {"temperature": 0.07, "max_scale": 100.0}),
        ("scenes_segmenter", tl.Segmenter, {"num_classes": 11, "detail": "pixels"}),
    ],
)
def test_what_ships_says_what_it_is(name, kind, config):
    model = load(name)
    assert type(model) is kind
    made = getattr(model, "bert", model).config  # a head has that of what it stands on
    assert config.items() <= vars(made).items()
    assert not model.training
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert model.about["recipe"] == name
    card = SHIPPED[name].with_suffix(".md").read_text(encoding="utf-8")
    assert f"--steps {model.about['steps']}\n  --decay {model.about['decay']}`" in card
    stored = load_file(SHIPPED[name])
    assert all(
        torch.equal(stored[k], v.half()) for k, v in model.state_dict().items() if k in stored
    )


def test_symbols_that_ship_fit_their_models():
    for name in ("verses_gpt", "verses_xl"):
        model = load(name)
        assert len(model.symbols) == model.config.vocab_size
        assert model.symbols.decode(model.symbols.encode("And God said,")) == "And God said,"
    words = load("verses_bert")
    assert len(words.symbols) == words.bert.config.vocab_size
    spell = load("pronunciations")
    assert len(spell.symbols["letters"]) == spell.config.source_vocab_size
    assert len(spell.symbols["phonemes"]) == spell.config.target_vocab_size
    assert load("digits_vit").symbols == tuple("0123456789")


def test_a_head_comes_back_with_the_model_that_it_reads(file):
    torch.manual_seed(0)
    config = tl.BertConfig(7, max_len=9, d_model=8, num_heads=2, num_layers=1, d_ff=8)
    model = tl.MaskedWords(tl.Bert(config))
    save(model, file)
    back = load(file)
    assert type(back) is tl.MaskedWords
    assert back.bert.config == config
    assert same(model, back)


@pytest.mark.parametrize(
    "symbols",
    [
        tl.Vocabulary("ab\n—"),
        tl.Vocabulary(("AA", "B"), special=True),
        {"letters": tl.Vocabulary(("a",)), "more": (1, 2.5, None, "x")},
        None,
    ],
)
def test_a_model_comes_back_with_what_was_saved(file, symbols):
    torch.manual_seed(0)
    model = tl.GPT(CONFIG)
    save(model, file, symbols=symbols, about={"steps": 3, "curve": [(1, {"bits": 0.1 + 0.2})]})
    for path in (file, str(file)):
        back = load(path)
        assert same(model, back)
        assert back.config == CONFIG
        assert back.symbols == symbols
        assert back.about == {"steps": 3, "curve": ((1, {"bits": 0.1 + 0.2}),)}
        assert not back.training
    save(back, file)  # what it is stays with it
    assert load(file).symbols == symbols
    assert load(file).about == back.about


@pytest.mark.parametrize(
    "model",
    [
        tl.Transformer(tl.TransformerConfig(4, 5, d_model=8, num_heads=2, d_ff=8)),
        tl.TransformerXL(
            tl.TransformerXLConfig(9, d_model=8, num_heads=2, num_layers=1, d_ff=8, cutoffs=(3,))
        ),
        tl.ViT(tl.ViTConfig(8, 4, 1, 3, d_model=8, num_heads=2, num_layers=1, d_ff=8)),
        tl.Recurrent(tl.RecurrentConfig(4, 5, d_model=8)),
    ],
    ids=lambda model: type(model).__name__,
)
def test_every_model_of_the_package_can_be_made_from_its_file(file, model):
    save(model, file)
    back = load(file)
    assert type(back) is type(model)
    assert back.config == model.config
    assert same(back, model)
    assert back.symbols is None
    assert back.about is None


def test_a_class_that_only_has_the_name_is_not_described(file):
    class GPT(nn.Linear):
        config = CONFIG

    save(GPT(2, 2), file)
    with pytest.raises(ValueError, match=r"must say which model it holds.* `fill` it"):
        load(file)


@pytest.mark.parametrize("name", ["verses", "no/such.safetensors", ".", ""])
def test_what_is_not_there_is_refused(name):
    with pytest.raises(ValueError, match=r"file, or one of \['digits_vit', .*, got '"):
        load(name)
    with pytest.raises(ValueError, match="a safetensors file, or one of"):
        fill(nn.Linear(1, 1), name)


def described(**config):
    return {"model": json.dumps({"class": "GPT", "config": {"class": "GPTConfig", **config}})}


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (None, "must say which model it holds"),
        ({"model": "{"}, "Expecting property name"),
        ({"model": '{"class": "system"}'}, "there is no 'system' in this package"),
        ({"model": '{"class": "load", "file": "verses_gpt"}'}, "there is no 'load'"),
        ({"model": '{"class": ["GPT"]}'}, r"there is no \('GPT',\)"),
        ({"model": '{"class": "KVCache"}'}, "there is no 'KVCache'"),
        ({"model": '{"class": "GPTConfig", "vocab_size": 5}'}, "vocab_size|must describe"),
        ({"model": '"GPT"'}, "must describe a model, got .*: str"),
        ({"model": "[" * 100_000}, "recursion"),
        (described(vocab_size=5, colour="red"), "colour"),
        (described(vocab_size=0), "vocab_size must be at least 1, got 0"),
        (described(vocab_size=5, d_model=8, num_heads=2, d_ff=8, max_len=9), "missing in the file"),
    ],
)
def test_a_header_is_not_believed(file, header, message):
    save_file({"weight": torch.ones(1)}, file, header)
    with pytest.raises(ValueError, match=message):
        load(file)


@pytest.mark.parametrize(
    ("there", "own"),
    [
        (torch.float32, torch.float16),
        (torch.float64, torch.float32),
        (torch.bfloat16, torch.float16),
        (torch.int8, torch.float32),
        (torch.int64, torch.float32),
        (torch.bool, torch.float32),
        (torch.complex64, torch.float32),
    ],
)
def test_types_that_would_change_a_number_are_refused(file, there, own):
    save_file({"weight": torch.ones(1, 1).to(there), "bias": torch.ones(1, dtype=own)}, file)
    model = nn.Linear(1, 1, dtype=own)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(
        ValueError, match=rf"type that does not fit: weight {there}, the model's is {own}$"
    ):
        fill(model, file)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize("there", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_narrow_numbers_are_widened(file, there):
    numbers = torch.tensor([[1.5, -float("inf")]], dtype=there)
    save_file({"weight": numbers}, file)
    model = nn.Linear(2, 1, bias=False, dtype=torch.float64)
    fill(model, file)
    assert torch.equal(model.weight, numbers.double())


def test_nan_is_refused(file):
    save_file({"weight": torch.tensor([[1.0, float("nan")]])}, file)
    with pytest.raises(ValueError, match=r"with NaN in it: weight$"):
        fill(nn.Linear(2, 1, bias=False), file)


def test_a_model_without_room_is_refused(file):
    save(nn.Linear(2, 1), file)
    with pytest.raises(ValueError, match=r"room for its weights, .* 'meta': \['bias', 'weight'\]"):
        fill(nn.Linear(2, 1, device="meta"), file)


def test_other_files_in_the_folder_are_left_alone(file, monkeypatch):
    Path(f"{file}.partial").write_text("a note of mine", encoding="utf-8")
    save(nn.Linear(1, 1), file)
    assert Path(f"{file}.partial").read_text(encoding="utf-8") == "a note of mine"
    monkeypatch.setattr("transformer_lib.weights.os.replace", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        save(nn.Linear(1, 1), file)
    assert {path.name for path in file.parent.iterdir()} == {file.name, f"{file.name}.partial"}


@pytest.mark.skipif(os.name == "nt", reason="links need a right of their own there")
def test_a_link_stays_a_link(file):
    link = file.with_name("latest.safetensors")
    link.symlink_to(file)
    save(tl.GPT(CONFIG), link)
    assert link.is_symlink()
    assert load(file).config == CONFIG
