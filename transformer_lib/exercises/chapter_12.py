"""The exercises of chapter 12: an interval, attention through all layers, integrated gradients.

from transformer_lib.exercises.chapter_12 import check

check(1, mine)
"""

import torch
from torch import Tensor

from transformer_lib.exercises.marking import Exercise, Mark, draw_size, mark


def check(number: int, mine) -> Mark:
    """Mark an answer.

    Args:
        number: of the exercise: 1, `interval(k, n, z)`, the two ends of Wilson's interval for k
            right answers of n, in a last axis of 2; 2, `rollout(maps)`, from weights (layers,
            heads, seq_len, seq_len), the first layer first, to (seq_len, seq_len); 3,
            `integrated(slopes, x, x0)`, from gradients at points of the way (steps, seq_len,
            d_model) to a score for each word, (seq_len,).
        mine: the function.

    Raises:
        ValueError: if there is no such exercise, or `mine` is not a function.
    """
    return mark(EXERCISES, number, mine)


# --- what is drawn ---------------------------------------------------------------------------


def _draw_counts() -> tuple[Tensor, Tensor, Tensor]:
    n = torch.randint(5, 300, (draw_size(),)).double()
    k = (torch.rand(len(n), dtype=torch.float64) * n).round()
    k[0] = n[0]  # all right
    return k, n, 1 + 2 * torch.rand((), dtype=torch.float64)


def _small_counts() -> tuple[Tensor, Tensor, Tensor]:
    return torch.tensor([4.0]).double(), torch.tensor([4.0]).double(), torch.tensor(2.0).double()


def _draw_maps() -> tuple[Tensor]:
    shape = draw_size(), draw_size(), draw_size(), draw_size(3)
    return (torch.randn(*shape[:3], shape[2], dtype=torch.float64).softmax(dim=-1),)


def _small_maps() -> tuple[Tensor]:
    first = [[[1.0, 0.0], [1.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]]]
    second = [[[0.0, 1.0], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]]
    return (torch.tensor([first, second], dtype=torch.float64),)


def _draw_slopes() -> tuple[Tensor, Tensor, Tensor]:
    steps, seq_len, d_model = draw_size(), draw_size(), draw_size()
    x, x0 = torch.randn(2, seq_len, d_model, dtype=torch.float64).unbind()
    return torch.randn(steps, seq_len, d_model, dtype=torch.float64), x, x0


def _small_slopes() -> tuple[Tensor, Tensor, Tensor]:
    slopes = torch.tensor([[[1.0, 0.0]], [[3.0, 2.0]]], dtype=torch.float64)
    return slopes, torch.tensor([[3.0, 2.0]]).double(), torch.tensor([[1.0, 1.0]]).double()


# --- right and wrong answers -------------------------------------------------------------------


def _interval(k: Tensor, n: Tensor, z: Tensor) -> Tensor:
    half = z * (k * (n - k) / n + z**2 / 4).sqrt()
    middle = k + z**2 / 2
    return torch.stack([middle - half, middle + half], dim=-1) / (n + z**2)[..., None]


def _wald(k: Tensor, n: Tensor, z: Tensor) -> Tensor:
    share = k / n
    half = z * (share * (1 - share) / n).sqrt()
    return torch.stack([share - half, share + half], dim=-1)


def _rollout(maps: Tensor, own: float = 1.0, half: float = 2.0) -> Tensor:
    eye = torch.eye(maps.size(-1), dtype=maps.dtype)
    result = eye
    for weights in maps.mean(dim=1):
        result = (weights + own * eye) / half @ result
    return result


def _integrated(slopes: Tensor, x: Tensor, x0: Tensor) -> Tensor:
    return (slopes.mean(dim=0) * (x - x0)).sum(dim=-1)


def _ends_stay_inside(function, given: tuple) -> bool:
    """Shares are between 0 and 1."""
    ends = function(*given)
    return bool(((ends > -1e-9) & (ends < 1 + 1e-9)).all())


def _rows_add_up_to_one(function, given: tuple) -> bool:
    """Each row shares out one whole."""
    rows = function(*given).sum(dim=-1)
    return torch.allclose(rows, torch.ones_like(rows))


def _no_way_no_score(function, given: tuple) -> bool:
    """Where the word is the baseline, its score is 0."""
    slopes, x, _ = given
    return not function(slopes, x, x).abs().any()


EXERCISES = {
    1: Exercise(
        _interval,
        _draw_counts,
        _small_counts,
        {
            "the interval k/n ± z √(p (1 - p) / n), a point where all are right.": _wald,
            "the middle is pulled to one half, but the root lacks z²/4.": lambda k, n, z: (
                torch.stack(
                    [
                        k + z**2 / 2 - z * (k * (n - k) / n).sqrt(),
                        k + z**2 / 2 + z * (k * (n - k) / n).sqrt(),
                    ],
                    dim=-1,
                )
                / (n + z**2)[..., None]
            ),
            "it is divided by n, not by n + z².": lambda k, n, z: (
                _interval(k, n, z) * ((n + z**2) / n)[..., None]
            ),
            "the upper end comes first.": lambda k, n, z: _interval(k, n, z).flip(-1),
        },
        {"Both ends must be between 0 and 1.": _ends_stay_inside},
    ),
    2: Exercise(
        _rollout,
        _draw_maps,
        _small_maps,
        {
            "the last layer is multiplied first.": lambda m: _rollout(m.flip(0)),
            "the residual connection is left out.": lambda m: _rollout(m, own=0.0, half=1.0),
            "the last layer alone.": lambda m: _rollout(m[-1:]),
            "the sum of map and identity is not halved.": lambda m: _rollout(m, half=1.0),
            "one head alone, the first.": lambda m: _rollout(m[:, :1]),
            "rows and columns are exchanged.": lambda m: _rollout(m).mT,
        },
        {"Every row must add up to 1.": _rows_add_up_to_one},
    ),
    3: Exercise(
        _integrated,
        _draw_slopes,
        _small_slopes,
        {
            "times the word's vector, not its way from the baseline.": lambda s, x, b: (
                s.mean(dim=0) * x
            ).sum(dim=-1),
            "the sum of the gradients, not their mean.": lambda s, x, b: (
                s.sum(dim=0) * (x - b)
            ).sum(dim=-1),
            "the last gradient alone, at the word itself.": lambda s, x, b: (s[-1] * (x - b)).sum(
                dim=-1
            ),
            "the way back: baseline minus word.": lambda s, x, b: -_integrated(s, x, b),
            "the mean over features, not the sum.": lambda s, x, b: (s.mean(dim=0) * (x - b)).mean(
                dim=-1
            ),
        },
        {"A word that is the baseline must get 0.": _no_way_no_score},
    ),
}
