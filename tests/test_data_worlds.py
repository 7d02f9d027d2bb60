"""The worlds: Gymnasium's pole, a maze whose distances are known, and what players may see."""

import math

import pytest
import torch
from torch.testing import assert_close

from transformer_lib.data.worlds import CartPole, Corridor, Doors, Maze

WORLDS = [CartPole(), Maze(), Corridor(6), Doors()]


def numbers(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("world", WORLDS, ids=lambda w: type(w).__name__)
def test_a_world_is_what_it_says(world):
    states = world.start(50, numbers())
    assert torch.equal(states, world.start(50, numbers()))
    assert not torch.equal(states, world.start(50, numbers(1)))
    before = states.clone()
    seen = world.see(states)
    assert seen.shape == (50, world.state_dim)
    assert seen.dtype == torch.float32
    actions = torch.arange(50) % world.num_actions
    after, rewards, over = world.step(states, actions)
    assert (after.shape, after.dtype) == (states.shape, states.dtype)
    assert (rewards.shape, rewards.dtype) == ((50,), torch.float32)
    assert (over.shape, over.dtype) == ((50,), torch.bool)
    assert torch.equal(states, before)  # it writes into nothing that it was given


# Gymnasium 1.4.0, CartPole-v1, seed 0: pushed to the left at every third step, from the first on.
START = [0.013696168732145436, -0.02302132862361297, -0.045902647606380534, -0.04834723644714709]
RECORDED = {
    1: [0.013235742159673177, -0.2174560418364429, -0.04686959233532348, 0.22950698447811793],
    10: [0.04484121927140283, 0.37561638986062706, -0.12228069139239682, -0.8242126300173195],
    14: [0.09069317057024534, 0.7729804043569466, -0.21647738520923435, -1.593457860009122],
}


def test_the_pole_falls_as_gymnasiums_does():
    state = torch.tensor([START], dtype=torch.float64)
    for t in range(1, 15):
        state, reward, over = CartPole().step(state, torch.tensor([int((t - 1) % 3 > 0)]))
        assert reward.item() == 1
        assert over.item() == (t == 14)
        if t in RECORDED:
            expected = torch.tensor([RECORDED[t]], dtype=torch.float64)
            assert_close(state, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("state", "over"),
    [
        ([2.39, 0, 0, 0], False),
        ([2.41, 0, 0, 0], True),
        ([-2.41, 0, 0, 0], True),
        ([0, 0, math.radians(11.9), 0], False),
        ([0, 0, math.radians(12.1), 0], True),
        ([0, 0, -math.radians(12.1), 0], True),
    ],
)
def test_the_pole_is_lost_when_it_leans_or_the_cart_leaves(state, over):
    assert CartPole().step(torch.tensor([state]).float(), torch.tensor([0]))[2].item() == over


def test_a_pole_begins_nearly_upright_and_is_seen_with_its_lean_ten_times():
    states = CartPole().start(1000, numbers())
    assert states.abs().max() <= 0.05
    assert states.abs().amax(0).min() > 0.045
    assert (states.amin(0) < -0.045).all()
    assert_close(CartPole().see(states), states * torch.tensor([1, 1, 10, 1]))


def test_the_distances_of_the_maze_are_those_of_a_search():
    maze = Maze()
    found, reached, steps = {maze.goal: 0}, [maze.goal], 0
    while reached:
        steps += 1
        reached = [
            field
            for field in maze.fields.tolist()
            if field not in found and {*maze.next[field].tolist()} & {*reached}
        ]
        found |= dict.fromkeys(reached, steps)
    far = maze.distances()
    assert {n: int(far[n]) for n in found} == found
    assert len(found) == 49
    assert far.isinf().sum() == 64 - 49


def test_the_maze_has_walls_and_an_edge_and_ends_at_the_goal():
    maze = Maze()
    up, right, down, left = range(4)
    for field, action, to in (
        (0, up, 0), (0, left, 0), (0, right, 1), (0, down, 8), (4, right, 4), (7, right, 7),
        (48, down, 56), (56, down, 56),
    ):  # fmt: skip
        states, reward, over = maze.step(maze.at(torch.tensor([field])), torch.tensor([action]))
        assert states.tolist() == [[to, 1]]
        assert (reward.item(), over.item()) == (-1, False)
    states, reward, over = maze.step(maze.at(torch.tensor([maze.goal - 8])), torch.tensor([down]))
    assert (states[0, 0].item(), reward.item(), over.item()) == (maze.goal, -1, True)
    assert maze.see(states).argmax().item() == maze.goal


def test_a_walk_in_the_maze_that_does_not_arrive_costs_forty_more():
    maze, state = Maze(), Maze().at(torch.tensor([0]))
    total = 0
    for _ in range(maze.max_steps):
        state, reward, _ = maze.step(state, torch.tensor([0]))
        total += reward.item()
    assert total == -80
    late = torch.tensor([[maze.goal - 8, maze.max_steps - 1]])
    assert maze.step(late, torch.tensor([2]))[1].item() == -1  # in the last moment


def test_starts_in_the_maze_are_free_fields_all_of_them():
    maze = Maze()
    starts = maze.start(2000, numbers())
    assert set(starts[:, 0].tolist()) == set(maze.fields.tolist())
    assert maze.goal not in maze.fields
    assert (starts[:, 1] == 0).all()


@pytest.mark.parametrize("hint", [0, 1])
def test_the_hint_is_seen_at_the_entrance_and_counts_at_the_end(hint):
    corridor, state, seen = Corridor(5), torch.tensor([[hint, 0]]), []
    for _ in range(4):
        seen.append(corridor.see(state).argmax().item())
        state, reward, over = corridor.step(state, torch.tensor([0]))
        assert (reward.item(), over.item()) == (0, False)
    assert [*seen, corridor.see(state).argmax().item()] == [hint, 2, 2, 2, 3]
    for turn in (1, 2):
        _, reward, over = corridor.step(state, torch.tensor([turn]))
        assert (reward.item(), over.item()) == (float(turn == hint + 1), True)
    stays, reward, over = corridor.step(state, torch.tensor([0]))
    assert (stays.tolist(), reward.item(), over.item()) == ([[hint, 4]], 0, False)


def test_a_turn_on_the_way_is_a_step_lost():
    state, reward, over = Corridor(5).step(torch.tensor([[1, 2]]), torch.tensor([2]))
    assert (state.tolist(), reward.item(), over.item()) == ([[1, 2]], 0, False)


def test_the_second_door_pays_ten_one_time_in_ten_and_nobody_sees_it():
    doors = Doors()
    states = doors.start(10_000, numbers())
    assert (doors.see(states) == 1).all()
    for action, mean in ((0, 3.0), (1, 1.0)):
        _, rewards, over = doors.step(states, torch.full((10_000,), action))
        assert rewards.mean().item() == pytest.approx(mean, abs=0.15)
        assert over.all()
    assert set(rewards.tolist()) == {0.0, 10.0}


@pytest.mark.parametrize("world", WORLDS, ids=lambda w: type(w).__name__)
def test_what_is_no_state_or_action_is_refused(world):
    states = world.start(3, numbers())
    for bad in (states[0], states[:, :0], "three", states.to("meta")):
        with pytest.raises(ValueError, match="states must be"):
            world.see(bad)
        with pytest.raises(ValueError, match="states must be"):
            world.step(bad, torch.zeros(3, dtype=torch.long))
    with pytest.raises(ValueError, match="actions must be in 0 … num_actions - 1"):
        world.step(states, torch.full((3,), world.num_actions))
    with pytest.raises(ValueError, match="actions must be one for each of 3, got 2"):
        world.step(states, torch.zeros(2, dtype=torch.long))
    with pytest.raises(ValueError, match="count must be at least 1, got 0"):
        world.start(0, numbers())


def test_a_corridor_has_an_entrance_and_an_end():
    with pytest.raises(ValueError, match="length must be at least 2, got 1"):
        Corridor(1)
    with pytest.raises(ValueError, match="fields must be in 0 … number of fields - 1 = 63, got 64"):
        Maze().at(torch.tensor([64]))
