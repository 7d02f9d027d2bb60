"""Positions: telling attention, which sees a set, in what order its tokens stand.

Four ways, in the order of their invention. Sinusoidal and learned vectors are added to the
embeddings. Rotary turns queries and keys, and ALiBi penalises distance: those two act inside the
attention layer. Each takes an `offset`, the position of the first token it is given, for models
that read a text piece by piece.
"""

import math
from functools import lru_cache

import torch
from torch import Tensor, nn

from transformer_lib import checks


class WaveTable(nn.Module):
    """Sines and cosines of every position, in the type of the input.

    They depend on the position alone, so that any length will do, and a module holds nothing of
    them: no buffer that would grow, nothing to save, to average or to move.
    """

    def __init__(self, name: str, width: int, base: float):
        super().__init__()
        checks.even(**{name: width})
        checks.positive(base=base)
        self.width, self.base = width, base

    def _rows(self, like: Tensor, start: int, end: int) -> Tensor:
        """The rows of the positions start, …, end - 1, in the type and on the device of `like`."""
        if torch.compiler.is_compiling() or type(like) is not Tensor:  # nothing to keep
            positions = torch.arange(start, end, dtype=torch.float64)
            return _waves(self._columns, positions, self.width, self.base).to(like)
        # A power of two: a text that is read token by token seldom needs a new table.
        length = 1 << max(end - 1, 0).bit_length()
        kind = self._columns, self.width, self.base
        return _table(length, *kind, like.dtype, like.device)[start:end]


def _waves(columns, positions: Tensor, width: int, base: float) -> Tensor:
    pairs = torch.arange(0, width, 2, dtype=torch.float64)
    angles = positions[:, None] * torch.exp(-math.log(base) / width * pairs)
    return columns(angles.sin(), angles.cos())  # (positions, …)


@lru_cache(maxsize=32)
def _table(length: int, columns, width: int, base: float, dtype, device) -> Tensor:
    """The rows of the first `length` positions: made once for all modules, and never changed."""
    with torch.inference_mode(False):  # made in evaluation, it must serve training too
        positions = torch.arange(length, dtype=torch.float64, device="cpu")
        return _waves(columns, positions, width, base).to(device, dtype)


class SinusoidalPositions(WaveTable):
    """Add to every embedding a fixed pattern of waves, from fast to slow.

        table[t, 2i] = sin(t / base^(2i / d_model)),  table[t, 2i + 1] = cos(the same)

    There is a row for any position, however late, and nothing is learned.

    Args:
        d_model: width of the embeddings, even.
        base: the wavelengths run from 2π to 2π · base positions.

    Raises:
        ValueError: if `d_model` is not a positive even number.

    Source: Vaswani et al. 2017, §3.5.
    """

    def __init__(self, d_model: int, *, base: float = 10000.0):
        super().__init__("d_model", d_model, base)

    def forward(self, x: Tensor, offset: int = 0) -> Tensor:
        """Add positions offset, offset + 1, … to `x`.

        Args:
            x: embeddings (batch, seq_len, d_model).
            offset: position of the first token, in tokens.

        Returns:
            (batch, seq_len, d_model).

        Raises:
            ValueError: if `x` has another width, is not floating point, or `offset` is negative.
        """
        _check_input(x, self.width, offset)
        return x + self._rows(x, offset, offset + x.size(-2))

    @staticmethod
    def _columns(sin: Tensor, cos: Tensor) -> Tensor:
        return torch.stack([sin, cos], dim=-1).flatten(1)  # (length, d_model), interleaved


class LearnedPositions(nn.Module):
    """Add to every embedding a vector that is learned for its position.

    Args:
        max_len: number of positions there are.
        d_model: width of the embeddings.

    Raises:
        ValueError: if `max_len` is not positive.

    Source: Gehring et al. 2017, §3.1; Vaswani et al. 2017, Table 3 row (E).
    """

    def __init__(self, max_len: int, d_model: int):
        super().__init__()
        checks.at_least(1, max_len=max_len, d_model=d_model)
        self.max_len, self.d_model = max_len, d_model
        self.table = nn.Embedding(max_len, d_model)
        nn.init.normal_(self.table.weight, std=0.02)

    def forward(self, x: Tensor, offset: int = 0) -> Tensor:
        """Add positions offset, offset + 1, … to `x`.

        Args:
            x: embeddings (batch, seq_len, d_model).
            offset: position of the first token, in tokens.

        Returns:
            (batch, seq_len, d_model).

        Raises:
            ValueError: if `x` has another width or is not floating point, `offset` is negative,
                or the sequence reaches beyond `max_len`.
        """
        _check_input(x, self.d_model, offset)
        table = self.table.weight
        if x.device != table.device:
            raise ValueError(f"x must be on {table.device}, got {x.device}")
        end = offset + x.size(-2)
        if end > self.max_len:
            raise ValueError(
                f"the sequence must end within max_len = {self.max_len} positions, "
                f"got offset {offset} + length {x.size(-2)} = {end}"
            )
        return x + table[offset:end]


