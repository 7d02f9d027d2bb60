"""Episodes: what was seen, done and gained from a start to an end, and batches of pieces of them.

`play` makes them, whoever chooses; `asking` lets a model choose that is told a wish.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real

import torch
import torch.nn.functional as F
from torch import Tensor

from transformer_lib import checks
from transformer_lib.data.order import Endless, random_numbers
from transformer_lib.data.worlds import World

Choose = Callable[[Tensor, Tensor, Tensor], Tensor]
"""From all that was seen, done and gained so far (t + 1 states, t actions, t rewards), the next
action of every game, (count,)."""


def returns_to_go(rewards: Tensor) -> Tensor:
    """What is still to be gained at each step, its own reward included: R_t = r_t + r_{t+1} + ….

    Nothing is discounted.

    Args:
        rewards: (…, steps), 0 behind the end of an episode.

    Returns:
        (…, steps).

    Raises:
        ValueError: if they are not numbers with a point.
    """
    checks.floating("rewards", rewards)
    return rewards.flip(-1).cumsum(-1).flip(-1)


@dataclass(frozen=True)
class Episodes:
    """Games, side by side; each is as long as its length says, and what stands behind is filling.

    Attributes:
        states: what was seen, (count, longest, state_dim).
        actions: what was done, (count, longest).
        rewards: what was gained, (count, longest), 0 behind the end.
        lengths: number of steps, (count,).
    """

    states: Tensor
    actions: Tensor
    rewards: Tensor
    lengths: Tensor

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, rows: Tensor) -> "Episodes":
        """Some of them."""
        parts = self.states, self.actions, self.rewards, self.lengths
        return Episodes(*(part[rows] for part in parts))

    @property
    def returns(self) -> Tensor:
        """All that was gained in each, (count,)."""
        return self.rewards.sum(dim=1)


@torch.no_grad()
def play(world: World, choose: Choose, starts: Tensor) -> Episodes:
    """Play until all games are over, or for `world.max_steps`.

    Args:
        world: the rules.
        choose: chooses the actions, see `Choose`.
        starts: first states, as `world.start` draws them.

    Raises:
        ValueError: if `world` is none, `choose` no function, or `starts` are no states.
    """
    if not isinstance(world, World):
        raise ValueError(f"world must be a World, got {world!r}")
    if not callable(choose):
        raise ValueError(f"choose must be a function, got {choose!r}")
    if not isinstance(starts, Tensor) or starts.dim() != 2:
        raise ValueError(f"starts must be states (count, …), got {starts!r}")
    count = len(starts)
    states = torch.zeros(count, world.max_steps, world.state_dim)
    actions = torch.zeros(count, world.max_steps, dtype=torch.long)
    rewards = torch.zeros(count, world.max_steps)
    lengths = torch.full((count,), world.max_steps)
    going, now = torch.ones(count, dtype=torch.bool), starts
    for t in range(world.max_steps):
        states[:, t] = world.see(now)
        actions[:, t] = choose(states[:, : t + 1], actions[:, :t], rewards[:, :t])
        after, reward, over = world.step(now, actions[:, t])
        rewards[:, t] = reward * going
        lengths[going & over] = t + 1
        now = torch.where(going[:, None], after, now)  # a game that is over stands still
        going = going & ~over
        if not going.any():
            break
    longest = int(lengths.max())
    return Episodes(states[:, :longest], actions[:, :longest], rewards[:, :longest], lengths)


def at_random(num_actions: int, generator: torch.Generator) -> Choose:
    """Choose any action, each as often as the others."""
    checks.at_least(1, num_actions=num_actions)
    if not isinstance(generator, torch.Generator):
        raise ValueError(f"generator must be a torch.Generator, got {generator!r}")
    return lambda states, actions, rewards: torch.randint(
        num_actions, (len(states),), generator=generator
    )


def asking(model: Callable, wish: float | Tensor, *, context: int) -> Choose:
    """Let a model choose that is asked for a return: the likeliest action at every step.

    The wish is lowered by what has been gained.

    Args:
        model: `model(returns, states, actions, steps)` gives logits (count, seq_len, num_actions),
            as a `DecisionTransformer`.
        wish: the return to ask for, one for all games or (count,).
        context: how many steps it is shown at most, the present one among them.

    Raises:
        ValueError: if `context < 1`, `model` is no function, or `wish` no finite number.
    """
    checks.at_least(1, context=context)
    if not callable(model):
        raise ValueError(f"model must be a function, got {model!r}")
    number = isinstance(wish, Real) and not isinstance(wish, bool) and math.isfinite(wish)
    if not number and not isinstance(wish, Tensor):
        raise ValueError(f"wish must be a finite number, or a tensor of them, got {wish!r}")

    def choose(states: Tensor, actions: Tensor, rewards: Tensor) -> Tensor:
        gained = F.pad(rewards.cumsum(dim=1), (1, 0))  # before each step, (count, t + 1)
        returns = torch.as_tensor(wish, dtype=rewards.dtype).expand(len(states))[:, None] - gained
        actions = F.pad(actions, (0, 1))  # the one to be chosen: nothing looks at it
        steps = torch.arange(states.size(1)).expand(len(states), -1)
        shown = (part[:, -context:] for part in (returns, states, actions, steps))
        return model(*shown)[:, -1].argmax(dim=-1)

    return choose


@dataclass(frozen=True)
class Window:
    """Pieces of episodes.

    Attributes:
        returns: to go, (batch, context).
        states: (batch, context, state_dim).
        actions: (batch, context).
        steps: since the start of the episode, (batch, context).
        real: False behind the end of an episode, (batch, context).
    """

    returns: Tensor
    states: Tensor
    actions: Tensor
    steps: Tensor
    real: Tensor


class EpisodeWindows(Endless):
    """Pieces of `context` steps without end: `windows[n]` is a function of n and the seed.

    Each piece comes from an episode drawn at random, the longer the more often (as in the paper's
    code), and begins anywhere in it where it fits. Shorter episodes are taken whole, with filling
    behind.

    Args:
        episodes: to draw from.
        context: number of steps.
        batch_size: number of pieces in a batch.
        seed: decides all that is drawn.

    Raises:
        ValueError: if `episodes` are none, or a number is too small.
    """

    def __init__(self, episodes: Episodes, *, context: int, batch_size: int, seed: int = 0):
        if not isinstance(episodes, Episodes) or not len(episodes):
            raise ValueError(f"episodes must be Episodes, at least one, got {episodes!r}")
        checks.at_least(1, context=context, batch_size=batch_size)
        checks.at_least(0, seed=seed)
        self.episodes, self.returns = episodes, returns_to_go(episodes.rewards)
        self.context, self.batch_size, self.seed = context, batch_size, seed

    def __getitem__(self, n: int) -> Window:
        """Batch n, counted from 0."""
        generator = random_numbers(self.seed, n)
        longer = self.episodes.lengths.float()
        rows = torch.multinomial(longer, self.batch_size, replacement=True, generator=generator)
        lengths = self.episodes.lengths[rows]
        room = (lengths - self.context).clamp(min=0) + 1
        first = (torch.rand(self.batch_size, generator=generator) * room).long()
        steps = first[:, None] + torch.arange(self.context)  # (batch, context)
        real = steps < lengths[:, None]
        steps = steps.clamp(max=self.episodes.actions.size(1) - 1)
        parts = self.returns, self.episodes.states, self.episodes.actions
        return Window(*(part[rows[:, None], steps] for part in parts), steps, real)
