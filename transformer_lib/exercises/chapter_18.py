"""The exercises of chapter 18: returns to go, what a model is told, and three tokens a step.

from transformer_lib.exercises.chapter_18 import check

check(1, mine)
"""

import torch
from torch import Tensor

from transformer_lib.data.episodes import returns_to_go
from transformer_lib.exercises.marking import Exercise, Mark, draw_size, mark


def check(number: int, mine) -> Mark:
    """Mark an answer.

    Args:
        number: of the exercise: 1, `to_go(rewards)`, what is still to be gained at each step; 2,
            `told(wish, rewards)`, the returns that a model is told during a game; 3,
            `in_order(R, s, a)`, the three tokens of each step in the order in which they happen.
        mine: the function.

    Raises:
        ValueError: if there is no such exercise, or `mine` is not a function.
    """
    return mark(EXERCISES, number, mine)


def _random(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64)


def _whole(*shape: int) -> Tensor:
    return torch.randint(1, 5, shape).double()


def _draw_tokens() -> tuple[Tensor, Tensor, Tensor]:
    steps, width = draw_size(4, 8), draw_size(4, 8)
    return _random(steps, width), _random(steps, width), _random(steps, width)


def _discounted(rewards: Tensor) -> Tensor:
    out = torch.zeros_like(rewards)
    for t in range(rewards.size(1)):
        out[:, t] = (rewards[:, t:] * 0.99 ** torch.arange(rewards.size(1) - t)).sum(1)
    return out


def _told(wish: Tensor, rewards: Tensor) -> Tensor:
    return wish - (rewards.cumsum(1) - rewards)


def _interleave(*tokens: Tensor) -> Tensor:
    return torch.stack(tokens, dim=1).flatten(0, 1)


# --- properties ------------------------------------------------------------------------------


def _last_is_its_reward(function, given: tuple) -> bool:
    return torch.allclose(function(*given)[:, -1], given[0][:, -1], atol=1e-6)


def _falls_by_the_reward(function, given: tuple) -> bool:
    out = function(*given)
    return torch.allclose(out[:, :-1] - out[:, 1:], given[-1][:, :-1], atol=1e-6)


def _begins_with_the_wish(function, given: tuple) -> bool:
    return torch.allclose(function(*given)[:, :1], given[0], atol=1e-6)


def _keeps_all(function, given: tuple) -> bool:
    every = torch.cat(given).flatten().sort().values
    return torch.allclose(function(*given).flatten().sort().values, every, atol=1e-6)


EXERCISES = {
    1: Exercise(
        right=returns_to_go,
        draw=lambda: (_random(draw_size(4, 8), draw_size(4, 8)),),
        small=lambda: (_whole(2, 3),),
        mistakes={
            "it adds up from the start: what was gained, and not what is still to come.": (
                lambda rewards: rewards.cumsum(1)
            ),
            "the step's own reward is left out, and is still to come when the action is chosen.": (
                lambda rewards: returns_to_go(rewards) - rewards
            ),
            "every step gets the return of the whole game.": lambda rewards: (
                rewards.sum(1, keepdim=True).expand_as(rewards).clone()
            ),
            "it is discounted by 0.99 a step. As a prompt it is the plain sum.": _discounted,
            "it adds up over the games, and should over the steps of each.": lambda rewards: (
                rewards.flip(0).cumsum(0).flip(0)
            ),
            "it is in reverse: the last step stands first.": lambda rewards: rewards.flip(1).cumsum(
                1
            ),
        },
        properties={
            "At the last step only its own reward is still to come.": _last_is_its_reward,
            "From step to step it goes down by the reward in between.": _falls_by_the_reward,
        },
    ),
    2: Exercise(
        right=_told,
        draw=lambda: (_random(n := draw_size(4, 8), 1), _random(n, draw_size(4, 8))),
        small=lambda: (_whole(2, 1) + 5, _whole(2, 3)),
        mistakes={
            "the wish is not lowered: the model is told the same at every step.": (
                lambda wish, rewards: wish.expand_as(rewards).clone()
            ),
            "it is lowered a step too early: the first step is told less than was wished for.": (
                lambda wish, rewards: wish - rewards.cumsum(1)
            ),
            "the rewards are added: the wish grows with what was gained.": lambda wish, rewards: (
                wish + rewards.cumsum(1) - rewards
            ),
            "only the last reward is taken off, and not all so far.": lambda wish, rewards: (
                wish - torch.cat([torch.zeros_like(wish), rewards[:, :-1]], dim=1)
            ),
            "these are the returns to go of what was gained; the model is told a wish.": (
                lambda wish, rewards: returns_to_go(rewards)
            ),
        },
        properties={
            "At the first step the model is told the wish itself.": _begins_with_the_wish,
            "From step to step it goes down by the reward in between.": _falls_by_the_reward,
        },
    ),
    3: Exercise(
        right=_interleave,
        draw=_draw_tokens,
        small=lambda: (_whole(2, 2), _whole(2, 2) + 10, _whole(2, 2) + 20),
        mistakes={
            "all returns stand first, then all states, then all actions: that is cat.": (
                lambda R, s, a: torch.cat([R, s, a])
            ),
            "the action stands before the state, and should follow it.": (
                lambda R, s, a: _interleave(R, a, s)
            ),
            "the return stands last, and should come first.": lambda R, s, a: _interleave(s, a, R),
            "the features are mixed: the three were put side by side as features and cut anew.": (
                lambda R, s, a: torch.stack([R, s, a], dim=2).flatten(1).reshape(-1, R.size(1))
            ),
            "the steps run backwards.": lambda *tokens: _interleave(*(t.flip(0) for t in tokens)),
        },
        properties={"Each number must stand there once.": _keeps_all},
    ),
}
