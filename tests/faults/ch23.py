"""Chapter 23: a training step by its moments, the drawing of one, and the exercises' marks."""

from faults.fault import faults_of

_toy = faults_of("show/checkpoints.py", "test_checkpoints.py")
_drawn = faults_of("show/training_step.py", "test_training_step.py")
_marks = faults_of("exercises/chapter_23.py", "test_exercises_23.py")

COUNTED = "a_chain_keeps_what_is_drawn"
TURNS = "time_has_no_gap_and_each_layer_its_turns"
FIRST = "the_first_state_is_drawn_without_a_script"
PLAIN = "without_checkpoints_all_is_kept_and_nothing_runs_again"
AGAIN = "segments_run_again_from_the_last_to_the_first"
WEIGHTS = "weights_are_not_counted_and_their_gradients_stay_as_they_were"
NAMED = "an_answer_is_known_however_it_is_written"
TOLD = "an_unknown_mistake_is_told_a_property"

FAULTS = [
    _toy("memory: an input is never let go", "        held -= 1\n", "", COUNTED),
    _toy("memory: an open segment counts its input twice", "+ 1) - 1 for", "+ 1) for", COUNTED),
    _toy(
        "memory: segments are opened in their order",
        "in reversed([*pairwise(borders)]):",
        "in [*pairwise(borders)]:",
        TURNS,
    ),
    _toy(
        "memory: what is in memory is run again",
        "if opened[-1] > held:",
        "if opened[-1] >= held:",
        COUNTED,
    ),
    _toy(
        "memory: time stands still while layers run again",
        'add("again", layer, 1, ',
        'add("again", layer, 0, ',
        TURNS,
    ),
    _toy(
        "memory: a step may begin with nothing",
        " or not kept or not kept[0]:",
        " or not kept:",
        "the_first_input_is_always_there",
    ),
    _toy("memory: a caption is markup", "{escape(self.caption)}", "{self.caption}", FIRST),
    _toy("memory: a name is markup", "{escape(name)}", "{name}", FIRST),
    _toy(
        "memory: without checkpoints there is only a unit a layer",
        "{self.num_layers * inside})",
        "{self.num_layers})",
        FIRST,
    ),
    _drawn(
        "memory: weights are counted",
        "if (key := _address(tensor)) not in weights:",
        "if key := _address(tensor):",
        WEIGHTS,
    ),
    _drawn("memory: old gradients are lost", '"grad", parameter.grad)', '"grad", None)', WEIGHTS),
    _drawn(
        "memory: hooks stay",
        "after.enter_context(part.register_forward_hook(leave))",
        "part.register_forward_hook(leave)",
        WEIGHTS,
    ),
    _drawn("memory: turns begin anew", "before + place + 1", "place + 1", AGAIN),
    _drawn(
        "memory: every box is filled", 'if call.kept else "frame"', 'if True else "frame"', AGAIN
    ),
    _drawn(
        "memory: any order will do",
        "!= [*range(len(layers))] or not order",
        "is None",
        "layers_are_called_in_order",
    ),
    _marks(
        "memory: the last segment is forgotten",
        "nonzero().flatten().tolist(), len(kept)]",
        "nonzero().flatten().tolist()]",
        NAMED,
    ),
    _marks(
        "memory: the largest of several is asked for",
        "- 1)\n\n    return torch.tensor([best",
        "- k * 1e-9)\n\n    return torch.tensor([best",
        NAMED,
    ),
    _marks("memory: any row will do", "atol=1e-9)", "atol=9)", TOLD),
]
