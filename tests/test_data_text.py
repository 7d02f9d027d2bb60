"""Text in three parts: nothing of the held-out part is known, and every batch can be made again."""

import hashlib
from itertools import islice
from pathlib import Path

import pytest
import torch

from transformer_lib.data import downloads
from transformer_lib.data.text import (
    Windows,
    load_king_james,
    load_tiny_shakespeare,
    split_text,
)
from transformer_lib.data.verses import load_verses


@pytest.fixture(scope="module")
def text():
    return load_king_james()


def test_the_parts_are_the_whole_book_a_verse_in_a_line(text):
    lines = (text.train + text.dev + text.test).splitlines()
    verses = [v.replace("[", "").replace("]", "") for v in load_verses().values()]
    assert lines == verses
    assert all(part.endswith("\n") for part in (text.train, text.dev, text.test))
    assert text.held_out == text.dev + text.test


def test_a_tenth_is_held_out_half_of_it_for_the_last_figure(text):
    whole = len(text.train) + len(text.held_out)
    assert len(text.train) / whole == pytest.approx(0.9, abs=1e-3)
    assert len(text.dev) / whole == pytest.approx(0.05, abs=1e-3)


def test_the_vocabulary_is_that_of_the_training_part(text):
    assert set(text.characters.symbols) == set(text.train)
    assert len(text.characters) == 66
    held_out_only = split_text("ab\n" * 95 + "cd\n" * 5)
    assert "c" not in held_out_only.characters.symbols
    with pytest.raises(ValueError, match="got 'c' at 0"):
        held_out_only.characters.encode(held_out_only.test)


def test_a_text_comes_back_from_its_ids(text):
    part = text.dev[:500]
    ids = text.characters.encode(part)
    assert ids.dtype == torch.long
    assert text.characters.decode(ids) == part
    assert text.characters.decode(ids.tolist()) == part
    assert ids.tolist() == [text.characters.symbols.index(symbol) for symbol in part]
    assert text.characters.encode("").shape == (0,)


def test_characters_without_an_id_are_named_with_their_place(text):
    with pytest.raises(ValueError, match="got 'é' at 13, in 'to the café of Caper'"):
        text.characters.encode("Go to the café of Capernaum, é")


@pytest.mark.parametrize("text", ["", "one line", "a\nb\n"])
def test_a_text_too_short_to_be_cut_is_refused(text):
    with pytest.raises(ValueError, match="text must have lines enough for three parts"):
        split_text(text)


def test_targets_are_the_inputs_one_character_later():
    ids = torch.arange(100)
    inputs, targets = Windows(ids, batch_size=5, seq_len=10)[3]
    assert inputs.shape == targets.shape == (5, 10)
    assert torch.equal(targets, inputs + 1)
    assert torch.equal(inputs, inputs[:, :1] + torch.arange(10))


def test_windows_reach_every_place_of_the_text_and_no_further():
    windows = Windows(torch.arange(12), batch_size=50, seq_len=9)
    starts = {int(row[0]) for n in range(4) for row in windows[n][0]}
    assert starts == {0, 1, 2}
    assert int(windows[0][1].max()) == 11


def test_a_batch_is_a_function_of_seed_and_number():
    ids = torch.arange(1000)
    one, same = (Windows(ids, batch_size=4, seq_len=8, seed=1) for _ in range(2))
    torch.manual_seed(5)
    later = one[7][0]  # without those before it
    assert torch.equal(list(islice(same, 8))[7][0], later)
    assert not torch.equal(one[8][0], later)
    assert not torch.equal(Windows(ids, batch_size=4, seq_len=8, seed=2)[7][0], later)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"seq_len": 0}, "seq_len must be at least 1, got 0"),
        ({"seq_len": 20}, r"ids must be one row of at least 21 numbers .* got \(20,\)"),
        ({"ids": torch.zeros(2, 30)}, r"ids must be one row .* got \(2, 30\)"),
        ({"ids": torch.rand(30)}, r"ids must be one row .* of torch.float32"),
        ({"ids": torch.full((30,), -100)}, "ids must not be negative, got -100"),
        ({"ids": "a text"}, "ids must be a tensor, got str"),
    ],
)
def test_impossible_windows_are_refused(changes, message):
    options = {"ids": torch.arange(20), "batch_size": 4, "seq_len": 8} | changes
    with pytest.raises(ValueError, match=message):
        Windows(options.pop("ids"), **options)


def test_tiny_shakespeare_comes_from_the_downloader(tmp_path, monkeypatch):
    play = "First Citizen:\nSpeak, speak.\n\n" * 100
    (tmp_path / "tinyshakespeare").mkdir()
    file: Path = tmp_path / "tinyshakespeare" / "input.txt"
    file.write_text(play, encoding="utf-8", newline="\n")
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    sets = {"tinyshakespeare": {"input.txt": ("https://nowhere.invalid/x", f"sha256:{digest}")}}
    monkeypatch.setattr(downloads, "SETS", sets)
    monkeypatch.setenv(downloads.VARIABLE, str(tmp_path))
    text = load_tiny_shakespeare()
    assert text.train + text.held_out == play
    assert set(text.characters.symbols) == set(play)
