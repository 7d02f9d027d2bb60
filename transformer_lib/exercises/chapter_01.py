"""The exercises of chapter 1: softmax, a look-up of look-ups, attention, and attention with a mask.

from transformer_lib.exercises.chapter_01 import check

check(4, mine)
"""

import math
from itertools import product

import torch
from torch import Tensor

from transformer_lib.exercises.marking import Exercise, Mark, draw_size, mark
from transformer_lib.layers.attention import attention


def check(number: int, mine) -> Mark:
    """Mark an answer.

    Args:
        number: of the exercise: 1, `softmax(scores)`, by row and without torch's; 2,
            `values(k, v)`, with which one look-up does what two did; 3, `attention(q, k, v)`;
            4, `attention(q, k, v, mask)`, where a query that may look at nothing gets zeros.
        mine: the function.

    Raises:
        ValueError: if there is no such exercise, or `mine` is not a function.
    """
    return mark(EXERCISES, number, mine)


# --- what is drawn ---------------------------------------------------------------------------


def _random(*shape: int) -> Tensor:
    """Numbers large enough that softmax has a winner, so that mistakes show."""
    return 1.5 * torch.randn(*shape, dtype=torch.float64)


def _whole(*shape: int) -> Tensor:
    return torch.randint(-2, 3, shape).double()


def _draw_scores() -> tuple[Tensor]:
    big = 800.0 if torch.rand(()) < 0.25 else 0.0  # exp(800) is infinite in float64
    return (_random(draw_size(2, 7), draw_size(8, 12)) + big,)


def _draw_lookup() -> tuple[Tensor, Tensor, Tensor]:
    q_len, k_len, head_dim = draw_size(2, 7), draw_size(8, 12), draw_size(3, 7)
    return _random(q_len, head_dim), _random(k_len, head_dim), _random(k_len, head_dim + 1)


def _draw_masked() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    q, k, v = _draw_lookup()
    mask = torch.rand(len(q), len(k)) < 0.6
    mask[:-1, 0] = True
    if torch.rand(()) < 0.5:
        mask[0] = True  # all is seen: turned round, nothing
    if torch.rand(()) < 0.5:
        mask[-1] = False
    return q, k, v, mask


def _small_lookup() -> tuple[Tensor, Tensor, Tensor]:
    return _whole(2, 2), _whole(3, 2), _whole(3, 2)


def _small_masked() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return *_small_lookup(), torch.tensor([[True, True, False], [False, False, False]])


# --- wrong answers ---------------------------------------------------------------------------

SCALES = {
    "": lambda q, k: math.sqrt(q.size(-1)),
    "the scores are not divided by √head_dim.": lambda q, k: 1.0,
    "the scores are divided by head_dim itself, not by its root.": lambda q, k: q.size(-1),
    "the scores are divided by the root of the number of keys, not of head_dim.": lambda q, k: (
        math.sqrt(len(k))
    ),
    "the scores are multiplied by √head_dim, not divided.": lambda q, k: 1 / math.sqrt(q.size(-1)),
}
AXES = {"": -1, "softmax runs over the queries (dim=-2), and should run over the keys.": -2}


def _before(seen: Tensor, hidden: float):
    """A mask that acts on the scores: what it hides gets one number."""
    return lambda scores, axis: scores.masked_fill(~seen, hidden).softmax(axis)


# Each makes weights from scores, the mask, and the axis of softmax.
MASKS = {
    "": lambda s, m, axis: _before(m, -1e300)(s, axis).masked_fill(~m, 0.0),
    "the mask is turned round: True hides, and should let through.": lambda s, m, axis: _before(
        ~m, -1e300
    )(s, axis).masked_fill(m, 0.0),
    "the scores are multiplied by the mask. A score of zero is no score of nothing: exp(0) is 1.": (
        lambda s, m, axis: (s * m).softmax(axis)
    ),
    "the mask acts after softmax, so that the weights of a row no longer add up to one.": (
        lambda s, m, axis: s.softmax(axis) * m
    ),
    "a query that may look at nothing gets NaN: softmax over nothing but -inf.": (
        lambda s, m, axis: _before(m, -math.inf)(s, axis)
    ),
    "a query that may look at nothing gets the mean of all values, and should get zeros.": (
        lambda s, m, axis: _before(m, -1e300)(s, axis)
    ),
    "-1e9 is added to all scores of a query that may look at nothing, so that it looks at all.": (
        lambda s, m, axis: (s - 1e9 * ~m).softmax(axis)
    ),
    "the mask is turned round (True hides), and a query that may look at nothing gets NaN.": (
        lambda s, m, axis: _before(~m, -math.inf)(s, axis)
    ),
    "the mask is not used.": lambda s, m, axis: s.softmax(axis),
}


