"""The recipe from end to end, on a few verses; and what the weights that ship can do."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from transformer_lib.data.masking import Masked
from transformer_lib.data.verse_words import load_verse_words
from transformer_lib.models.bert import MaskedWords
from transformer_lib.recipes import verses_bert as recipe
from transformer_lib.weights import load


@pytest.fixture(scope="module")
def data():
    return load_verse_words()


@pytest.fixture(scope="module")
def small(data):
    return replace(data, train=data.train[:120], dev=data.dev[:60], test=data.test[:40])


def test_main_trains_measures_and_writes_weights_and_card(small, tmp_path, monkeypatch, capfd):
    short = replace(recipe.RECIPE, data=lambda: small)
    monkeypatch.setattr(recipe, "BATCH_SIZE", 4)
    file = tmp_path / "new" / "w.safetensors"
    options = ["--steps", "2", "--checkpoint", str(tmp_path / "runs"), "--out", str(file)]
    short.main(options)
    assert "  found " in capfd.readouterr().err
    assert file.stat().st_size < 4_000_000
    card = file.with_suffix(".md").read_text(encoding="utf-8")
    model = load(file)
    assert type(model) is MaskedWords
    assert model.symbols == small.vocabulary
    share = 100 * recipe.accuracy(model, small, "test")["found"]
    assert f"| test, float16 | {share:.1f} % |" in card
    counted = 100 * recipe.counted(small, "dev")
    assert f"| dev, counting both neighbours | {counted:.1f} % |" in card


def test_the_model_fits_into_two_megabytes_of_eight_bit_numbers(data):
    model = recipe.make_model(data)
    assert 1_500_000 < sum(p.numel() for p in model.parameters()) < 2_000_000


def test_loss_is_that_of_the_chosen_places():
    chosen = torch.tensor([[True, False], [False, True]])
    ids, logits = torch.tensor([[1, 2], [0, 3]]), torch.randn(2, 4).double()
    batch = Masked(torch.zeros_like(ids), chosen, ids)
    loss = recipe.hidden_loss(lambda seen, where: logits, batch)
    torch.testing.assert_close(loss, F.cross_entropy(logits, torch.tensor([1, 3])))


def test_only_the_training_part_is_trained_on_and_nothing_special_is_hidden(small):
    batches = recipe.make_batches(small)
    given = {tuple(row.tolist()) for row in recipe.rows_of(small, small.train)}
    assert {tuple(row.tolist()) for row in batches.rows} == given
    batch = batches[0]
    assert not torch.isin(batch.ids[batch.chosen], torch.tensor(recipe.SPECIAL)).any()
    assert batch.chosen.float().mean() > 0.2


def test_long_verses_are_cut_off(data):
    longest = max(data.train, key=lambda verse: len(verse.words))
    assert len(longest.words) > recipe.LONGEST
    assert len(recipe.rows_of(data, [longest])[0]) == recipe.LONGEST


# --- the weights that ship -------------------------------------------------------------------


def test_what_ships_is_what_the_recipe_makes(data):
    shipped = load("verses_bert")
    assert shipped.bert.config == recipe.make_model(data).bert.config
    assert shipped.symbols == data.vocabulary
    assert shipped.about["steps"] == recipe.RECIPE.steps
    steps, shares = zip(*shipped.about["curve"], strict=True)
    assert steps == tuple(range(recipe.RECIPE.every, recipe.RECIPE.steps + 1, recipe.RECIPE.every))
    assert shares[-1]["found"] > shares[0]["found"] + 0.1


def test_weights_in_the_package_find_more_words_than_counting_does(data):
    fifth = replace(data, test=data.test[::5])
    share = recipe.accuracy(load("verses_bert"), fifth, "test")["found"]
    assert share > 0.4
    assert share > recipe.counted(fifth, "test") + 0.05


def test_weights_in_the_package_read_both_sides(data):
    """What follows decides: the same beginning, two ends."""
    model, chances = load("verses_bert"), []
    for text in ("and she <mask> , and bare a son .", "and she <mask> unto the king ."):
        ids = data.encode([text.split()])[0][None]
        with torch.no_grad():
            found = model(ids, ids == recipe.MASK_ID)[0].softmax(dim=-1)
        chances.append(found[data.vocabulary.encode(["conceived"])].item())
    assert chances[0] > 0.8
    assert chances[1] < 0.05
