"""GGUF files for the tests, written value by value as ggml's docs/gguf.md says."""

import struct

import numpy as np


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def typed(value) -> bytes:
    """A value behind the number of its kind."""
    if isinstance(value, list):
        inner = typed(value[0])[:4]
        return (
            struct.pack("<I", 9)
            + inner
            + struct.pack("<Q", len(value))
            + b"".join(typed(one)[4:] for one in value)
        )
    kind, form = {bool: (7, "?"), int: (4, "I"), float: (6, "f"), str: (8, "")}[type(value)]
    return struct.pack("<I", kind) + (text(value) if kind == 8 else struct.pack(f"<{form}", value))


def gguf(settings: dict, tensors: dict, *, alignment: int = 32, version: int = 3) -> bytes:
    """A file of settings and of tensors (shape, kind, bytes)."""
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(settings))
    head += b"".join(text(name) + typed(value) for name, value in settings.items())
    body = b""
    for name, (shape, kind, content) in tensors.items():
        body += b"\0" * (-len(body) % alignment)
        axes = struct.pack(f"<I{len(shape)}Q", len(shape), *reversed(shape))
        head += text(name) + axes + struct.pack("<IQ", kind, len(body))
        body += content
    return head + b"\0" * (-len(head) % alignment) + body


def plain(array: np.ndarray) -> tuple:
    """A tensor in float32."""
    return array.shape, 0, array.astype("<f4").tobytes()
