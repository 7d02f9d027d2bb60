"""GGUF: all of a model in one file, as llama.cpp keeps it: settings, words, numbers of few bits.

    "GGUF" │ version │ how many tensors │ how many settings
    settings    name │ kind │ value                     llama.rope.freq_base = 100000.0
    tensors     name │ shape │ kind │ where it begins   blk.0.attn_q.weight (576, 576) Q4_1 at 0
    numbers     each tensor at a multiple of the alignment

Most tensors are in blocks: 32 neighbours in a row share a scale, and keep 4 or 8 bits of their own.
"""

import os
import struct
from collections.abc import Callable, Iterator, Mapping
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

BLOCK = 32  # numbers that share a scale


class Kind(NamedTuple):
    """A way to keep numbers.

    Attributes:
        name: as llama.cpp calls it.
        block: how a block lies in the file.
        size: how many numbers a block holds.
        unpack: from blocks (n,) to numbers (n, size) in float32.
    """

    name: str
    block: np.dtype
    size: int
    unpack: Callable[[np.ndarray], np.ndarray]


def _q8_0(blocks: np.ndarray) -> np.ndarray:
    return blocks["scale"].astype("f4")[:, None] * blocks["codes"]


def _q4_1(blocks: np.ndarray) -> np.ndarray:
    # A byte holds two codes: the low halves are the first 16 numbers, the high halves the others.
    codes = np.concatenate([blocks["codes"] & 15, blocks["codes"] >> 4], axis=1)
    scale, lowest = (blocks[name].astype("f4")[:, None] for name in ("scale", "lowest"))
    return scale * codes + lowest


def _plain(blocks: np.ndarray) -> np.ndarray:
    return blocks.astype("f4")


_Q4_1 = np.dtype([("scale", "<f2"), ("lowest", "<f2"), ("codes", "u1", BLOCK // 2)])
_Q8_0 = np.dtype([("scale", "<f2"), ("codes", "i1", BLOCK)])
KINDS = {
    0: Kind("F32", np.dtype("<f4"), 1, _plain),
    1: Kind("F16", np.dtype("<f2"), 1, _plain),
    3: Kind("Q4_1", _Q4_1, BLOCK, _q4_1),
    8: Kind("Q8_0", _Q8_0, BLOCK, _q8_0),
}


class Entry(NamedTuple):
    """Where a tensor lies: its shape, its kind and its first byte."""

    shape: tuple[int, ...]
    kind: Kind
    start: int


class GGUF(Mapping[str, Tensor]):
    """A GGUF file: its settings, and its tensors by name, in float32.

        file = GGUF("model.gguf")
        file.settings["llama.rope.freq_base"]
        file["blk.0.attn_q.weight"]  # unpacked now, and not kept
        file.blocks("blk.0.attn_q.weight")["scale"]  # as it lies in the file

    Args:
        source: the file, or its content.

    Raises:
        ValueError: if it is no whole GGUF file of version 2 or 3, or holds numbers of a kind that
            is not in `KINDS`.

    Source: github.com/ggml-org/ggml, docs/gguf.md; for the blocks src/ggml-common.h.
    """

    def __init__(self, source: str | os.PathLike | bytes):
        self._content = source if isinstance(source, bytes) else Path(source).read_bytes()
        try:
            self.settings, self.entries = _read(_Reader(self._content))
        except (struct.error, UnicodeDecodeError, KeyError, RecursionError) as error:
            raise ValueError(f"source must be a whole GGUF file, got {error}") from error

    def blocks(self, name: str) -> np.ndarray:
        """The blocks of a tensor as they lie in the file, row after row."""
        shape, kind, start = self.entries[name]
        return np.frombuffer(self._content, kind.block, prod(shape) // kind.size, start)

    def __getitem__(self, name: str) -> Tensor:
        shape, kind, _ = self.entries[name]
        return torch.from_numpy(kind.unpack(self.blocks(name))).view(shape)

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)


# --- the file from front to back -------------------------------------------------------------

SCALARS = {
    0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d",
}  # fmt: skip
TEXT, LIST = 8, 9


class _Reader:
    """Takes one value after another; all numbers are little-endian."""

    def __init__(self, content: bytes):
        self.content, self.at = content, 0

    def take(self, form: str) -> Any:
        (value,) = struct.unpack_from(f"<{form}", self.content, self.at)
        self.at += struct.calcsize(f"<{form}")
        return value

    def text(self) -> str:
        return self.take(f"{min(self.take('Q'), len(self.content))}s").decode()

    def value(self, kind: int) -> Any:
        if kind == TEXT:
            return self.text()
        if kind == LIST:
            inner, length = self.take("I"), self.take("Q")
            return [self.value(inner) for _ in range(length)]
        return self.take(SCALARS[kind])


def _read(reader: _Reader) -> tuple[dict[str, Any], dict[str, Entry]]:
    magic, version = reader.take("4s"), reader.take("I")
    if magic != b"GGUF" or version not in (2, 3):
        raise ValueError(
            f"source must be a GGUF file of version 2 or 3, got {magic!r} and {version}"
        )
    num_tensors, num_settings = reader.take("Q"), reader.take("Q")
    settings = {}
    for _ in range(num_settings):
        name = reader.text()
        settings[name] = reader.value(reader.take("I"))
    found = []
    for _ in range(num_tensors):
        name = reader.text()
        shape = [reader.take("Q") for _ in range(reader.take("I"))][::-1]  # the last axis is first
        found.append((name, tuple(shape), reader.take("I"), reader.take("Q")))
    alignment = settings.get("general.alignment", 32)
    first = -(-reader.at // alignment) * alignment
    return settings, {
        name: _entry(name, shape, kind, first + offset, len(reader.content))
        for name, shape, kind, offset in found
    }


def _entry(name: str, shape: tuple[int, ...], number: int, start: int, end: int) -> Entry:
    if number not in KINDS:
        known = [kind.name for kind in KINDS.values()]
        raise ValueError(f"source must hold numbers of the kinds {known}, got {number} in {name}")
    kind = KINDS[number]
    width = shape[-1] if shape else 1
    if width % kind.size or start + prod(shape) // kind.size * kind.block.itemsize > end:
        raise ValueError(f"source must be a whole GGUF file, got {name} {shape} beyond its end")
    return Entry(shape, kind, start)
