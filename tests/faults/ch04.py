"""Chapter 4: a layer behind switches, a feed-forward block drawn, and the exercises' marks."""

from faults.fault import faults_of

_toy = faults_of("show/layer_switches.py", "test_layer_switches.py")
_drawings = faults_of("show/drawings.py", "test_drawings.py")
_marks = faults_of("exercises/chapter_04.py", "test_exercises_04.py")

COSINES = "cosines_are_those_between_the_words"
CURVES = "curves_are_powers_of_ten"
EDGE = "what_is_beyond_the_axis_lies_on_its_edge_and_is_said"
SAID = "each_sentence_says_what_is_seen"
DRAWN = "the_first_state_is_drawn_without_a_script"
TOLD = "the_script_is_told_every_setting_and_each_drawing_once"
MARKUP = "words_are_words_and_never_markup"
BLOCK = "a_feed_forward_block_is_drawn_from_its_run"
NAMED = "an_answer_is_known_however_it_is_written"

FAULTS = [
    _toy(
        "words are compared by their size", "normalize(self.states, dim=-1)", "self.states", COSINES
    ),
    _toy("a cosine below 0 is told", ".clamp(0, 100)", "", COSINES),
    _toy("the mean of all features is taken", "x.mean(dim=-2, keepdim=True)", "x.mean()", CURVES),
    _toy("a gradient is told as it is", "slopes / slopes[-1]", "slopes", CURVES),
    _toy("a curve leaves the axis", ".clamp(LOW, HIGH)", "", EDGE),
    _toy("the layer after it is told", "_shown(values[layer])", "_shown(values[-1])", SAID),
    _toy("all drawings are in sight", '" hidden" * (i > 0)', '""', DRAWN),
    _toy(
        "the first layer's cosines are drawn",
        "passage.cosines()[-1]",
        "passage.cosines()[0]",
        DRAWN,
    ),
    _toy("the first drawing stands for all", "places[passage.drawing.svg()]", "0", TOLD),
    _toy("a caption is markup", "{escape(self.caption)}", "{self.caption}", MARKUP),
    _toy(
        "one option is enough",
        "len({*choices}) < 2",
        "len({*choices}) < 1",
        "a_switch_has_two_options",
    ),
    _drawings(
        "hidden units are drawn before the ReLU",
        "sums, hidden, out = sums.got, output.given[0], run.got",
        "sums, hidden, out = sums.got, sums.got, run.got",
        BLOCK,
    ),
    _drawings(
        "W₁ is drawn as it lies in memory", "(x, w_1.T, w_2), (sums", "(x, w_1, w_2), (sums", BLOCK
    ),
    _marks(
        "the block reads the stream itself",
        "return x + _feed_forward(_norm(x), w_1, w_2)",
        "return x + _feed_forward(x, w_1, w_2)",
        NAMED,
    ),
    _marks(
        "the gradient keeps what lies along the token", "- y * along) / size", ") / size", NAMED
    ),
]
