"""Episodes: played by the rules, with returns that are still to come, and windows of a function."""

import pytest
import torch
from torch.testing import assert_close

from transformer_lib.data.episodes import (
    Episodes,
    EpisodeWindows,
    asking,
    at_random,
    play,
    returns_to_go,
)
from transformer_lib.data.worlds import CartPole, Corridor, Maze


def numbers(seed=0):
    return torch.Generator().manual_seed(seed)


def walks(count=30, seed=0):
    generator = numbers(seed)
    return play(Maze(), at_random(4, generator), Maze().start(count, generator))


def test_a_return_to_go_is_the_sum_of_what_comes():
    rewards = torch.tensor([[1.0, 2.0, 4.0], [0.0, 0.0, 5.0]])
    assert returns_to_go(rewards).tolist() == [[7, 6, 4], [5, 5, 5]]
    with pytest.raises(ValueError, match="rewards must be of floating point"):
        returns_to_go(torch.tensor([1, 2]))


def test_games_are_played_by_the_rules_until_they_are_over():
    maze, episodes = Maze(), walks()
    assert len(episodes) == 30
    assert 1 <= episodes.lengths.min() < episodes.lengths.max() == 40
    for n, length in enumerate(episodes.lengths.tolist()):
        fields = episodes.states[n].argmax(-1)
        for t in range(length - 1):
            assert maze.next[fields[t], episodes.actions[n, t]] == fields[t + 1]
            assert episodes.rewards[n, t] == -1
        last = maze.next[fields[length - 1], episodes.actions[n, length - 1]]
        assert episodes.rewards[n, length - 1] == (-1 if last == maze.goal else -41)
        assert (episodes.rewards[n, length:] == 0).all()
        assert (last == maze.goal) or length == 40
    assert_close(episodes.returns, episodes.rewards.sum(1))


def test_they_are_cut_where_the_longest_ends():
    poles = play(CartPole(), lambda s, a, r: torch.zeros(len(s)).long(), torch.zeros(2, 4))
    longest = int(poles.lengths.max())
    assert 5 < longest < 20
    assert poles.states.shape == (2, longest, 4)
    assert (poles.returns == poles.lengths).all()


def test_a_player_is_shown_all_so_far_and_no_more():
    shown = []

    def choose(states, actions, rewards):
        shown.append((states.shape, actions.shape, rewards.shape))
        return torch.zeros(len(states), dtype=torch.long)

    play(Corridor(3), choose, torch.tensor([[0, 0]]))
    assert shown == [((1, t + 1, 4), (1, t), (1, t)) for t in range(3)]


def test_some_of_the_episodes_are_those_rows():
    episodes = walks()
    some = episodes[torch.tensor([3, 1])]
    assert len(some) == 2
    assert torch.equal(some.states, episodes.states[[3, 1]])
    assert torch.equal(some.returns, episodes.returns[[3, 1]])


def test_a_random_player_takes_every_action_equally_often():
    actions = at_random(4, numbers())(torch.zeros(4000, 1, 2), None, None)
    assert_close(actions.bincount().float(), torch.full((4,), 1000.0), rtol=0, atol=100)


def asked(wish, context, rewards):
    """What a model is shown that is asked for `wish`."""
    shown = []

    def model(*inputs):
        shown.append(inputs)
        return torch.tensor([0.0, 1.0, 0.5]).expand(*inputs[2].shape, 3)

    t = rewards.size(1)
    states, actions = torch.arange(2.0 * (t + 1)).view(2, t + 1, 1), torch.ones(2, t).long()
    chosen = asking(model, wish, context=context)(states, actions, rewards)
    assert chosen.tolist() == [1, 1]
    return shown[0]


