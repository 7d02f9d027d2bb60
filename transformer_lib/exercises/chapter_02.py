"""The exercises of chapter 2: heads side by side, attention of all at once, one switched off.

from transformer_lib.exercises.chapter_02 import check

check(1, mine)
"""

import torch
from torch import Tensor

from transformer_lib.exercises.marking import Exercise, Mark, draw_size, mark
from transformer_lib.layers.attention import attention


def check(number: int, mine) -> Mark:
    """Mark an answer.

    Args:
        number: of the exercise: 1, `merge(heads)`, from (batch, heads, seq_len, head_dim) to
            (batch, seq_len, d_model); 2, `attend(q, k, v, num_heads)` without a loop, from (q_len,
            d_model) and (k_len, d_model); 3, `without(heads, weight, head)`, what `out_proj` gives
            where one of the heads (heads, seq_len, head_dim) says nothing.
        mine: the function.

    Raises:
        ValueError: if there is no such exercise, or `mine` is not a function.
    """
    return mark(EXERCISES, number, mine)


def _draw_heads() -> tuple[Tensor]:
    return (
        torch.randn(
            draw_size(2, 5), draw_size(2, 5), draw_size(2, 5), draw_size(2, 5), dtype=torch.float64
        ),
    )


def _small_heads() -> tuple[Tensor]:
    return (torch.arange(8.0).double().view(1, 2, 2, 2),)


def _draw_projected() -> tuple[Tensor, Tensor, Tensor, int]:
    num_heads = draw_size(2, 5)
    d_model, k_len = num_heads * draw_size(2, 5), draw_size(3, 6)
    q = 3 * torch.randn(draw_size(2, 5), d_model, dtype=torch.float64)
    return q, *torch.randn(2, k_len, d_model, dtype=torch.float64), num_heads


def _small_projected() -> tuple[Tensor, Tensor, Tensor, int]:
    return *torch.randint(-3, 4, (3, 2, 4)).double(), 2


def _draw_out() -> tuple[Tensor, Tensor, int]:
    num_heads, head_dim = draw_size(2, 5), draw_size(2, 5)
    d_model = num_heads * head_dim
    heads = torch.randn(num_heads, draw_size(2, 5), head_dim, dtype=torch.float64)
    return heads, torch.randn(d_model, d_model, dtype=torch.float64), draw_size(0, num_heads)


def _small_out() -> tuple[Tensor, Tensor, int]:
    weight = torch.randint(-3, 4, (2, 2)).double()
    return torch.randint(-3, 4, (2, 1, 1)).double(), weight, draw_size(0, 2)


def _merge(heads: Tensor) -> Tensor:
    return heads.transpose(1, 2).flatten(2)


def _split(x: Tensor, num_heads: int) -> Tensor:
    return x.unflatten(-1, (num_heads, -1)).transpose(0, 1)


def _attend(q: Tensor, k: Tensor, v: Tensor, num_heads: int) -> Tensor:
    parts = (x.chunk(num_heads, dim=-1) for x in (q, k, v))
    return torch.cat([attention(*head) for head in zip(*parts, strict=True)], dim=-1)


def _times_queries(factor):
    return lambda q, k, v, num_heads: _attend(q * factor(q.size(-1), num_heads), k, v, num_heads)


def _split_by_reshape(q: Tensor, k: Tensor, v: Tensor, num_heads: int) -> Tensor:
    heads = attention(*(x.reshape(num_heads, len(x), -1) for x in (q, k, v)))
    return heads.transpose(0, 1).flatten(1)


def _merge_by_reshape(q: Tensor, k: Tensor, v: Tensor, num_heads: int) -> Tensor:
    return attention(*(_split(x, num_heads) for x in (q, k, v))).reshape(len(q), -1)


def _heads_along_time(q: Tensor, k: Tensor, v: Tensor, num_heads: int) -> Tensor:
    out = attention(*(torch.cat(x.chunk(num_heads, dim=-1)) for x in (q, k, v)))
    return torch.cat(out.chunk(num_heads), dim=-1)


def _keep(heads: Tensor, weight: Tensor, kept: list[int]) -> Tensor:
    columns = weight.unflatten(1, (len(heads), -1))
    return sum(heads[i] @ columns[:, i].T for i in kept)


