"""The recipe from end to end, on a little text; and what the weights in the package can do."""

from dataclasses import replace

import pytest
import torch

from transformer_lib.data.text import load_king_james
from transformer_lib.generation import generate
from transformer_lib.measure.bits import bits_with_memory
from transformer_lib.recipes import verses_xl as recipe
from transformer_lib.weights import load


@pytest.fixture(scope="module")
def text():
    return load_king_james()


def test_main_trains_measures_and_writes_weights_and_card(text, tmp_path, monkeypatch, capfd):
    small = replace(text, train=text.train[:9000], dev=text.dev[:300], test=text.test[:300])
    short = replace(recipe.RECIPE, data=lambda: small)
    monkeypatch.setattr(recipe, "SEG_LEN", 16)
    monkeypatch.setattr(recipe, "BATCH_SIZE", 2)
    file = tmp_path / "new" / "w.safetensors"
    options = ["--steps", "2", "--checkpoint", str(tmp_path / "runs"), "--out", str(file)]
    short.main(options)
    assert "  bits " in capfd.readouterr().err
    assert file.stat().st_size <= 4_000_000
    card = file.with_suffix(".md").read_text(encoding="utf-8")
    bits = recipe.bits_per_character(load(file), small, "test")
    row = " | ".join(f"{bits[mem_len]:.4f}" for mem_len in recipe.MEMORIES)
    assert f"| test, float16 | {row} |" in card
    short.main([*options, "--decay", "1", "--force"])  # finished: only measured again
    assert file.with_suffix(".md").read_text(encoding="utf-8") == card


def test_the_model_is_small(text):
    assert sum(p.numel() for p in recipe.make_model(text).parameters()) <= 2_000_000


def test_weights_in_the_package_remember(text):
    model = load("verses_xl")
    ids = text.characters.encode(text.test[:20_000])
    bits = {
        mem_len: bits_with_memory(model.read, ids, seg_len=128, mem_len=mem_len).mean()
        for mem_len in (0, recipe.MEM_LEN)
    }
    assert bits[recipe.MEM_LEN] < 1.8
    assert bits[0] > bits[recipe.MEM_LEN] + 0.1
    prompt = text.characters.encode("And it came to pass")[None]
    written = generate(model, prompt, max_new_tokens=5)
    assert text.characters.decode(torch.cat([prompt, written], dim=1)[0]).isprintable()
