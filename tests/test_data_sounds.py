"""Spoken digits: checked by what is inside, and a tone is a line at its height."""

import math
import zipfile

import pytest
import torch

from transformer_lib.data.downloads import SETS, VARIABLE, folder_of
from transformer_lib.data.sounds import CLIPS, RATE, SIDE, load_spoken_digits, sound_picture

(FILE,) = SETS["fsdd"]


def tone(hertz, seconds=0.5, loud=0.5):
    t = torch.arange(int(RATE * seconds)) / RATE
    return loud * (2 * math.pi * hertz * t).sin()


def height(picture):
    return picture[0].sum(dim=1).argmax().item()


def test_a_tone_is_a_line_and_higher_tones_stand_higher():
    rows = [height(sound_picture(tone(hertz))) for hertz in (150, 400, 900, 2000, 3500)]
    assert rows == sorted(rows, reverse=True)
    assert len(set(rows)) == 5
    line = sound_picture(tone(900))[0]
    assert line[rows[2], 2:-2].min() > 0.9
    assert line[rows[2] + 8].max() < 0.5


def test_time_runs_from_left_to_right():
    sound = torch.cat([tone(400), tone(2500)])
    picture = sound_picture(sound)[0]
    left, right = picture[:, :10].sum(1).argmax(), picture[:, -10:].sum(1).argmax()
    assert left > right


def test_loudness_and_length_change_little():
    one = sound_picture(tone(700))
    assert torch.allclose(one, sound_picture(tone(700, loud=0.01)), atol=1e-3)
    assert (one - sound_picture(tone(700, seconds=1.0)))[..., 2:-2].abs().max() < 0.1
    assert one.shape == (1, SIDE, SIDE)
    assert 0 <= one.min() <= one.max() <= 1


def test_silence_is_a_picture_too():
    assert sound_picture(torch.zeros(1000)).isfinite().all()


@pytest.mark.parametrize(
    ("sound", "message"),
    [
        (torch.zeros(100), "sound must have at least 256 numbers, got 100"),
        (torch.zeros(2, 900), "sound must be of floating point, with 1 axes"),
        (torch.zeros(900).long(), "sound must be of floating point"),
    ],
)
def test_what_is_no_sound_is_refused(sound, message):
    with pytest.raises(ValueError, match=message):
        sound_picture(sound)


def put(tmp_path, monkeypatch, names):
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    folder = tmp_path / "fsdd"
    folder.mkdir()
    with zipfile.ZipFile(folder / FILE, "w") as archive:
        for name in names:
            archive.writestr(f"top/{name}", b"no recording")


def test_other_recordings_are_refused(tmp_path, monkeypatch):
    put(tmp_path, monkeypatch, ["0_theo_0.wav", "README.md"])
    with pytest.raises(ValueError, match=r"must hold the 3,000 recordings .* got 1 with another"):
        load_spoken_digits()


def test_half_an_archive_is_refused(tmp_path, monkeypatch):
    put(tmp_path, monkeypatch, ["0_theo_0.wav"])
    (tmp_path / "fsdd" / FILE).write_bytes(b"PK half of it")
    with pytest.raises(ValueError, match="must be a whole archive, remove it and call again"):
        load_spoken_digits()


@pytest.fixture(scope="module")
def spoken():
    if not (folder_of("fsdd") / FILE).is_file():
        pytest.skip("the spoken digits were not downloaded")
    return load_spoken_digits()


def test_there_are_as_many_as_we_say(spoken):
    assert len(spoken.data) == CLIPS == len(spoken.speakers) == len(spoken.takes)
    assert spoken.data.labels.bincount().tolist() == [300] * 10
    assert sorted(set(spoken.speakers)) == [
        "george", "jackson", "lucas", "nicolas", "theo", "yweweler",
    ]  # fmt: skip
    assert spoken.of("theo").sum() == 500
    assert (spoken.takes < 5).sum() == 300
    with pytest.raises(ValueError, match="speaker must be one of"):
        spoken.of("nobody")
