"""Chapter 3: words in another order, and what stands where in a layer with positions."""

from faults.fault import faults_of

_order = faults_of("show/word_order.py", "test_word_order.py")
_steps = faults_of("show/steps.py", "test_drawings.py")
_drawings = faults_of("show/drawings.py", "test_drawings.py")
_marks = faults_of("exercises/chapter_03.py", "test_exercises_03.py")

FIRST = "the_first_state_is_what_the_layer_gives"
PLACES = "positions_stand_where_the_run_had_them"
NAMED = "an_answer_is_known_however_it_is_written"

FAULTS = [
    _order(
        "words: their picture is turned",
        ".unflatten(0, (-1, _ROW)).T",
        ".unflatten(0, (_ROW, -1))",
        FIRST,
    ),
    _order(
        "words: a dash on what is positive",
        "if value < 0 else",
        "if value > 0 else",
        "a_negative_number_has_a_dash",
    ),
    _order(
        "words: a bias is left out",
        "if part.bias is None else part.bias",
        "",
        "the_page_has_the_weights_of_the_layer",
    ),
    _order(
        "words: markup",
        "word = escape(self.words[i])",
        "word = self.words[i]",
        "words_are_words_and_never_markup",
    ),
    _order(
        "words: a causal layer is taken for one that sees all",
        "if layer.causal or layer.rotary",
        "if layer.rotary",
        "what_does_not_fit_is_refused",
    ),
    _order(
        "words: one place is swapped with itself",
        "len(places) != 2 or",
        "",
        "what_does_not_fit_is_refused",
    ),
    _steps(
        "drawings: what is added has no name", 'return f"+ {made[0]}"', 'return "+ bias"', PLACES
    ),
    _drawings(
        "drawings: positions in front are not drawn",
        "return front, last.name",
        "return [], last.name",
        PLACES,
    ),
    _marks(
        "exercise 3.1: pieces are not told apart",
        "return _rows(length, d_model, 0)",
        "return _rows(length, d_model, offset + 1)",
        NAMED,
    ),
    _marks(
        "exercise 3.3: prices begin at the first head's slope",
        "first: int = 1, total",
        "first: int = 2, total",
        NAMED,
    ),
]
