"""The recipe from end to end, on a few verses; and what the weights in the package can do."""

import re
from dataclasses import replace

import pytest
import torch
from oracles import EXACT
from torch.testing import assert_close

from transformer_lib.data.text import load_king_james
from transformer_lib.generation import generate
from transformer_lib.measure.bits import bits_in_chunks
from transformer_lib.measure.ngrams import WittenBell
from transformer_lib.recipes import verses_gpt as recipe
from transformer_lib.weights import load


@pytest.fixture(scope="module")
def text():
    return load_king_james()


def test_main_trains_measures_and_writes_weights_and_card(text, tmp_path, monkeypatch, capfd):
    small = replace(text, train=text.train[:20_000], dev=text.dev[:900], test=text.test[:700])
    short = replace(recipe.RECIPE, data=lambda: small)
    monkeypatch.setattr(recipe, "BATCH_SIZE", 2)
    file = tmp_path / "new" / "w.safetensors"
    options = ["--steps", "2", "--checkpoint", str(tmp_path / "runs"), "--out", str(file)]
    short.main(options)
    assert "  bits " in capfd.readouterr().err
    assert file.stat().st_size < 2_000_000
    card = file.with_suffix(".md").read_text(encoding="utf-8")
    bits = recipe.bits_per_character(load(file), small, "test")
    assert f"| test, float16 | {bits['in chunks']:.4f} | {bits['sliding']:.4f} |" in card
    short.main([*options, "--decay", "1", "--force"])  # finished: only measured again
    assert file.with_suffix(".md").read_text(encoding="utf-8") == card


def test_the_model_fits_into_a_megabyte_of_eight_bit_numbers(text):
    model = recipe.make_model(text)
    assert 900_000 < sum(p.numel() for p in model.parameters()) < 1_000_000


def test_loss_is_that_of_every_next_character():
    inputs, targets = torch.tensor([[2, 0, 1], [1, 1, 0]]), torch.tensor([[0, 1, 3], [1, 0, 2]])
    logits, read = torch.randn(2, 3, 4).double(), []

    def model(tokens):
        read.append(tokens)
        return logits

    loss = recipe.window_loss(model, (inputs, targets))
    right = logits.log_softmax(dim=-1).gather(-1, targets[..., None])
    assert_close(loss, -right.mean(), **EXACT)  # character 0 is one of them, not padding
    assert read[0] is inputs


def test_only_the_training_part_is_trained_on(text):
    small = replace(text, train=text.train[:2000], dev=text.dev[:900], test=text.test[:700])
    assert text.characters.decode(recipe.make_batches(small).ids) == small.train


def test_weights_in_the_package_beat_counting(text):
    model, ids = load("verses_gpt"), text.characters.encode(text.test[:20_000])
    bits = bits_in_chunks(model, ids, window=recipe.WINDOW).mean()
    counted = WittenBell(
        text.characters.encode(text.train), order=6, vocab_size=len(text.characters)
    )
    assert bits < -counted.probabilities(ids).log2().mean() - 0.05


def test_weights_in_the_package_write_words_of_the_book(text):
    torch.manual_seed(0)
    model, prompt = load("verses_gpt"), text.characters.encode("And it came to pass")
    written = text.characters.decode(generate(model, prompt[None], max_new_tokens=200)[0])
    words = re.findall("[a-z]+", written)[1:-1]  # the first and last may be cut
    known = set(re.findall("[a-z]+", text.train))
    assert sum(word in known for word in words) > 0.9 * len(words)
