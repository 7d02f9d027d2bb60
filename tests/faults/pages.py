"""What all pages share: drawings of a run, code that is shown, and exercises that are marked."""

from faults.fault import faults_of

_runs = faults_of("show/runs.py", "test_drawings.py")
_steps = faults_of("show/steps.py", "test_drawings.py")
_streams = faults_of("show/streams.py", "test_drawings.py")
_code = faults_of("show/code.py", "test_code.py")
_look_up = faults_of("show/look_up.py", "test_look_up.py")
_marking = faults_of("exercises/marking.py", "test_exercises.py")

FAULTS = [
    _runs(
        "drawings: a watched module stays in evaluation mode",
        'stack.callback(setattr, module, "training", training[module])',
        "pass",
        "a_watched_module_is_left_as_it_was",
    ),
    _steps(
        "drawings: any softmax is one by row",
        "if axis in (-1, event.got.dim() - 1) else",
        "if axis is not None else",
        "another_formula_is_another_drawing",
    ),
    _streams(
        "drawings: neighbours are drawn as one though they differ",
        "if groups and groups[-1][2] == signature:",
        "if groups:",
        "layers_that_are_alike_are_drawn_once",
    ),
    _code(
        "code on the page: a body of a docstring alone is left empty",
        '[" " * node.body[0].col_offset + "..."] if only else []',
        "[]",
        "docstrings_are_left_out_and_nothing_else",
    ),
    _look_up(
        "look-up: the answer is drawn upside down",
        '_arrow(x, -y, "value", "tlq-answer")',
        '_arrow(x, y, "value", "tlq-answer")',
        "what_is_drawn_at_first_is_the_look_up",
    ),
    _look_up(
        "look-up: the bars show scores",
        "weight * BAR, 16",
        "score * BAR, 16",
        "what_is_drawn_at_first_is_the_look_up",
    ),
    _look_up(
        "look-up: the nearest of the values is the farthest",
        ".norm(dim=-1).argmin()",
        ".norm(dim=-1).argmax()",
        "it_is_said_in_words_too",
    ),
    _look_up(
        "look-up: names are markup",
        'class="{kind}">{escape(text)}</text>',
        'class="{kind}">{text}</text>',
        "the_page_has_the_state_that_python_had",
    ),
    _look_up(
        "look-up: all drawings share their arrow tips",
        "hashlib.sha256(body.encode()).hexdigest()[:8]",
        '"one"',
        "two_on_a_page_have_their_own_arrow_tips",
    ),
    _marking(
        "exercises: an answer of NaN is like any other",
        "equal_nan=True",
        "equal_nan=False",
        "an_answer_is_known_however_it_is_written",
    ),
]
