"""The recipe from end to end, on a few words; and what the weights in the package can do."""

from dataclasses import replace
from itertools import islice

import pytest
import torch

from transformer_lib.data.pronunciations import load_pronunciations
from transformer_lib.metrics import error_rates
from transformer_lib.recipes import pronunciations as recipe


@pytest.fixture(scope="module")
def data():
    return load_pronunciations()


def few(lexicon, count):
    return dict(islice(lexicon.items(), 0, None, len(lexicon) // count))


def test_main_trains_measures_and_writes_weights_and_card(data, tmp_path, monkeypatch, capfd):
    small = replace(data, dev=few(data.dev, 20), test=few(data.test, 20))
    monkeypatch.setattr(recipe, "load_pronunciations", lambda **_: small)
    file = tmp_path / "new" / "w.safetensors"
    options = ["--steps", "2", "--checkpoint", str(tmp_path / "runs"), "--out", str(file)]
    recipe.main(options)
    assert "a fifth of the dev words" in capfd.readouterr().err
    assert file.stat().st_size < 4_000_000
    card = file.with_suffix(".md").read_text(encoding="utf-8")
    model = recipe.load_trained(data, file)
    rates = recipe.score(model, small.test, data)
    assert f"| test, float16 | {100 * rates.per:.2f} % | {100 * rates.wer:.2f} % |" in card
    assert "--steps 2\n  --decay 1`" in card
    recipe.main([*options, "--decay", "1"])  # finished: only measured again
    assert file.with_suffix(".md").read_text(encoding="utf-8") == card


def test_words_come_back_in_the_order_they_were_given(data):
    torch.manual_seed(0)
    model = recipe.make_model(data).eval()
    words = ["through", "a", "banana", "go", "a"]
    together = recipe.pronounce(model, words, data, num_beams=2)
    assert together == [recipe.pronounce(model, [word], data, num_beams=2)[0] for word in words]


needs_weights = pytest.mark.skipif(not recipe.WEIGHTS.exists(), reason="not trained yet")


@needs_weights
def test_weights_in_the_package_are_small_and_described():
    assert recipe.WEIGHTS.stat().st_size <= 4_000_000
    card = recipe.WEIGHTS.with_suffix(".md").read_text(encoding="utf-8")
    for part in ("**Data**", "**Command**", "**Time**", "seed", "| test, float16 |"):
        assert part in card


@needs_weights
def test_weights_in_the_package_speak(data):
    model = recipe.load_trained(data)
    words = few(data.test, 300)
    spoken = recipe.pronounce(model, list(words), data)
    assert error_rates(spoken, list(words.values())).per < 0.10
    (ship,) = recipe.pronounce(model, ["ship"], data)
    assert ship == ("SH", "IH", "P")