def _others(heads: Tensor, head: int) -> list[int]:
    return [i for i in range(len(heads)) if i != head]


def _without(heads: Tensor, weight: Tensor, head: int) -> Tensor:
    return _keep(heads, weight, _others(heads, head))


def _rows(heads: Tensor, weight: Tensor, head: int) -> Tensor:
    """The rows of the weight are set to zero: what some features of the output get."""
    blocks = list(weight.chunk(len(heads)))
    blocks[head] = torch.zeros_like(blocks[head])
    return _keep(heads, torch.cat(blocks), list(range(len(heads))))


# --- properties ------------------------------------------------------------------------------


def _token_by_token(function, given: tuple) -> bool:
    """A change of one token, in all heads, changes its own row alone."""
    (heads,) = given
    changed = heads.clone()
    changed[:, :, -1] += 1
    same = function(changed)[:, :-1] == function(heads)[:, :-1]
    return bool(same.all())


def _average(function, given: tuple) -> bool:
    q, k, v, num_heads = given
    return torch.allclose(function(q, k, torch.ones_like(v), num_heads), torch.ones_like(q))


def _own_features(function, given: tuple) -> bool:
    """What comes last hangs on the last features alone."""
    q, k, v, num_heads = given
    first = q.clone()
    first[:, : q.size(-1) // num_heads] += 1
    last = slice(q.size(-1) // num_heads, None)
    now, then = (function(x, k, v, num_heads)[:, last] for x in (first, q))
    return torch.allclose(now, then)


def _head_is_silent(function, given: tuple) -> bool:
    heads, weight, head = given
    louder = heads.clone()
    louder[head] += 1
    return torch.allclose(function(louder, weight, head), function(heads, weight, head))


EXERCISES = {
    1: Exercise(
        right=_merge,
        draw=_draw_heads,
        small=_small_heads,
        mistakes={
            "the shape is right and tokens are mixed: heads must stand behind the tokens first.": (
                lambda heads: heads.reshape(heads.size(0), heads.size(2), -1)
            ),
            "the heads' features are shuffled together, one of each in turn. A head's own features "
            "must stay side by side.": lambda heads: heads.permute(0, 2, 3, 1).flatten(2),
            "the heads stand in the reverse order.": lambda heads: _merge(heads.flip(1)),
        },
        properties={"Row t holds what the heads say of token t, and of no other.": _token_by_token},
    ),
    2: Exercise(
        right=_attend,
        draw=_draw_projected,
        small=_small_projected,
        mistakes={
            "scores are divided by √d_model, and each dot product runs over head_dim features.": (
                _times_queries(lambda d_model, num_heads: num_heads**-0.5)
            ),
            "scores are not divided by √head_dim.": (
                _times_queries(lambda d_model, num_heads: (d_model // num_heads) ** 0.5)
            ),
            "reshape cuts the tokens into heads, where the features should be cut.": (
                _split_by_reshape
            ),
            "the heads are glued by reshape, which mixes tokens.": _merge_by_reshape,
            "all heads share one softmax: they lie along time.": _heads_along_time,
            "that is a single head over all features.": lambda q, k, v, num_heads: attention(
                q, k, v
            ),
        },
        properties={
            "Weights of each head must add up to one.": _average,
            "A head must not read another head's features.": _own_features,
        },
    ),
    3: Exercise(
        right=_without,
        draw=_draw_out,
        small=_small_out,
        mistakes={
            "rows of the weight are set to zero, and they are features of the output. nn.Linear "
            "stores (out, in): a head meets columns.": _rows,
            "that is what the head says, and the others are off.": lambda heads, weight, head: (
                _keep(heads, weight, [head])
            ),
            "heads are counted from 0: that is the one before it.": lambda heads, weight, head: (
                _without(heads, weight, (head - 1) % len(heads))
            ),
            "the other heads are made louder, as dropout does it. Here they should stay as they "
            "are.": lambda heads, weight, head: (
                _without(heads, weight, head) * len(heads) / (len(heads) - 1)
            ),
            "nothing is switched off.": lambda heads, weight, head: _keep(
                heads, weight, list(range(len(heads)))
            ),
        },
        properties={"What the head says must not matter.": _head_is_silent},
    ),
}
