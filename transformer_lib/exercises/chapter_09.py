"""The exercises of chapter 9: a gradient through time, a forget bias, and the first attention.

from transformer_lib.exercises.chapter_09 import check

check(1, mine)
"""

import torch
from torch import Tensor

from transformer_lib.exercises.marking import Exercise, Mark, draw_size, mark


def check(number: int, mine) -> Mark:
    """Mark an answer.

    Args:
        number: of the exercise: 1, `gradient(w, states)`, how the last state of a recurrence
            depends on the one before the first; 2, `bias(share, steps)`, the forget bias that
            leaves this share of a gradient after so many steps along the cell; 3,
            `look(s, context, mask, W, U, v)`, additive attention over what is no padding.
        mine: the function.

    Raises:
        ValueError: if there is no such exercise, or `mine` is not a function.
    """
    return mark(EXERCISES, number, mine)


def _draw_states() -> tuple[Tensor, Tensor]:
    return torch.rand((), dtype=torch.float64) + 0.5, torch.randn(draw_size(3, 7)).double().tanh()


def _small_states() -> tuple[Tensor, Tensor]:
    return torch.tensor(2.0).double(), torch.tensor([0.5, 0.0, -0.5][: draw_size(1, 4)]).double()


def _draw_shares() -> tuple[Tensor, Tensor]:
    return torch.rand(6).double() * 0.9 + 0.05, torch.randint(2, 500, (6,)).double()


def _draw_look() -> tuple[Tensor, ...]:
    width, k_len = draw_size(), draw_size(3, 7)
    mask = torch.arange(k_len) < draw_size(1, k_len)
    s, v = torch.randn(2, width).double()
    return s, torch.randn(k_len, width).double(), mask, *torch.randn(2, width, width).double(), v


def _small_look() -> tuple[Tensor, ...]:
    eye = torch.eye(2).double()
    context = torch.randint(-1, 2, (3, 2)).double()
    return eye[0], context, torch.tensor([True, True, False]), eye, eye, torch.ones(2).double()


def _gradient(w: Tensor, states: Tensor) -> Tensor:
    return (w * (1 - states**2)).prod()


def _bias(share: Tensor, steps: Tensor) -> Tensor:
    return (share ** (1 / steps)).logit()


def _scores(s: Tensor, context: Tensor, W: Tensor, U: Tensor, v: Tensor) -> Tensor:
    return torch.tanh(W @ s + context @ U.T) @ v


def _weights(scores: Tensor, mask: Tensor) -> Tensor:
    return scores.masked_fill(~mask, -torch.inf).softmax(dim=0)


def _look(s: Tensor, context: Tensor, mask: Tensor, W: Tensor, U: Tensor, v: Tensor) -> Tensor:
    return _weights(_scores(s, context, W, U, v), mask) @ context


# --- properties ------------------------------------------------------------------------------


def _one_step(function, given: tuple) -> bool:
    w, states = given
    return torch.allclose(function(w, states[:1]), w * (1 - states[0] ** 2))


def _of_its_parts(function, given: tuple) -> bool:
    w, states = given
    parts = function(w, states[:1]) * function(w, states[1:])
    return len(states) < 2 or torch.allclose(function(w, states), parts)


def _leaves_the_share(function, given: tuple) -> bool:
    share, steps = given
    return torch.allclose(function(share, steps).sigmoid() ** steps, share)


def _padding_is_not_seen(function, given: tuple) -> bool:
    s, context, mask, *weights = given
    other = torch.where(mask[:, None], context, context + 1)
    return torch.allclose(function(s, context, mask, *weights), function(s, other, mask, *weights))


def _a_mean_of_the_context(function, given: tuple) -> bool:
    s, context, mask, *weights = given
    alike = context[:1].expand_as(context)
    return torch.allclose(function(s, alike, mask, *weights), context[0])


