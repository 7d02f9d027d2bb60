"""What the recipes share: options, clock, and the lines of a card that all of them have."""

import argparse
from pathlib import Path
from types import SimpleNamespace

import pytest
from torch import nn

from transformer_lib.recipes import digits_vit, pronunciations, running, verses_gpt, verses_xl
from transformer_lib.training.history import History

WEIGHTS = Path("there") / "speller.safetensors"


def read(*arguments):
    parser = argparse.ArgumentParser()
    parser.add_argument("--own", type=int, default=3)
    return running.read_options(parser, arguments, steps=60, weights=WEIGHTS)


def test_options_are_the_shared_ones_and_those_of_the_recipe():
    folder = running.RUNS / "speller"
    named = {"steps": 60, "decay": 30, "checkpoint": folder, "out": WEIGHTS}
    assert vars(read()) == {"own": 3} | named
    assert read("--own", "4").own == 4
    assert read("--checkpoint", "c").checkpoint == Path("c")
    assert read("--out", "o").out == Path("o")


@pytest.mark.parametrize(
    ("arguments", "steps", "decay"),
    [(["--steps", "9"], 9, 4), (["--decay", "0"], 60, 0), (["--steps", "9", "--decay", "7"], 9, 7)],
)
def test_half_of_the_steps_are_the_decay_unless_said(arguments, steps, decay):
    chosen = read(*arguments)
    assert (chosen.steps, chosen.decay) == (steps, decay)


def test_clock_counts_from_lap_to_lap(monkeypatch, capsys):
    monkeypatch.setattr(running.time, "process_time", iter([10.0, 11.5, 15.0]).__next__)
    monkeypatch.setattr(running.time, "strftime", lambda _: "12:34:56")
    clock = running.Clock()
    assert clock.lap({}) == {"cpu_seconds": 1.5}
    assert clock.lap({"bits": 2.5}, "2.50 bits", "so far") == {"bits": 2.5, "cpu_seconds": 3.5}
    assert capsys.readouterr().err == (
        "12:34:56  2 s of processor time\n12:34:56  2.50 bits, so far, 4 s of processor time\n"
    )


def test_card_says_what_was_run(tmp_path, capsys):
    file = tmp_path / "w.safetensors"
    file.write_bytes(bytes(1_234_567))
    model = nn.Linear(999, 2)
    model.config = "Config(width=999)"
    history = History(loss=[1.0] * 5, scores={2: {"cpu_seconds": 3600.0}, 5: {"cpu_seconds": 1800}})
    chosen = SimpleNamespace(decay=3, out=file)
    card = running.how_made("speller", model, history, chosen, "seed 0, batches of 8 words")
    assert card.startswith(
        "- **Model**: 2,000 parameters, float16 on the disk (1.23 MB).\n  `Config(width=999)`\n"
        "- **Command**: `python -m transformer_lib.recipes.speller --steps 5\n  --decay 3`, "
        "seed 0, batches of 8 words.\n- **Time**: 1.50 hours of processor time ("
    )
    running.write_card(card, file)
    assert (tmp_path / "w.md").read_text(encoding="utf-8") == capsys.readouterr().err == card


@pytest.mark.parametrize(
    ("recipe", "most_bytes", "row"),
    [
        (pronunciations, 4_000_000, "| test, float16 |"),
        (verses_gpt, 2_000_000, "| test, float16 |"),
        (digits_vit, 1_200_000, "| this model, float16 |"),
        (verses_xl, 4_000_000, "| test, float16 |"),
    ],
)
def test_weights_in_the_package_are_small_and_described(recipe, most_bytes, row):
    assert recipe.WEIGHTS.stat().st_size <= most_bytes
    card = recipe.WEIGHTS.with_suffix(".md").read_text(encoding="utf-8")
    for part in ("**Data**", "**Command**", "**Time**", "seed", row):
        assert part in card
