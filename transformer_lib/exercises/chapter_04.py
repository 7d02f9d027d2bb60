"""The exercises of chapter 4: LayerNorm, a pre-norm step, and LayerNorm's way back.

from transformer_lib.exercises.chapter_04 import check

check(1, mine)
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from transformer_lib.exercises.marking import Exercise, Mark, mark


def check(number: int, mine) -> Mark:
    """Mark an answer.

    Args:
        number: of the exercise: 1, `level(x, weight, bias, eps)`, LayerNorm of (seq_len, d_model);
            2, `step(x, w_1, w_2)`, a pre-norm step of x (seq_len, d_model) with the feed-forward
            block of (d_model, d_ff) and (d_ff, d_model), ReLU between, a norm without weights and
            `eps` 1e-5; 3, `back(x, grad)`, the gradient with respect to x of a LayerNorm without
            weights and without `eps`, from that of its output, both (seq_len, d_model).
        mine: the function.

    Raises:
        ValueError: if there is no such exercise, or `mine` is not a function.
    """
    return mark(EXERCISES, number, mine)


def _size(least: int = 3, most: int = 7) -> int:
    return int(torch.randint(least, most, ()))


def _draw_norm() -> tuple[Tensor, Tensor, Tensor, float]:
    seq_len, d_model = _size(), _size()
    x = 3 * torch.randn(seq_len, d_model, dtype=torch.float64) + 2
    weight, bias = torch.randn(2, d_model, dtype=torch.float64)
    return x, weight, bias, 0.1


def _small_norm() -> tuple[Tensor, Tensor, Tensor, float]:
    x = torch.randint(-3, 4, (2, 3)).double() + torch.tensor([5.0, 0, 0]).double()
    return x, *torch.randint(1, 4, (2, 3)).double(), 0.1


def _draw_step() -> tuple[Tensor, Tensor, Tensor]:
    seq_len, d_model, d_ff = _size(), _size(), _size(7, 10)
    x = 3 * torch.randn(seq_len, d_model, dtype=torch.float64) + 2
    w_1 = torch.randn(d_model, d_ff, dtype=torch.float64)
    return x, w_1, torch.randn(d_ff, d_model, dtype=torch.float64)


def _small_step() -> tuple[Tensor, Tensor, Tensor]:
    x = torch.randint(-3, 4, (1, 2)).double() + torch.tensor([5.0, 0]).double()
    return x, *torch.randint(-2, 3, (2, 2, 2)).double()


def _draw_back() -> tuple[Tensor, Tensor]:
    x, *_ = _draw_norm()
    return x, torch.randn_like(x)


def _small_back() -> tuple[Tensor, Tensor]:
    x = torch.tensor([[0.0, 1, 5], [4, 0, 2]]).double()  # no token of equal features
    return x, torch.randint(-3, 4, (2, 3)).double()


# --- the functions ---------------------------------------------------------------------------


def _norm(x: Tensor) -> Tensor:
    return F.layer_norm(x, x.shape[-1:])


def _level(x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    return F.layer_norm(x, x.shape[-1:], weight, bias, eps)


def _by_hand(dim: int = -1, correction: int = 0, *, inside: bool = True, centre: bool = True):
    """LayerNorm with one of its details changed."""

    def level(x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
        if centre:
            x = x - x.mean(dim=dim, keepdim=True)
        variance = x.square().sum(dim=dim, keepdim=True) / (x.size(dim) - correction)
        size = (variance + eps).sqrt() if inside else variance.sqrt() + eps
        return weight * x / size + bias

    return level


def _feed_forward(x: Tensor, w_1: Tensor, w_2: Tensor) -> Tensor:
    return (x @ w_1).relu() @ w_2


def _step(x: Tensor, w_1: Tensor, w_2: Tensor) -> Tensor:
    return x + _feed_forward(_norm(x), w_1, w_2)


def _back(x: Tensor, grad: Tensor) -> Tensor:
    y, size = _norm_and_size(x)
    along = (grad * y).mean(dim=-1, keepdim=True)
    return (grad - grad.mean(dim=-1, keepdim=True) - y * along) / size


def _norm_and_size(x: Tensor) -> tuple[Tensor, Tensor]:
    centred = x - x.mean(dim=-1, keepdim=True)
    size = centred.square().mean(dim=-1, keepdim=True).sqrt()
    return centred / size, size


def _along(grad: Tensor, y: Tensor) -> Tensor:
    return y * (grad * y).mean(dim=-1, keepdim=True)


def _centred(grad: Tensor) -> Tensor:
    return grad - grad.mean(dim=-1, keepdim=True)


def _back_by(formula):
    """A way back from the gradient, the levelled token and its size before."""
    return lambda x, grad: formula(grad, *_norm_and_size(x))


# --- properties ------------------------------------------------------------------------------


def _token_by_token(function, given: tuple) -> bool:
    """A change of the last token changes no other."""
    x, *rest = given
    changed = x.clone()
    changed[-1] = changed[-1] * 2 + torch.arange(x.size(-1))
    return torch.allclose(function(changed, *rest)[:-1], function(x, *rest)[:-1])


def _forgets_shift(function, given: tuple) -> bool:
    x, *rest = given
    return torch.allclose(function(x + 5, *rest), function(x, *rest))


def _adds(function, given: tuple) -> bool:
    """Where the block says nothing, x is handed on as it is."""
    x, w_1, w_2 = given
    return torch.allclose(function(x, w_1, torch.zeros_like(w_2)), x)


def _reads_a_norm(function, given: tuple) -> bool:
    """What is added does not depend on a shift of x."""
    x, *rest = given
    return torch.allclose(function(x + 5, *rest) - 5, function(x, *rest), atol=1e-6)


def _sums_to_zero(function, given: tuple) -> bool:
    sums = function(*given).sum(dim=-1)
    return torch.allclose(sums, torch.zeros_like(sums), atol=1e-6)


def _across_the_token(function, given: tuple) -> bool:
    x, _ = given
    along = (function(*given) * _norm_and_size(x)[0]).sum(dim=-1)
    return torch.allclose(along, torch.zeros_like(along), atol=1e-6)


EXERCISES = {
    1: Exercise(
        right=_level,
        draw=_draw_norm,
        small=_small_norm,
        mistakes={
            "the variance is divided by d_model - 1, as torch's std does. LayerNorm divides by "
            "d_model.": _by_hand(correction=1),
            "eps stands outside the root.": _by_hand(inside=False),
            "d_model - 1, and eps outside the root: both of them.": (
                _by_hand(correction=1, inside=False)
            ),
            "each feature is levelled over the tokens. It is each token that should be levelled.": (
                _by_hand(dim=-2)
            ),
            "the mean is not taken away: that is RMSNorm.": _by_hand(centre=False),
            "weight and bias are not used.": lambda x, weight, bias, eps: _level(
                x, torch.ones_like(weight), torch.zeros_like(bias), eps
            ),
            "eps is not used.": lambda x, weight, bias, eps: _level(x, weight, bias, 0.0),
        },
        properties={
            "A token must be levelled by itself.": _token_by_token,
            "A token and the same with every feature larger by 5 must come out alike.": (
                _forgets_shift
            ),
        },
    ),
    2: Exercise(
        right=_step,
        draw=_draw_step,
        small=_small_step,
        mistakes={
            "that is post-norm: the sum is levelled.": lambda x, w_1, w_2: _norm(
                x + _feed_forward(x, w_1, w_2)
            ),
            "the stream is levelled too: what is added to should be x itself.": (
                lambda x, w_1, w_2: _norm(x) + _feed_forward(_norm(x), w_1, w_2)
            ),
            "the plus is missing.": lambda x, w_1, w_2: _feed_forward(_norm(x), w_1, w_2),
            "the norm is missing.": lambda x, w_1, w_2: x + _feed_forward(x, w_1, w_2),
            "the activation function is missing.": lambda x, w_1, w_2: x + _norm(x) @ w_1 @ w_2,
            "the activation function stands behind the second matrix.": lambda x, w_1, w_2: (
                x + (_norm(x) @ w_1 @ w_2).relu()
            ),
            "what the block says is levelled, and not what it reads.": lambda x, w_1, w_2: (
                x + _norm(_feed_forward(x, w_1, w_2))
            ),
        },
        properties={
            "Where the block says nothing, x must come out as it is.": _adds,
            "What is added must not depend on a shift of x.": _reads_a_norm,
        },
    ),
    3: Exercise(
        right=_back,
        draw=_draw_back,
        small=_small_back,
        mistakes={
            "the gradient is only divided: mean and size depend on x as well.": _back_by(
                lambda grad, y, size: grad / size
            ),
            "the size is taken for a constant: what lies along the token must go too.": _back_by(
                lambda grad, y, size: _centred(grad) / size
            ),
            "the mean is taken for a constant: the gradient's own mean must go too.": _back_by(
                lambda grad, y, size: (grad - _along(grad, y)) / size
            ),
            "it is multiplied by the size: a large token should get a small gradient.": _back_by(
                lambda grad, y, size: (_centred(grad) - _along(grad, y)) * size
            ),
            "it is not divided by the size.": _back_by(
                lambda grad, y, size: _centred(grad) - _along(grad, y)
            ),
        },
        properties={
            "A shift of the token changes nothing: its gradient must add up to 0.": _sums_to_zero,
            "Along the token nothing changes: the gradient must be at a right angle to it.": (
                _across_the_token
            ),
        },
    ),
}
