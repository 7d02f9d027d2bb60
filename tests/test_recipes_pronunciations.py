"""The recipe from end to end, on a few words; and what the weights in the package can do."""

from dataclasses import replace
from itertools import islice

import pytest
import torch
from oracles import EXACT
from torch.testing import assert_close

from transformer_lib.data.pairs import Batch
from transformer_lib.data.pronunciations import load_pronunciations
from transformer_lib.measure.errors import error_rates
from transformer_lib.recipes import pronunciations as recipe
from transformer_lib.weights import load


@pytest.fixture(scope="module")
def data():
    return load_pronunciations()


def few(lexicon, count):
    return dict(islice(lexicon.items(), 0, None, len(lexicon) // count))


def test_main_trains_measures_and_writes_weights_and_card(data, tmp_path, capfd):
    small = replace(data, dev=few(data.dev, 20), test=few(data.test, 20))
    short = replace(recipe.RECIPE, data=lambda: small)
    file = tmp_path / "new" / "w.safetensors"
    options = ["--steps", "2", "--checkpoint", str(tmp_path / "runs"), "--out", str(file)]
    short.main(options)
    assert "per 1.0" in capfd.readouterr().err
    assert file.stat().st_size < 4_000_000
    card = file.with_suffix(".md").read_text(encoding="utf-8")
    model = load(file)
    rates = recipe.score(model, small.test, data)
    assert f"| test, float16 | {100 * rates.per:.2f} % | {100 * rates.wer:.2f} % |" in card
    short.main([*options, "--decay", "1", "--force"])  # finished: only measured again
    assert file.with_suffix(".md").read_text(encoding="utf-8") == card


def test_loss_is_that_of_the_next_phoneme():
    read, spoken = torch.tensor([[1, 3, 4], [1, 4, 0]]), torch.tensor([[3, 4, 2], [4, 2, 0]])
    letters, logits, given = torch.tensor([[3, 4], [5, 0]]), torch.randn(2, 3, 6).double(), []

    def model(*inputs):
        given.extend(inputs)
        return logits

    loss = recipe.pair_loss(model, Batch(letters, target_in=read, target_out=spoken))
    log_p = logits.log_softmax(dim=-1)
    right = log_p.gather(-1, spoken[..., None]).squeeze(-1)
    expected = -(0.9 * right + 0.1 * log_p.mean(dim=-1))[spoken != 0].mean()
    assert_close(loss, expected, **EXACT)
    assert given[0] is letters
    assert given[1] is read


def test_only_the_training_part_is_trained_on(data):
    small = replace(data, train=few(data.train, 300))
    pairs = recipe.make_batches(small).pairs
    words = {"".join(data.letters.decode(source)) for source, _ in pairs}
    assert words == set(small.train)


def test_the_number_of_beams_reaches_the_search(data, monkeypatch):
    searched = []

    def beam_search(model, source, *, max_new_tokens, num_beams):
        searched.append(num_beams)
        return [[] for _ in source]

    monkeypatch.setattr(recipe, "beam_search", beam_search)
    model = recipe.make_model(data)
    for options in ({}, {"num_beams": 1}, {"num_beams": 3}):
        recipe.score(model, {"ship": [("SH",)]}, data, **options)
    assert searched == [5, 1, 3]


def test_words_come_back_in_the_order_they_were_given(data):
    torch.manual_seed(0)
    model = recipe.make_model(data).eval()
    words = ["through", "a", "banana", "go", "a"]
    together = recipe.pronounce(model, words, data, num_beams=2)
    assert together == [recipe.pronounce(model, [word], data, num_beams=2)[0] for word in words]


def test_weights_in_the_package_speak(data):
    model = load("pronunciations")
    words = few(data.test, 300)
    spoken = recipe.pronounce(model, list(words), data)
    assert error_rates(spoken, list(words.values())).per < 0.10
    (ship,) = recipe.pronounce(model, ["ship"], data)
    assert ship == ("SH", "IH", "P")