EXERCISES = {
    1: Exercise(
        right=_gradient,
        draw=_draw_states,
        small=_small_states,
        mistakes={
            "the weight is missing: each step multiplies by w too.": lambda w, states: (
                1 - states**2
            ).prod(),
            "the weight counts once, and should count at every step.": lambda w, states: (
                w * (1 - states**2).prod()
            ),
            "the factors are added. The chain rule multiplies them.": lambda w, states: (
                w * (1 - states**2)
            ).sum(),
            "the derivative of tanh is 1 − tanh², and this is 1 − tanh.": lambda w, states: (
                w * (1 - states)
            ).prod(),
            "tanh is taken once more. The states are tanh of something already.": (
                lambda w, states: (w * (1 - states.tanh() ** 2)).prod()
            ),
            "that is the last step alone.": lambda w, states: w * (1 - states[-1] ** 2),
            "the first step is missing: from the state before the first there is one more.": (
                lambda w, states: (w * (1 - states[1:] ** 2)).prod()
            ),
        },
        properties={
            "After one step it must be w (1 − h²).": _one_step,
            "It must be the product of what its parts give.": _of_its_parts,
        },
    ),
    2: Exercise(
        right=_bias,
        draw=_draw_shares,
        small=lambda: (torch.tensor([0.5, 0.25]).double(), torch.tensor([1, 2]).double()),
        mistakes={
            "that is the gate f. The bias is what a sigmoid makes f of.": lambda share, steps: (
                share ** (1 / steps)
            ),
            "that leaves the share after a single step.": lambda share, steps: share.logit(),
            "the share is divided by the steps. Each step multiplies: take a root.": (
                lambda share, steps: (share / steps).logit()
            ),
            "a logarithm, where the inverse of a sigmoid is needed, log(f / (1 − f)).": (
                lambda share, steps: (share ** (1 / steps)).log()
            ),
            "it has the wrong sign: this cell forgets what it should keep.": lambda share, steps: (
                -_bias(share, steps)
            ),
            "half of it: right for each of torch's two bias vectors, if both are set to it.": (
                lambda share, steps: _bias(share, steps) / 2
            ),
            "the share that is left is taken for the one that is lost.": lambda share, steps: _bias(
                1 - share, steps
            ),
        },
        properties={
            "σ(bias), to the power of steps, must be the share.": _leaves_the_share,
        },
    ),
    3: Exercise(
        right=_look,
        draw=_draw_look,
        small=_small_look,
        mistakes={
            "padding is looked at: the mask is not used.": (
                lambda s, context, mask, *rest: _look(s, context, mask | True, *rest)
            ),
            "the mask comes after the softmax, and the weights no longer sum to one.": (
                lambda s, context, mask, *rest: (
                    (_scores(s, context, *rest).softmax(dim=0) * mask) @ context
                )
            ),
            "masked scores are 0, which is a score like any other. They must be −∞.": (
                lambda s, context, mask, *rest: (
                    (_scores(s, context, *rest) * mask).softmax(dim=0) @ context
                )
            ),
            "it is turned round: only the padding is looked at.": (
                lambda s, context, mask, *rest: _look(s, context, ~mask, *rest)
            ),
            "it averages the projected keys, and should average the context.": (
                lambda s, context, mask, W, U, v: (
                    _weights(_scores(s, context, W, U, v), mask) @ context @ U.T
                )
            ),
            "tanh is missing. Without it every query gives the same weights.": (
                lambda s, context, mask, W, U, v: (
                    _weights((W @ s + context @ U.T) @ v, mask) @ context
                )
            ),
            "query and key are multiplied, as in chapter 1. Here they are added.": (
                lambda s, context, mask, W, U, v: (
                    _weights((W @ s * (context @ U.T)).tanh() @ v, mask) @ context
                )
            ),
            "W and U have changed places: W belongs to the query.": (
                lambda s, context, mask, W, U, v: _look(s, context, mask, U, W, v)
            ),
        },
        properties={
            "What stands at masked places must not matter.": _padding_is_not_seen,
            "If all vectors are alike, that vector must come out.": _a_mean_of_the_context,
        },
    ),
}