def _wrong(masked: bool) -> dict:
    """Every mistake, and every pair of two."""
    found = {}
    for (a, scale), (b, axis), (c, weigh) in product(SCALES.items(), AXES.items(), MASKS.items()):
        said = [words for words in (a, b, c) if words]
        if not 1 <= len(said) <= 2 or (c and not masked):
            continue

        def wrong(q, k, v, mask=None, scale=scale, axis=axis, weigh=weigh):
            mask = torch.ones(len(q), len(k), dtype=torch.bool) if mask is None else mask
            return weigh(q @ k.T / scale(q, k), mask, axis) @ v

        found[" And: ".join(said)] = wrong
    return dict(sorted(found.items(), key=lambda item: item[0].count(" And: ")))


def _softmax(scores: Tensor) -> Tensor:
    return scores.softmax(dim=-1)


# --- properties ------------------------------------------------------------------------------


def _constant_values(function, given: tuple) -> bool:
    """If all values are the same, that is the answer."""
    q, k, v, *mask = given
    out = function(q, k, torch.ones_like(v), *mask)
    return torch.allclose(out, attention(q, k, torch.ones_like(v), *mask), atol=1e-6)


def _order_of_keys(function, given: tuple) -> bool:
    q, k, v, *mask = given
    turned = function(q, k.flip(0), v.flip(0), *(m.flip(1) for m in mask))
    return torch.allclose(turned, function(*given), atol=1e-6)


def _queries_alone(function, given: tuple) -> bool:
    q, k, v, *mask = given
    return torch.allclose(
        function(q[:1], k, v, *(m[:1] for m in mask)), function(*given)[:1], atol=1e-6
    )


def _hidden_is_hidden(function, given: tuple) -> bool:
    q, k, v, mask = given
    unseen = ~mask.any(0)
    out = function(q, k, v + 9.0 * unseen[:, None], mask)
    return torch.allclose(out, function(*given), atol=1e-6)


_LOOKUP = {
    "The weights of a query must add up to one: if all values are ones, the output is ones.": (
        _constant_values
    ),
    "A query's answer must not depend on the other queries.": _queries_alone,
    "The order of the keys, with their values, must not matter.": _order_of_keys,
}


def _rows_of_one(function, given: tuple) -> bool:
    return torch.allclose(function(*given).sum(-1), torch.ones(len(given[0])).double(), atol=1e-6)


def _in_order(function, given: tuple) -> bool:
    (scores,) = given
    rising = function(scores).gather(-1, scores.argsort(-1))
    return bool((rising.diff(dim=-1) >= -1e-6).all())


def _only_differences(function, given: tuple) -> bool:
    return torch.allclose(function(given[0] + 1), function(*given), atol=1e-6)


def _averages(function, given: tuple) -> bool:
    k, v = given
    return torch.allclose(function(k, torch.ones_like(v)), torch.ones_like(v), atol=1e-6)


EXERCISES = {
    1: Exercise(
        right=_softmax,
        draw=_draw_scores,
        small=lambda: (_whole(2, 3),),
        mistakes={
            "it runs over the columns, and should run over each row.": lambda s: s.softmax(-2),
            "it runs over all scores at once, and should run over each row.": lambda s: (
                s.flatten().softmax(0).view_as(s)
            ),
            "right for small scores, but exp of a large one is infinite. Subtract the largest of "
            "the row first: only differences matter.": lambda s: (
                s.exp() / s.exp().sum(-1, keepdim=True)
            ),
            "the exponentials are not divided by their sum.": lambda s: s.exp(),
            "the scores are divided by their sum without exp.": lambda s: (
                s / s.sum(-1, keepdim=True)
            ),
        },
        properties={
            "Each row must add up to one.": _rows_of_one,
            "A larger score must get a larger weight.": _in_order,
            "Only differences matter: to add 1 to all scores must change nothing.": (
                _only_differences
            ),
        },
    ),
    2: Exercise(
        right=lambda k, v: attention(v, k, v),
        draw=lambda: (_random(n := draw_size(8, 12), 5), _random(n, 5)),
        small=lambda: (_whole(3, 2), _whole(3, 2)),
        mistakes={
            "these are the values as they were: the fathers, not the grandfathers.": (
                lambda k, v: v
            ),
            "the keys ask, and should not: every child finds its own father again.": (
                lambda k, v: attention(k, k, v)
            ),
            "the fathers ask, but among the fathers: the keys of the look-up are the values.": (
                lambda k, v: attention(v, v, v)
            ),
            "the values of the look-up are the keys: it gives back who was asked for.": (
                lambda k, v: attention(v, k, k)
            ),
            "that is one generation too many.": lambda k, v: attention(attention(v, k, v), k, v),
        },
        properties={
            "The new values must be averages of the old: if those are ones, so are these.": (
                _averages
            )
        },
    ),
    3: Exercise(
        right=attention,
        draw=_draw_lookup,
        small=_small_lookup,
        mistakes=_wrong(masked=False),
        properties=_LOOKUP,
    ),
    4: Exercise(
        right=attention,
        draw=_draw_masked,
        small=_small_masked,
        mistakes=_wrong(masked=True),
        properties={
            "What no query may look at must not matter.": _hidden_is_hidden,
            **_LOOKUP,
        },
    ),
}
