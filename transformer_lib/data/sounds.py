"""Spoken digits, and how a sound becomes a picture that a Vision Transformer can read.

The recordings are the Free Spoken Digit Dataset: six people, each of the ten digits fifty times,
8,000 numbers a second. They are downloaded on request.
"""

import hashlib
import io
import math
import re
import wave
import zipfile
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from transformer_lib import checks
from transformer_lib.data.downloads import fetch
from transformer_lib.data.images import Images

RATE = 8_000
"""Numbers in a second of sound."""

SIDE = 28
"""A sound becomes a picture of so many pitches and so many moments."""

CLIPS = 3_000

_WINDOW, _HOP = 256, 64  # numbers of sound that are looked at together; from one look to the next
_LOW, _HIGH = 60.0, 3_900.0  # hertz
_DECADES = 5.0  # of energy below the loudest; what is softer is black
# Of all recordings, one after another in the order of their names.
_SHA256 = "ddb17656a0bca4c5ddace082be188ca630516dc2ef1110afe3c4e9cc71173de4"
_NAME = re.compile(r"(\d)_([a-z]+)_(\d+)\.wav")


@dataclass(frozen=True)
class SpokenDigits:
    """Spoken digits as pictures, with who said them.

    Attributes:
        data: pictures (count, 1, SIDE, SIDE) in 0 … 1, and the digit of each.
        speakers: the first name of each speaker.
        takes: which of a speaker's fifty recordings of the digit it is (count,). By custom takes
            0 … 4 are for the test.
    """

    data: Images
    speakers: tuple[str, ...]
    takes: Tensor

    def of(self, speaker: str) -> Tensor:
        """Mask (count,): True where it is `speaker` who speaks.

        Raises:
            ValueError: if nobody of that name does.
        """
        checks.one_of(sorted(set(self.speakers)), speaker=speaker)
        return torch.tensor([name == speaker for name in self.speakers])


def load_spoken_digits() -> SpokenDigits:
    """Load 3,000 spoken digits; 16 MB are downloaded once.

    Raises:
        ConnectionError: if they are not there yet and cannot be downloaded (see `fetch`).
        ValueError: if what came is not what was published.

    Source: Jackson et al. 2018, "Free Spoken Digit Dataset".
    """
    (path,) = fetch("fsdd").values()
    recordings, digest = {}, hashlib.sha256()
    try:
        with zipfile.ZipFile(path) as archive:
            inside = {name.rpartition("/")[2]: name for name in archive.namelist()}
            for name in sorted(filter(_NAME.fullmatch, inside)):
                recordings[name] = archive.read(inside[name])
                digest.update(recordings[name])
    except zipfile.BadZipFile as error:
        raise ValueError(f"{path} must be a whole archive, remove it and call again") from error
    if digest.hexdigest() != _SHA256:
        raise ValueError(
            f"{path} must hold the {CLIPS:,} recordings that were published, "
            f"got {len(recordings):,} with another sum: remove it and call again"
        )
    said = [_NAME.fullmatch(name).groups() for name in recordings]
    digits, speakers, takes = zip(*said, strict=True)
    pictures = torch.stack([sound_picture(_read_wav(file)) for file in recordings.values()])
    digits, takes = (torch.tensor([int(n) for n in row]) for row in (digits, takes))
    return SpokenDigits(Images(pictures, digits), speakers, takes)


def sound_picture(sound: Tensor) -> Tensor:
    """Turn a sound into a picture: high tones at the top, and time from left to right.

    How much energy there is at each pitch and moment, on a logarithmic scale (a spectrogram, its
    pitches spaced as ears hear them: "log-mel"); the loudest is white, and what has less than a
    hundred thousandth of its energy is black. However long the sound, it fills the picture.

    Args:
        sound: (length,), `RATE` numbers a second.

    Returns:
        (1, SIDE, SIDE) in 0 … 1.

    Raises:
        ValueError: if `sound` is no row of finite numbers, or shorter than what is looked at
            together.
    """
    checks.floating("sound", sound, dims=1)
    if len(sound) < _WINDOW:
        raise ValueError(f"sound must have at least {_WINDOW} numbers, got {len(sound)}")
    if sound.dtype not in (torch.float32, torch.float64) or not sound.isfinite().all():
        raise ValueError(f"sound must be finite numbers of 32 or 64 bits, got {sound.dtype}")
    window = torch.hann_window(_WINDOW, dtype=sound.dtype)
    waves = torch.stft(sound, _WINDOW, hop_length=_HOP, window=window, return_complex=True)
    energy = _pitches().to(sound) @ waves.abs().square()  # (SIDE, moments)
    loudest = energy.max().clamp(min=torch.finfo(sound.dtype).tiny)
    shade = 1 + (energy / loudest).clamp(min=10**-_DECADES).log10() / _DECADES
    return F.adaptive_avg_pool2d(shade.flip(0)[None], (SIDE, SIDE))


def _pitches() -> Tensor:
    """Weights of the frequencies for each pitch, (SIDE, _WINDOW / 2 + 1): triangles that overlap.

    They are evenly spaced in mel, m = 2595 log10(1 + f / 700), from _LOW to _HIGH.
    """
    low, high = (2595 * math.log10(1 + f / 700) for f in (_LOW, _HIGH))
    edges = 700 * (10 ** (torch.linspace(low, high, SIDE + 2, dtype=torch.float64) / 2595) - 1)
    frequencies = torch.linspace(0, RATE / 2, _WINDOW // 2 + 1, dtype=torch.float64)
    left, middle, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rise, fall = (frequencies - left) / (middle - left), (right - frequencies) / (right - middle)
    return torch.minimum(rise, fall).clamp(min=0)


def _read_wav(file: bytes) -> Tensor:
    """The numbers of a mono recording in 16 bits, in -1 … 1."""
    with wave.open(io.BytesIO(file)) as recording:
        numbers = np.frombuffer(recording.readframes(recording.getnframes()), dtype="<i2")
    return torch.from_numpy(numbers.astype(np.float32) / 32_768)
