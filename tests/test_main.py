"""The command line: what it says, that text is shown while it is written, and errors in a line."""

import subprocess
import sys

import pytest
import torch

from transformer_lib.__main__ import main
from transformer_lib.generation import Sampler, generate
from transformer_lib.recipes import verses_bert, verses_gpt
from transformer_lib.recipes.running import Recipe
from transformer_lib.weights import SHIPPED, load, save


def test_list_names_what_ships(capsys):
    main(["list"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(SHIPPED)
    assert "verses_gpt        Verses, character by character" in lines  # one column of titles


def test_info_is_the_card(capsys, tmp_path):
    card = SHIPPED["digits_vit"].with_suffix(".md").read_text(encoding="utf-8")
    main(["info", "digits_vit"])
    assert capsys.readouterr().out == card
    (tmp_path / "mine.md").write_text("# Mine\n")
    main(["info", str(tmp_path / "mine.safetensors")])
    assert capsys.readouterr().out == "# Mine\n"


@pytest.mark.parametrize("name", ["verses_gpt", "verses_xl"])
def test_write_goes_on_from_the_prompt(name, capsys):
    model = load(name)
    prompt = model.symbols.encode("And God ")[None]
    choose = Sampler(temperature=0.5, generator=torch.Generator().manual_seed(7))
    expected = generate(model, prompt, max_new_tokens=12, choose=choose)
    options = ["--length", "12", "--temperature", "0.5", "--seed", "7"]
    main(["write", name, "And God ", *options])
    assert capsys.readouterr().out == f"And God {model.symbols.decode(expected[0])}\n"
    main(["write", name, "And God ", "--length", "12", "--temperature", "0"])
    likeliest = model.symbols.decode(generate(model, prompt, max_new_tokens=12)[0])
    assert capsys.readouterr().out == f"And God {likeliest}\n"


def test_beyond_its_window_the_writer_goes_on_with_half_of_it(capsys):
    model = load("verses_gpt")
    prompt = model.symbols.encode("And God ")[None]

    def written(window):
        choose = Sampler(temperature=0.7, generator=torch.Generator().manual_seed(7))
        text = generate(model, prompt, max_new_tokens=420, choose=choose, window=window)
        return f"And God {model.symbols.decode(text[0])}\n"

    main(["write", "verses_gpt", "And God ", "--length", "420", "--seed", "7"])
    assert capsys.readouterr().out == written(256) != written(None)


def test_without_a_seed_it_writes_something_else(capsys):
    written = set()
    for _ in range(3):
        main(["write", "verses_gpt", "And ", "--length", "40"])
        written.add(capsys.readouterr().out)
    assert len(written) > 1


def test_write_shows_each_character_when_it_is_chosen(monkeypatch, capsys):
    shown, step = [], type(load("verses_gpt")).step

    def watched(model, tokens, state):
        shown.append(capsys.readouterr().out)
        return step(model, tokens, state)

    monkeypatch.setattr("transformer_lib.models.gpt.GPT.step", watched)
    main(["write", "verses_gpt", "And", "--length", "4"])
    assert shown[0] == "And"
    assert [len(piece) for piece in shown[1:]] == [1, 1, 1]


def test_write_says_how_a_word_is_pronounced(capsys):
    main(["write", "pronunciations", "ship"])
    assert capsys.readouterr().out.split() == ["SH", "IH", "P"]


def test_write_translates(capsys):
    main(["write", "translation", "Im Anfang schuf Gott den Himmel und die Erde."])
    assert capsys.readouterr().out.startswith(" In the beginning God ")


def test_write_takes_a_file_of_ones_own(tmp_path, capsys):
    save(load("verses_gpt"), tmp_path / "mine.safetensors")
    main(["write", str(tmp_path / "mine.safetensors"), "And", "--length", "3"])
    assert capsys.readouterr().out.startswith("And")


def test_train_hands_its_options_to_the_recipe(monkeypatch):
    given = []
    monkeypatch.setattr(Recipe, "main", lambda recipe, rest: given.append((recipe, rest)))
    main(["train", "verses_gpt", "--steps", "3", "--help"])
    assert given == [(verses_gpt.RECIPE, ["--steps", "3", "--help"])]
    main(["train", "verses_bert"])
    assert given[1] == (verses_bert.RECIPE, [])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["info", "verses"], r"NAME must be one of \['digits_vit'.*, got verses"),
        (["train", "verses"], r"NAME must be one of \['digits_vit'.*, got 'verses'"),
        (["write", "verses", "a"], r"file must be a safetensors file, or one of \['digits_vit'"),
        (["write", "digits_vit", "a"], "NAME must be a model that writes"),
        (["write", "verses_gpt", "a€"], "symbols must be of the vocabulary"),
        (["write", "verses_gpt", ""], "prompt must have at least one token"),
        (["write", "verses_gpt", "a", "--length", "0"], "--length must be at least 1, got 0"),
        (["write", "verses_gpt", "a", "--temperature", "-1"], "temperature must be positive"),
        (["train", "verses_gpt", "--steps", "0"], "--steps must be at least 1, got 0"),
    ],
)
def test_what_will_not_do_is_said_in_one_line(arguments, message, capsys):
    with pytest.raises(SystemExit, match=f"^python -m transformer_lib: {message}") as error:
        main(arguments)
    assert "\n" not in repr(str(error.value))
    assert not capsys.readouterr().out  # nothing was begun


def test_it_is_the_package_that_runs():
    done = subprocess.run(
        [sys.executable, "-m", "transformer_lib"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "the following arguments are required: COMMAND" in done.stderr
