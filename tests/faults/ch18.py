"""Chapter 18: the Decision Transformer, its worlds, its episodes, and the pole in the page."""

from faults.fault import faults_of

_model = faults_of("models/decision_transformer.py", "test_decision_transformer.py")
_worlds = faults_of("data/worlds.py", "test_data_worlds.py")
_episodes = faults_of("data/episodes.py", "test_data_episodes.py")
_pole = faults_of("show/pole.py", "test_pole.py")
_exercises = faults_of("exercises/chapter_18.py", "test_exercises_18.py")

FAULTS = [
    _model(
        "the action is read at its own token",
        "x[:, 1::3]",
        "x[:, 2::3]",
        "an_action_is_chosen_after_its_wish_and_state_and_before_itself",
    ),
    _model(
        "the action is read at the return's token",
        "self.head(x[:, 1::3])",
        "self.head(x[:, 0::3])",
        "an_action_is_chosen_after_its_wish_and_state_and_before_itself",
    ),
    _model(
        "returns and states change places",
        "x = torch.stack(tokens, dim=2)",
        "x = torch.stack([tokens[1], tokens[0], tokens[2]], dim=2)",
        "the_tokens_of_a_step_stand_in_their_order_and_share_its_position",
    ),
    _model(
        "the tokens are mixed as features",
        "torch.stack(tokens, dim=2)",
        "torch.stack(tokens, dim=3).reshape(*actions.shape, 3, -1)",
        "it_equals_hugging_faces",
    ),
    _model(
        "only the returns know the step",
        "x = x + self.positions(steps)[:, :, None]",
        "x[:, :, :1] += self.positions(steps)[:, :, None]",
        "it_equals_hugging_faces",
    ),
    _model(
        "the place in the window for the step of the episode",
        "self.positions(steps)[",
        "self.positions(torch.arange(steps.size(1)).expand_as(steps))[",
        "only_the_clock_knows_when_a_window_begins",
    ),
    _model(
        "returns are multiplied by their scale",
        "returns[..., None] / self.config",
        "returns[..., None] * self.config",
        "returns_are_divided_by_their_scale",
    ),
    _model(
        "the stack sees the future",
        "dropout=config.dropout, causal=True)",
        "dropout=config.dropout)",
        "an_action_is_chosen_after_its_wish_and_state_and_before_itself",
    ),
    _model(
        "no norm over the tokens",
        "return self.norm(x.flatten(1, 2))",
        "return x.flatten(1, 2)",
        "it_equals_hugging_faces",
    ),
    _worlds(
        "the pole is pushed with half the force",
        "20.0 * actions.to(states.dtype) - 10.0",
        "10.0 * actions.to(states.dtype) - 5.0",
        "the_pole_falls_as_gymnasiums_does",
    ),
    _worlds(
        "the new speeds move the cart already",
        "rates = [speed, along - 0.05 * tilt * cos / 1.1, turning, tilt]",
        "rates = [speed + 0.02 * along, along - 0.05 * tilt * cos / 1.1, turning, tilt]",
        "the_pole_falls_as_gymnasiums_does",
    ),
    _worlds(
        "a cart may leave the track to the left",
        "states[:, 0].abs() > self.track",
        "states[:, 0] > self.track",
        "the_pole_is_lost_when_it_leans_or_the_cart_leaves",
    ),
    _worlds(
        "a walk over the edge comes in again on the other side",
        "return 8 * row + column if inside else field",
        "return (8 * row + column) % 64 if not inside else 8 * row + column",
        "the_maze_has_walls_and_an_edge_and_ends_at_the_goal",
    ),
    _worlds(
        "who arrives in the last moment is late all the same",
        "(steps == self.max_steps) & ~arrived",
        "steps == self.max_steps",
        "a_walk_in_the_maze_that_does_not_arrive_costs_forty_more",
    ),
    _worlds(
        "the hint is seen all the way",
        "torch.where(place == 0, hint,",
        "torch.where(place < 3, hint,",
        "the_hint_is_seen_at_the_entrance_and_counts_at_the_end",
    ),
    _worlds(
        "either turn pays",
        "(over & (actions == hint + 1)).float()",
        "(over & (actions > 0)).float()",
        "the_hint_is_seen_at_the_entrance_and_counts_at_the_end",
    ),
    _worlds(
        "the player sees what lies behind the door",
        "return torch.ones_like(states)",
        "return states.clone()",
        "the_second_door_pays_ten_one_time_in_ten_and_nobody_sees_it",
    ),
    _episodes(
        "what was gained, and not what is still to come",
        "rewards.flip(-1).cumsum(-1).flip(-1)",
        "rewards.cumsum(-1)",
        "a_return_to_go_is_the_sum_of_what_comes",
    ),
    _episodes(
        "the wish is lowered a step too early",
        "F.pad(rewards.cumsum(dim=1), (1, 0))",
        "F.pad(rewards.cumsum(dim=1), (1, 0)).roll(-1, dims=1)",
        "a_wish_is_lowered_by_what_was_gained",
    ),
    _episodes(
        "the wish grows by what was gained",
        "[:, None] - gained",
        "[:, None] + gained",
        "a_wish_is_lowered_by_what_was_gained",
    ),
    _episodes(
        "the clock begins with the window",
        "steps = torch.arange(states.size(1)).expand(len(states), -1)",
        "steps = torch.arange(states.size(1)).clamp(max=context - 1).expand(len(states), -1)",
        "only_the_last_steps_are_shown_with_their_own_clock",
    ),
    _episodes(
        "rewards go on behind the end",
        "rewards[:, t] = reward * going",
        "rewards[:, t] = reward",
        "games_are_played_by_the_rules_until_they_are_over",
    ),
    _episodes(
        "the last step is never in a window",
        "room = (lengths - self.context).clamp(min=0) + 1",
        "room = (lengths - self.context).clamp(min=1)",
        "windows_begin_anywhere_and_reach_the_last_step",
    ),
    _episodes(
        "every episode as often, however short",
        "longer = self.episodes.lengths.float()",
        "longer = torch.ones(len(self.episodes))",
        "a_longer_episode_comes_the_more_often",
    ),
    _episodes(
        "filling counts as real",
        "real = steps < lengths[:, None]",
        "real = steps <= lengths[:, None]",
        "what_fills_a_window_behind_a_short_episode_is_not_real",
    ),
    _pole(
        "weights of another width are taken",
        '("return_proj.weight", (width, 1)),',
        '("return_proj.weight", tuple(weights["return_proj.weight"].shape)),',
        "what_the_page_cannot_play_is_refused",
    ),
    _pole(
        "the caption may hold markup",
        "<figcaption>{escape(self.caption)}</figcaption>",
        "<figcaption>{self.caption}</figcaption>",
        "the_first_state_is_drawn_and_all_travels_with_it",
    ),
    _exercises(
        "a wish that is never lowered is called right",
        "return wish - (rewards.cumsum(1) - rewards)",
        "return wish.expand_as(rewards).clone()",
        "an_answer_is_known_however_it_is_written",
    ),
]
