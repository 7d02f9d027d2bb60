"""Small worlds to act in: a pole to balance, a maze, a corridor with a hint, two doors.

All are played many times side by side: a state is a row of numbers, and there are as many rows as
games. A world is a set of rules and keeps nothing. All luck is drawn at the start, in the first
state; what of it the player does not see is luck to the player.
"""

import math
from typing import Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from torch import Tensor

from transformer_lib import checks


@runtime_checkable
class World(Protocol):
    """What a world offers to those who play in it.

    Attributes:
        state_dim: numbers that the player sees.
        num_actions: number of different actions.
        max_steps: after so many steps a game ends.
    """

    state_dim: int
    num_actions: int
    max_steps: int

    def start(self, count: int, generator: torch.Generator) -> Tensor:
        """Begin so many games: states (count, …)."""

    def see(self, states: Tensor) -> Tensor:
        """What the player sees of them, (count, state_dim)."""

    def step(self, states: Tensor, actions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The next states, the rewards (count,), and which games are over (count,)."""


class CartPole:
    """A pole on a cart, which is pushed to the left (0) or to the right (1), 50 times a second.

    Every step is worth 1, and the game is over when the pole leans by more than 12 degrees, or the
    cart leaves the track. A state is: place of the cart in m, its speed, lean of the pole in
    radians (to the right is positive), its speed. It is seen with the lean ten times as large, so
    that all four are numbers of one size.

    Source: Barto, Sutton and Anderson 1983; the numbers are those of Gymnasium's CartPole-v1.
    """

    state_dim, num_actions, max_steps = 4, 2, 500
    track, lean = 2.4, math.radians(12)  # farthest from the middle in m, from upright in radians

    def start(self, count: int, generator: torch.Generator) -> Tensor:
        """Nearly upright, nearly at rest."""
        _check_start(count, generator)
        return 0.1 * torch.rand(count, 4, generator=generator) - 0.05

    def see(self, states: Tensor) -> Tensor:
        """All of it: (count, 4)."""
        _check_numbers(states, 4)
        return states * states.new_tensor([1.0, 1.0, 10.0, 1.0])

    def step(self, states: Tensor, actions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """A fiftieth of a second."""
        _check_numbers(states, 4)
        _check_actions(actions, states, self.num_actions)
        place, speed, angle, turning = states.unbind(1)
        push = 20.0 * actions.to(states.dtype) - 10.0  # in N; cart 1 kg, pole 0.1 kg and 1 m long
        sin, cos = angle.sin(), angle.cos()
        along = (push + 0.05 * turning**2 * sin) / 1.1
        tilt = (9.8 * sin - cos * along) / (0.5 * (4 / 3 - 0.1 * cos**2 / 1.1))
        rates = [speed, along - 0.05 * tilt * cos / 1.1, turning, tilt]
        states = states + 0.02 * torch.stack(rates, dim=1)
        over = (states[:, 0].abs() > self.track) | (states[:, 2].abs() > self.lean)
        return states, torch.ones_like(place), over


_PLAN = """
.....#..
.##..#..
..#.....
..#..##.
.....#..
.###.#..
...#...G
.#......
"""
_MOVES = (-1, 0), (0, 1), (1, 0), (0, -1)  # up, right, down, left: rows and columns


class Maze:
    """Eight by eight fields with walls. Every step costs 1 until the goal is reached.

    Who walks against a wall stays where he is. A game that does not arrive in `max_steps` costs
    `max_steps` more. A state is the field, (count,), and the steps so far, (count,), side by side;
    the field is what the player sees, as 64 numbers of which one is 1.
    """

    state_dim, num_actions, max_steps = 64, 4, 40

    def __init__(self):
        rows = _PLAN.split()
        self.plan = torch.tensor([[field == "#" for field in row] for row in rows])  # True: wall
        self.goal = "".join(rows).index("G")
        free = (~self.plan.flatten()).nonzero()[:, 0]
        self.fields = free[free != self.goal]
        self.next = torch.tensor([[self._to(n, a) for a in range(4)] for n in range(64)])

    def _to(self, field: int, action: int) -> int:
        row, column = (a + b for a, b in zip(divmod(field, 8), _MOVES[action], strict=True))
        inside = 0 <= row < 8 and 0 <= column < 8 and not self.plan[row, column]
        return 8 * row + column if inside else field

    def start(self, count: int, generator: torch.Generator) -> Tensor:
        """On any free field but the goal."""
        _check_start(count, generator)
        return self.at(self.fields[torch.randint(len(self.fields), (count,), generator=generator)])

    def at(self, fields: Tensor) -> Tensor:
        """Games that begin on these fields, (count,)."""
        checks.row("fields", fields, 64, of="number of fields")
        return torch.stack([fields, torch.zeros_like(fields)], dim=1)

    def see(self, states: Tensor) -> Tensor:
        """The field: (count, 64)."""
        _check_counts(states, 64)
        return F.one_hot(states[:, 0], 64).float()

    def step(self, states: Tensor, actions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Walk to a neighbouring field."""
        _check_counts(states, 64)
        _check_actions(actions, states, self.num_actions)
        field, steps = self.next[states[:, 0], actions], states[:, 1] + 1
        arrived = field == self.goal
        late = (steps == self.max_steps) & ~arrived
        return torch.stack([field, steps], dim=1), -1.0 - self.max_steps * late, arrived

    def distances(self) -> Tensor:
        """Fewest steps from every field to the goal, (64,); inf for walls: found by flooding."""
        far = torch.full((64,), math.inf)
        far[self.goal] = 0
        for _ in self.fields:
            far = torch.minimum(far, far[self.next].amin(dim=1) + 1)
        return far.masked_fill(self.plan.flatten(), math.inf)


class Corridor:
    """At the entrance stands where to turn at the end; on the way there is nothing to be seen.

    Actions: go on (0), turn left (1), turn right (2). A turn counts at the end alone: the one that
    the hint named gives 1, the other 0. On the way a turn is a step lost, and `length` steps are
    all there are. A state is the hint (0 for left, 1 for right) and the place, side by side. The
    player sees one of four things, as four numbers of which one is 1: the hint for left, the hint
    for right, wall, the end.

    Args:
        length: number of places, the entrance and the end among them.

    Raises:
        ValueError: if `length < 2`.
    """

    state_dim, num_actions = 4, 3

    def __init__(self, length: int):
        checks.at_least(2, length=length)
        self.max_steps = length

    def start(self, count: int, generator: torch.Generator) -> Tensor:
        """At the entrance, with either hint."""
        _check_start(count, generator)
        hints = torch.randint(2, (count,), generator=generator)
        return torch.stack([hints, torch.zeros_like(hints)], dim=1)

    def see(self, states: Tensor) -> Tensor:
        """The hint at the entrance, and then no more: (count, 4)."""
        _check_counts(states, 2)
        hint, place = states.unbind(1)
        seen = torch.where(place == 0, hint, 2 + (place == self.max_steps - 1).long())
        return F.one_hot(seen, 4).float()

    def step(self, states: Tensor, actions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Go on, or turn."""
        _check_counts(states, 2)
        _check_actions(actions, states, self.num_actions)
        hint, place = states.unbind(1)
        over = (place == self.max_steps - 1) & (actions > 0)
        rewards = (over & (actions == hint + 1)).float()
        place = (place + (actions == 0)).clamp(max=self.max_steps - 1)
        return torch.stack([hint, place], dim=1), rewards, over


class Doors:
    """Two doors: behind the first (0) lie 3 for sure, behind the second (1) 10, one time in ten.

    On average the second is worth 1. A state is what lies behind the second door, which nobody
    sees: the player sees a single 1.
    """

    state_dim, num_actions, max_steps = 1, 2, 1

    def start(self, count: int, generator: torch.Generator) -> Tensor:
        """Put 10 behind the second door, or nothing: (count, 1)."""
        _check_start(count, generator)
        return 10.0 * (torch.rand(count, 1, generator=generator) < 0.1)

    def see(self, states: Tensor) -> Tensor:
        """Nothing that helps: (count, 1)."""
        _check_numbers(states, 1)
        return torch.ones_like(states)

    def step(self, states: Tensor, actions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Open a door."""
        _check_numbers(states, 1)
        _check_actions(actions, states, self.num_actions)
        return states, torch.where(actions == 0, 3.0, states[:, 0]), torch.ones_like(actions) > 0


def _check_start(count: int, generator: torch.Generator) -> None:
    checks.at_least(1, count=count)
    if not isinstance(generator, torch.Generator):
        raise ValueError(f"generator must be a torch.Generator, got {generator!r}")


def _check_numbers(states: Tensor, width: int) -> None:
    checks.floating("states", states, dims=2)
    if states.size(1) != width:
        raise ValueError(f"states must be (count, {width}), got {tuple(states.shape)}")


def _check_counts(states: Tensor, first: int) -> None:
    """Two whole numbers to a state, the first of them of so many."""
    checks.ids("states", states)
    if states.size(1) != 2 or states.is_meta or states.dtype != torch.int64:
        raise ValueError(f"states must be (count, 2), got {tuple(states.shape)} {states.dtype}")
    low, high = states.amin().item(), states[:, 0].amax().item()
    if low < 0 or high >= first:
        raise ValueError(f"states must begin with a number in 0 … {first - 1}, got {low} to {high}")


def _check_actions(actions: Tensor, states: Tensor, num_actions: int) -> None:
    checks.row("actions", actions, num_actions, of="num_actions")
    if len(actions) != len(states):
        raise ValueError(f"actions must be one for each of {len(states)}, got {len(actions)}")