def test_a_wish_is_lowered_by_what_was_gained():
    rewards = torch.tensor([[1.0, 2.0, 4.0], [-1.0, 0.0, 0.0]])
    returns, states, actions, steps = asked(10, 8, rewards)
    assert returns.tolist() == [[10, 9, 7, 3], [10, 11, 11, 11]]
    assert states[..., 0].tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert actions.tolist() == [[1, 1, 1, 0]] * 2
    assert steps.tolist() == [[0, 1, 2, 3]] * 2


def test_only_the_last_steps_are_shown_with_their_own_clock():
    returns, states, actions, steps = asked(torch.tensor([10.0, 20.0]), 2, torch.ones(2, 3))
    assert returns.tolist() == [[8, 7], [18, 17]]
    assert states[..., 0].tolist() == [[2, 3], [6, 7]]
    assert actions.tolist() == [[1, 0]] * 2
    assert steps.tolist() == [[2, 3]] * 2


def test_windows_are_pieces_of_episodes():
    episodes = walks()
    windows = EpisodeWindows(episodes, context=6, batch_size=64, seed=3)
    window, returns = windows[5], returns_to_go(episodes.rewards)
    assert window.real.shape == window.steps.shape == (64, 6)
    for n in range(64):
        real = window.real[n]
        steps, count = window.steps[n][real], int(real.sum())
        assert (steps.diff() == 1).all()
        assert real[:count].all()
        source = [
            i
            for i in range(30)
            if steps[-1] < episodes.lengths[i]
            and torch.equal(episodes.states[i, steps], window.states[n][real])
            and torch.equal(episodes.actions[i, steps], window.actions[n][real])
            and torch.equal(returns[i, steps], window.returns[n][real])
        ]
        assert source
        assert any(count == min(6, int(episodes.lengths[i])) for i in source)


def test_what_fills_a_window_behind_a_short_episode_is_not_real():
    lengths, nothing = torch.tensor([2, 5, 8]), torch.zeros(3, 8)
    episodes = Episodes(torch.zeros(3, 8, 1), nothing.long(), nothing, lengths)
    window = EpisodeWindows(episodes, context=6, batch_size=64)[0]
    assert set(window.real.sum(dim=1).tolist()) == {2, 5, 6}


def test_a_longer_episode_comes_the_more_often():
    lengths, nothing = torch.tensor([2, 8]), torch.zeros(2, 8)
    mine = torch.arange(2.0)[:, None, None].expand(2, 8, 1)  # of each, its number
    window = EpisodeWindows(
        Episodes(mine, nothing.long(), nothing, lengths), context=2, batch_size=4000
    )[0]
    longer = window.states[:, 0].mean().item()
    assert longer == pytest.approx(0.8, abs=0.03)


def test_windows_begin_anywhere_and_reach_the_last_step():
    nine = torch.zeros(1, 9)
    long = Episodes(nine[..., None], nine.long(), nine + 1, torch.tensor([9]))
    steps = EpisodeWindows(long, context=4, batch_size=500)[0].steps
    assert set(steps[:, 0].tolist()) == set(range(6))
    assert set(steps.flatten().tolist()) == set(range(9))


def test_a_window_is_a_function_of_its_number_and_the_seed():
    episodes = walks()
    one, other = (EpisodeWindows(episodes, context=4, batch_size=8, seed=s) for s in (0, 1))
    assert torch.equal(one[2].states, one[2].states)
    assert not torch.equal(one[2].states, one[3].states)
    assert not torch.equal(one[2].states, other[2].states)
    assert torch.equal(next(iter(one)).steps, one[0].steps)


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="episodes must be Episodes, at least one, got None"):
        EpisodeWindows(None, context=4, batch_size=8)
    with pytest.raises(ValueError, match="context must be at least 1, got 0"):
        EpisodeWindows(walks(), context=0, batch_size=8)
    with pytest.raises(ValueError, match="context must be at least 1, got 0"):
        asking(None, 1.0, context=0)
    with pytest.raises(ValueError, match="num_actions must be at least 1, got 0"):
        at_random(0, numbers())
