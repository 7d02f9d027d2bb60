"""Weights in 8 bits: a quarter of the size, for a model that travels inside a page.

Each row of a matrix becomes whole numbers from -127 to 127 and one scale:

    scale = max |row| / 127,   row ≈ scale · round(row / scale)

No number moves by more than half a scale. Vectors (biases and the gains of norms) are few, and
stay as they are.
"""

import math
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from transformer_lib import checks

LEVELS = 127  # symmetric: -128 is not used, so that a row and its negative are equally good


def quantize_rows(x: Tensor) -> tuple[Tensor, Tensor]:
    """Round every row to whole multiples of its own scale.

    Args:
        x: (…, width), finite numbers.

    Returns:
        Whole numbers (…, width), int8, and scales (…), float32. A row of zeros has scale 0.

    Raises:
        ValueError: if `x` has no row, or holds something that is not finite.
    """
    if isinstance(x, Tensor) and (x.dim() < 1 or x.numel() == 0):
        raise ValueError(f"x must be (…, width) and not empty, got {tuple(x.shape)}")
    checks.floating("x", x)
    if not x.isfinite().all():
        raise ValueError("x must be finite, got infinity or NaN")
    x = x.detach().float()
    scales = x.abs().amax(dim=-1) / LEVELS  # (…)
    steps = torch.where(scales > 0, scales, 1.0)[..., None]
    return (x / steps).round().clamp(-LEVELS, LEVELS).to(torch.int8), scales


def dequantize_rows(whole: Tensor, scales: Tensor) -> Tensor:
    """Multiply every row by its scale: (…, width) int8 and (…) → (…, width) float32.

    Raises:
        ValueError: if they are not of these types and shapes.
    """
    if not isinstance(whole, Tensor) or whole.is_meta:
        raise ValueError(f"whole must be a tensor of int8, got {whole!r}")
    if not isinstance(scales, Tensor) or scales.is_meta or scales.dtype != torch.float32:
        raise ValueError(f"scales must be a tensor of float32, got {scales!r}")
    if not scales.isfinite().all():
        raise ValueError("scales must be finite, got infinity or NaN")
    if whole.dtype != torch.int8 or whole.shape[:-1] != scales.shape or not whole.dim():
        raise ValueError(
            f"whole must be int8 with a row for each of scales {tuple(scales.shape)}, "
            f"got {tuple(whole.shape)} of {whole.dtype}"
        )
    return whole.float() * scales[..., None]


def pack(weights: Mapping[str, Tensor]) -> tuple[bytes, list[tuple[str, list[int]]]]:
    """Write named tensors into one string of bytes.

    First stand, as little-endian float32, the vectors whole and of every other tensor the scales
    of its rows; then, as int8, the rows. Both follow the order of the table of contents. A tensor
    that has several names, as a tied output layer, is written once, under the first.

    Args:
        weights: a state dict: floating-point tensors of at least one axis.

    Returns:
        The bytes, and the table of contents: a name and a shape for every tensor.

    Raises:
        ValueError: if a tensor is empty, a scalar, not of floating point or not finite.
    """
    contents, floats, rows, written = [], [], [], set()
    if not isinstance(weights, Mapping):
        raise ValueError(f"weights must be a state dict, got {type(weights).__name__}")
    for name, tensor in weights.items():
        if not isinstance(tensor, Tensor):
            raise ValueError(f"weights must be tensors, got {name} {type(tensor).__name__}")
        if tensor.dim() < 1 or tensor.numel() == 0 or not tensor.is_floating_point():
            raise ValueError(
                f"weights must be floating-point tensors with at least one axis and one number, "
                f"got {name} {tuple(tensor.shape)} {tensor.dtype}"
            )
        place = (tensor.data_ptr(), tensor.shape, tensor.stride())
        if place in written:
            continue
        written.add(place)
        if not tensor.float().isfinite().all():  # as it is written: 1e300 would be infinity
            raise ValueError(f"weights must be finite, got infinity or NaN in {name}")
        contents.append((name, list(tensor.shape)))
        if tensor.dim() == 1:
            floats.append(tensor.detach().float())
        else:
            whole, scales = quantize_rows(tensor)
            floats.append(scales.flatten())
            rows.append(whole.flatten())
    parts = [vector.cpu().numpy().astype("<f4").tobytes() for vector in floats]
    parts += [matrix.cpu().numpy().tobytes() for matrix in rows]
    return b"".join(parts), contents


def unpack(data: bytes, contents: Iterable[tuple[str, list[int]]]) -> dict[str, Tensor]:
    """Read what `pack` wrote.

    Args:
        data: the bytes.
        contents: the table of contents.

    Returns:
        Name → float32 tensor, rounded as it was when packed.

    Raises:
        ValueError: if `data` is not as long as `contents` says.
    """
    if not isinstance(data, bytes | bytearray | memoryview):
        raise ValueError(f"data must be bytes, got {type(data).__name__}")
    if not isinstance(contents, Iterable) or isinstance(contents, str):
        raise ValueError(f"contents must be pairs of name and shape, got {contents!r}")
    contents = [(name, list(shape)) for name, shape in contents]
    exact = [shape[0] if len(shape) == 1 else math.prod(shape[:-1]) for _, shape in contents]
    whole = [0 if len(shape) == 1 else math.prod(shape) for _, shape in contents]
    length = 4 * sum(exact) + sum(whole)
    if len(data) != length:
        raise ValueError(f"data must hold the {length} bytes of contents, got {len(data)}")
    if not contents:
        return {}
    data = bytearray(data)  # torch wants memory that may be written
    floats = torch.frombuffer(data, dtype=torch.float32, count=sum(exact)).split(exact)
    rows = torch.frombuffer(data, dtype=torch.int8)[4 * sum(exact) :].split(whole)
    return {
        name: vector.clone()
        if len(shape) == 1
        else dequantize_rows(matrix.view(shape), vector.view(shape[:-1]))
        for (name, shape), vector, matrix in zip(contents, floats, rows, strict=True)
    }