class Rotary(WaveTable):
    """Turn every pair of features by an angle that grows with the position.

    With R(t) the rotation of pair i by t / base^(2i / head_dim), the score of a query at m and a
    key at n is qᵀ R(n - m) k: only their distance matters. Pair i is made of the features i and
    i + head_dim / 2, which is fastest; the paper pairs neighbours, the same up to one fixed
    reordering of the features.

    Args:
        head_dim: width of one head, even.
        base: the wavelengths run from 2π to 2π · base positions.

    Raises:
        ValueError: if `head_dim` is not a positive even number.

    Source: Su et al. 2021, "RoFormer", §3.2.
    """

    def __init__(self, head_dim: int, *, base: float = 10000.0):
        super().__init__("head_dim", head_dim, base)

    def forward(self, x: Tensor, offset: int = 0) -> Tensor:
        """Turn the queries, or keys, at positions offset, offset + 1, ….

        Args:
            x: (batch, heads, seq_len, head_dim).
            offset: position of the first token, in tokens.

        Returns:
            (batch, heads, seq_len, head_dim), every vector as long as before.

        Raises:
            ValueError: if `x` has another width, is not floating point, or `offset` is negative.
        """
        _check_input(x, self.width, offset)
        cos, sin = self._rows(x, offset, offset + x.size(-2)).chunk(2, dim=-1)
        return x * cos + x.roll(self.width // 2, dims=-1) * sin

    @staticmethod
    def _columns(sin: Tensor, cos: Tensor) -> Tensor:
        return torch.cat([cos, cos, -sin, sin], dim=-1)  # (length, 2 * head_dim)


class ALiBi(nn.Module):
    """Subtract from every score a penalty in proportion to the distance.

        bias[h, i, j] = -slope_h · |i - j|,  slope_h = 2^(-8h / num_heads),  h = 1 … num_heads

    Nothing is learned. The slopes, from steep to gentle, give every head a range of its own. (The
    released code takes other slopes where `num_heads` is not a power of two.)

    Args:
        num_heads: number of heads.

    Raises:
        ValueError: if `num_heads` is not positive.

    Source: Press et al. 2021, "Train Short, Test Long", §3.
    """

    def __init__(self, num_heads: int):
        super().__init__()
        checks.at_least(1, num_heads=num_heads)
        slopes = 2.0 ** (-8.0 * torch.arange(1, num_heads + 1) / num_heads)
        self.register_buffer("slopes", slopes, persistent=False)

    def forward(self, q_len: int, offset: int = 0) -> Tensor:
        """Make the bias for queries at offset … offset + q_len - 1 and all keys up to the last.

        Args:
            q_len: number of queries.
            offset: position of the first query, in tokens.

        Returns:
            (num_heads, q_len, offset + q_len), to be added to the scaled scores.

        Raises:
            ValueError: if `q_len` or `offset` is negative or not a whole number.
        """
        checks.at_least(0, q_len=q_len, offset=offset)
        keys = torch.arange(offset + q_len, device=self.slopes.device)
        distance = (keys[offset:, None] - keys).abs()  # (q_len, offset + q_len)
        return -self.slopes[:, None, None] * distance


class RelativePositions(WaveTable):
    """The matrix R: a fixed vector of waves for every distance, from fast to slow.

        R[t] = [sin(t · w) ‖ cos(t · w)],  w_i = base^(-2i / d_model)

    Sines in the first half of the features and cosines in the second, as in the released code (the
    first Transformer mixes them one by one; W_kR can learn any order).

    Args:
        d_model: width, even.
        base: the wavelengths run from 2π to 2π · base positions.

    Raises:
        ValueError: if `d_model` is not a positive even number.

    Source: Dai et al. 2019, §3.3.
    """

    def __init__(self, d_model: int, *, base: float = 10000.0):
        super().__init__("d_model", d_model, base)

    def forward(self, x: Tensor, length: int, clamp_len: int | None = None) -> Tensor:
        """Make the rows for the distances length - 1, …, 1, 0, in that order: far to near.

        Args:
            x: any tensor of the type and on the device that the rows shall have.
            length: number of rows.
            clamp_len: whatever is farther away gets the row of this distance.

        Returns:
            (length, d_model).

        Raises:
            ValueError: if `x` is not floating point, or a number less than 1.
        """
        checks.tensor(x=x)
        _check_floating(x)
        checks.at_least(1, length=length)
        checks.at_least_or_none(1, clamp_len=clamp_len)
        rows = self._rows(x, 0, length)
        if clamp_len is None:
            return rows.flip(0)
        distances = torch.arange(length - 1, -1, -1, device=x.device)
        return rows[distances.clamp(max=clamp_len)]

    @staticmethod
    def _columns(sin: Tensor, cos: Tensor) -> Tensor:
        return torch.cat([sin, cos], dim=-1)  # (length, d_model), in halves


def _check_input(x: Tensor, width: int, offset: int) -> None:
    checks.tensor(x=x)
    if x.dim() < 2 or x.size(-1) != width:
        raise ValueError(f"x must be (…, seq_len, {width}), got {tuple(x.shape)}")
    _check_floating(x)
    checks.at_least(0, offset=offset)


def _check_floating(x: Tensor) -> None:
    if not x.is_floating_point():  # the waves would be rounded to whole numbers
        raise ValueError(f"x must be floating point, got {x.dtype}")
