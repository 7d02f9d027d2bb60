"""The recipe from end to end, on a few verses; and what the weights that ship can do."""

from dataclasses import replace

import pytest
import torch

from transformer_lib.data import archives
from transformer_lib.data.subwords import BytePairs, Subwords
from transformer_lib.data.translations import Pair, Parallel
from transformer_lib.recipes import english_1611
from transformer_lib.recipes import translation as recipe
from transformer_lib.weights import load

PAIRS = [Pair(f"das Haus {n}", f"the house {n}", (1, n, 1)) for n in range(60)]


@pytest.fixture
def data():
    pairs = Parallel(PAIRS[:50], PAIRS[50:55], PAIRS[55:])
    return recipe.Verses(pairs, recipe.learn_pieces(pairs.train, 280))


def test_main_trains_measures_and_writes_weights_and_card(tmp_path, capfd, monkeypatch, data):
    monkeypatch.setattr(recipe, "MOST", 6)
    file = tmp_path / "w.safetensors"
    options = ["--steps", "2", "--checkpoint", str(tmp_path / "runs"), "--out", str(file)]
    replace(recipe.RECIPE, data=lambda: data).main(options)
    assert "s of processor time" in capfd.readouterr().err
    card = file.with_suffix(".md").read_text(encoding="utf-8")
    assert card.count("\n| ") == 4  # the heading, dev twice, test
    assert "tok:13a" in card
    assert "50 verses to train on, 5 dev, 5 test" in card
    model = load(file)
    assert model.symbols == data.symbols
    assert recipe.translate(model, ["das Haus"], model.symbols, num_beams=1)


def test_the_trial_on_captions_measures_test_alone_and_writes_nothing(
    tmp_path, capfd, monkeypatch, data
):
    monkeypatch.setattr(recipe, "MOST", 6)
    monkeypatch.setattr(recipe, "load_captions", lambda: data.pairs)
    monkeypatch.setattr(recipe, "with_pieces", lambda pairs: data)
    options = ["--trial", "multi30k", "--steps", "2", "--checkpoint", str(tmp_path / "runs")]
    recipe.RECIPE.main([*options, "--out", str(tmp_path / "w.safetensors")])
    assert "{'test, float32': TranslationScore(" in capfd.readouterr().err
    assert not (tmp_path / "w.safetensors").exists()
    assert "dropout=0.3" in (tmp_path / "runs/recipe.json").read_text(encoding="utf-8")


def test_pieces_are_learnt_from_both_sides_of_training_alone(data):
    text = "".join(f" das Haus {n}\n the house {n}\n" for n in range(50))[:-1]
    assert data.symbols == Subwords.of(BytePairs.learn(text, 21))
    assert len(data.symbols) == 280


def test_sentences_come_back_in_their_order(data, monkeypatch):
    monkeypatch.setattr(recipe, "beam_search", lambda model, source, **_: source)
    texts = ["das Haus das Haus", "das", "das Haus"]
    assert recipe.translate(None, texts, data.symbols) == texts


def test_a_batch_changes_no_translation(data):
    torch.manual_seed(0)
    model = recipe.make_model(data).eval()
    texts = ["das Haus", "das", "das Haus das Haus 7"]
    together = recipe.translate(model, texts, data.symbols, num_beams=1)
    alone = [recipe.translate(model, [t], data.symbols, num_beams=1)[0] for t in texts]
    assert together == alone
    with pytest.raises(ValueError, match="texts must be a list of sentences, got 'das'"):
        recipe.translate(model, "das", data.symbols)
    with pytest.raises(ValueError, match="text must hold at least a word, got ''"):
        recipe.translate(model, ["das", ""], data.symbols)
    with pytest.raises(ValueError, match=r"at most 96 pieces each, got \d+ in 'x7x7"):
        recipe.translate(model, ["x7" * 70], data.symbols)


@pytest.mark.skipif("bible" in archives.missing(), reason="the archive was not fetched")
def test_weights_in_the_package_translate():
    model, data = load("translation"), recipe.load_verses()
    assert model.symbols == data.symbols
    assert recipe.score(model, data.test[:60], model.symbols).bleu > 20


@pytest.mark.skipif("bible" in archives.missing(), reason="the archive was not fetched")
def test_the_way_back_to_1611_is_what_its_recipe_makes():
    back, model = english_1611.RECIPE, load("english_1611")
    data = back.data()
    assert back.model(data).config == model.config
    assert back.symbols(data) == model.symbols
    verse = next(pair for pair in data.pairs.train if pair.verse == (1, 1, 3))
    assert verse.source == 'God said, "Let there be light," and there was light.'
    assert verse.target == "And God said, Let there be light: and there was light."
    assert recipe.score(model, data.test[:60], model.symbols).bleu > 35
    (written,) = recipe.translate(model, ["I love you."], model.symbols)
    assert written.strip() == "I love thee."


def test_the_card_of_the_way_back_says_what_it_read(data):
    figures = {"dev, float32": recipe.TranslationScore(40.0, 60.0, 1.0, "signed")}
    card = english_1611.RECIPE.card(figures, data, "- **Made**: here.")
    assert "reads a verse in today's English and writes it in that of 1611" in card
    assert "World English and King James, verse by verse, at most 20 words" in card
    assert "Elberfelder" not in card
    assert "*thou* or *ye*" in card
