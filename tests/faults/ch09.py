"""Chapter 9: a gradient handed down, the cell and the model that are drawn, and the exercises."""

from faults.fault import faults_of

_handed = faults_of("show/handed_down.py", "test_handed_down.py")
_drawn = faults_of("show/recurrences.py", "test_recurrences.py")
_asked = faults_of("exercises/chapter_09.py", "test_exercises_09.py")

KNOWN = "an_answer_is_known_however_it_is_written"

FAULTS = [
    _handed(
        "handed down: the slope of tanh is taken for 1 − tanh",
        "abs(w * (1 - h * h))",
        "abs(w * (1 - h))",
        "the_recurrences_line_is_autograds",
    ),
    _handed(
        "handed down: the cell has a step less behind it",
        "torch.arange(1, STEPS + 1)",
        "torch.arange(STEPS)",
        "the_cells_line_is_that_of_torchs_cell",
    ),
    _handed(
        "handed down: the axis is upside down",
        "HIGH * (HIGHEST - power)",
        "HIGH * (power - LOWEST)",
        "what_is_drawn_and_said_are_the_lines",
    ),
    _drawn(
        "memory cell: every gate is made from the first quarter",
        "int(event.given[0].storage_offset() // c.size(-1))",
        "int(event.got.storage_offset() // c.size(-1))",
        "a_gate_is_known_by_what_it_multiplies",
    ),
    _drawn(
        "memory cell: what is kept is always drawn through a gate",
        "forget=forget is not None)",
        "forget=True)",
        "the_first_lstm_kept_everything",
    ),
    _drawn(
        "reader and writer: what is called twice is no loop",
        "if calls.count(part.name) > 1]",
        "if calls.count(part.name) > 2]",
        "what_is_called_once_a_token_stands_in_a_frame",
    ),
    _asked(
        "chapter 9, exercise 2: a gate is asked for, and the logarithm of it",
        "return (share ** (1 / steps)).logit()",
        "return (share ** (1 / steps)).log()",
        KNOWN,
    ),
    _asked(
        "chapter 9, exercise 3: the padding alone is looked at",
        "scores.masked_fill(~mask, -torch.inf)",
        "scores.masked_fill(mask, -torch.inf)",
        KNOWN,
    ),
]
