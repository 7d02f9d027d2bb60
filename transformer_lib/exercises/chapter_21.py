"""The exercises of chapter 21: what a shift leaves over, the shift itself, and the four terms.

from transformer_lib.exercises.chapter_21 import check

check(1, mine)
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from transformer_lib.exercises.marking import Exercise, Mark, mark
from transformer_lib.layers.masks import causal_mask


def check(number: int, mine) -> Mark:
    """Mark an answer.

    Args:
        number: of the exercise: 1, `garbage(q_len, k_len)`, how many shifted scores belong to no
            pair; 2, `shift(scores)`, from scores by distance (q_len, k_len + 1), far to near, to
            scores by key, with zeros ahead of the query; 3, `four_terms(q, k, r, u, v)`, scores of
            one head, with `r[t]` for distance t and zeros ahead of the query.
        mine: the function.

    Raises:
        ValueError: if there is no such exercise, or `mine` is not a function.
    """
    return mark(EXERCISES, number, mine)


def _size(least: int = 2, most: int = 6) -> int:
    return int(torch.randint(least, most, ()))


def _draw_lengths() -> tuple[Tensor, Tensor]:
    q_len = torch.randint(1, 9, (6,))
    return q_len, q_len + torch.randint(0, 9, (6,))


def _draw_scores() -> tuple[Tensor]:
    q_len = _size()
    return (torch.randn(q_len, q_len + _size(1, 4) + 1, dtype=torch.float64),)


def _draw_head(whole: bool = False) -> tuple[Tensor, ...]:
    q_len, width = (2, 2) if whole else (_size(), _size(3))
    k_len = q_len + (1 if whole else _size(1, 4))
    shapes = (q_len, width), (k_len, width), (k_len, width), (width,), (width,)
    drawn = tuple(torch.randn(shape, dtype=torch.float64) for shape in shapes)
    return tuple(x.round() for x in drawn) if whole else drawn


def _visible(scores: Tensor) -> Tensor:
    return scores.masked_fill(~causal_mask(*scores.shape), 0.0)


def _garbage(q_len: Tensor, k_len: Tensor) -> Tensor:
    return q_len * (q_len - 1) // 2


def _distances(q_len: int, k_len: int) -> Tensor:
    """How far each key lies behind each query; negative ahead of it."""
    return torch.arange(k_len - q_len, k_len)[:, None] - torch.arange(k_len)


def _by_key(scores: Tensor, distances: Tensor) -> Tensor:
    """Scores by distance, far to near, at the distance of each key."""
    columns = scores.size(1) - 1 - distances
    return scores.gather(1, columns.clamp(0, scores.size(1) - 1))


def _shift(scores: Tensor) -> Tensor:
    q_len, k_len = scores.size(0), scores.size(1) - 1
    return _visible(_by_key(scores, _distances(q_len, k_len)))


def _the_wrong_way(scores: Tensor) -> Tensor:
    distances = _distances(scores.size(0), scores.size(1) - 1).flip(0)
    return _visible(_by_key(scores, distances.clamp(min=0)))


def _cut_anew(scores: Tensor, skipped: int) -> Tensor:
    q_len, k_len = scores.size(0), scores.size(1) - 1
    line = F.pad(scores.flatten(), (0, q_len))
    return line[skipped : skipped + q_len * k_len].view(q_len, k_len)


def _scores(q: Tensor, k: Tensor, r: Tensor, u: Tensor, v: Tensor, *, distances=None, scale=None):
    if distances is None:
        distances = _distances(len(q), len(k))
    content = (q + u) @ k.T
    position = ((q + v) @ r.T).gather(1, distances.clamp(0, len(r) - 1))
    return _visible((content + position) / math.sqrt(q.size(1) if scale is None else scale))


# --- properties ------------------------------------------------------------------------------


def _is_count_of_the_mask(function, given: tuple) -> bool:
    q_len, k_len = given
    hidden = [int((~causal_mask(int(q), int(k))).sum()) for q, k in zip(q_len, k_len, strict=True)]
    return function(q_len, k_len).tolist() == hidden


def _last_row_is_whole(function, given: tuple) -> bool:
    (scores,) = given
    return torch.equal(function(scores)[-1], scores[-1, 1:])


def _zero_stands_under_itself(function, given: tuple) -> bool:
    (scores,) = given
    q_len, k_len = scores.size(0), scores.size(1) - 1
    own = torch.arange(q_len), torch.arange(k_len - q_len, k_len)
    return torch.equal(function(scores)[own], scores[:, -1])


def _nothing_ahead(function, given: tuple) -> bool:
    scores = function(*given)
    return not scores[~causal_mask(*scores.shape)].any()


def _content_alone(function, given: tuple) -> bool:
    q, k, r, u, v = given
    got = function(q, k, 0 * r, u, v)
    return torch.allclose(got, _visible((q + u) @ k.T / math.sqrt(q.size(1))), atol=1e-4)


def _distance_alone(function, given: tuple) -> bool:
    q, k, r, u, v = given
    got = function(0 * q, 0 * k, r, u, v)
    return torch.allclose(got, _scores(0 * q, 0 * k, r, u, v), atol=1e-4)


EXERCISES = {
    1: Exercise(
        right=_garbage,
        draw=_draw_lengths,
        small=lambda: (torch.tensor([3]), torch.tensor([_size(3, 7)])),
        mistakes={
            "half of all cells, as if the diagonal cut the whole table.": (
                lambda q_len, k_len: q_len * k_len // 2
            ),
            "the diagonal itself is counted: a query may look at its own key.": (
                lambda q_len, k_len: q_len * (q_len + 1) // 2
            ),
            "the triangle is made of keys: but garbage stands only ahead of a query, and queries "
            "make it.": lambda q_len, k_len: k_len * (k_len - 1) // 2,
            "the memory is counted, and every query may look at all of it.": (
                lambda q_len, k_len: k_len - q_len
            ),
            "the whole square of the segment is counted; only its upper triangle lies ahead.": (
                lambda q_len, k_len: q_len * q_len
            ),
            "these are the cells that hold a score; the others are asked for.": (
                lambda q_len, k_len: q_len * k_len - _garbage(q_len, k_len)
            ),
        },
        properties={
            "It must be as many as a causal mask hides.": _is_count_of_the_mask,
        },
    ),
    2: Exercise(
        right=_shift,
        draw=_draw_scores,
        small=lambda: (torch.arange(8.0).double().view(2, 4),),
        mistakes={
            "right but for the garbage: ahead of a query stands the next row's beginning.": (
                lambda scores: _cut_anew(scores, len(scores))
            ),
            "nothing has moved: every query has the distances of the last one.": (
                lambda scores: _visible(scores[:, 1:])
            ),
            "rows move the wrong way: each must stand one step further right than the one above.": (
                _the_wrong_way
            ),
            "one step too far: every distance is too large by one.": (
                lambda scores: _visible(_cut_anew(scores, len(scores) - 1))
            ),
            "one step too short: every distance is too small by one.": (
                lambda scores: _visible(_cut_anew(scores, len(scores) + 1))
            ),
            "none is skipped: the first row begins with distance k_len.": (
                lambda scores: _visible(_cut_anew(scores, 0))
            ),
        },
        properties={
            "Ahead of a query there must be zeros.": _nothing_ahead,
            "The last query's row only loses its farthest score.": _last_row_is_whole,
            "Distance 0 must stand under the query's own key.": _zero_stands_under_itself,
        },
    ),
    3: Exercise(
        right=_scores,
        draw=_draw_head,
        small=lambda: _draw_head(whole=True),
        mistakes={
            "u and v are exchanged: u meets what a key holds, v how far away it is.": (
                lambda q, k, r, u, v: _scores(q, k, r, v, u)
            ),
            "u and v are left out: these are (a) and (b) alone, as in Shaw et al.": (
                lambda q, k, r, u, v: _scores(q, k, r, 0 * u, 0 * v)
            ),
            "u · k is left out.": lambda q, k, r, u, v: _scores(q, k, r, 0 * u, v),
            "v · r is left out.": lambda q, k, r, u, v: _scores(q, k, r, u, 0 * v),
            "u is taken for v too: u meets what a key holds, v how far away it is.": (
                lambda q, k, r, u, v: _scores(q, k, r, u, u)
            ),
            "the scores are not divided by √width.": lambda q, k, r, u, v: _scores(
                q, k, r, u, v, scale=1.0
            ),
            "the memory is forgotten: query i stands at place k_len - q_len + i, and its distance "
            "from key j is counted from there.": lambda q, k, r, u, v: _scores(
                q, k, r, u, v, distances=_distances(len(q), len(k)) - (len(k) - len(q))
            ),
            "r is taken by the place of the key, and should be by its distance.": (
                lambda q, k, r, u, v: _scores(
                    q, k, r, u, v, distances=torch.arange(len(k)).expand(len(q), -1)
                )
            ),
            "r is read from far to near; here r[0] is distance 0.": lambda q, k, r, u, v: _scores(
                q, k, r.flip(0), u, v
            ),
        },
        properties={
            "Ahead of a query there must be zeros.": _nothing_ahead,
            "With r = 0 only the content counts: (q + u) · k, over √width.": _content_alone,
            "With q = k = 0 only the distance counts: v · r, the same along each diagonal.": (
                _distance_alone
            ),
        },
    ),
}
