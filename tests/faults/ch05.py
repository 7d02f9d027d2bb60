"""Chapter 5: what each token knows, and the exercises' marks."""

from faults.fault import faults_of

_known = faults_of("show/known.py", "test_known.py")
_marks = faults_of("exercises/chapter_05.py", "test_exercises_05.py")

SINCE = "a_fact_is_known_from_the_layer_that_found_it"
SAID = "each_sentence_says_who_was_asked_and_what_was_new"
GUESSED = "what_must_be_guessed_is_outlined_and_said"
DRAWN = "the_first_state_is_drawn_without_a_script"
TOLD = "the_script_is_told_every_way"
MARKUP = "words_are_words_and_never_markup"
NO_WAY = "a_way_that_cannot_be"
NO_TOY = "a_toy_that_cannot_be"
ANSWER = "an_answer_is_known_however_it_is_written"
PROPERTY = "an_unknown_mistake_is_told_a_property"

FAULTS = [
    _known("a fact comes a layer late", "never = len(self.known)", "never = -1", SINCE),
    _known("old facts are taken again", "known & ~way.known[layer - 1, token]", "known", SAID),
    _known(
        "the look of the next layer is told",
        "way.looks[layer - 1, token].item()",
        "way.looks[min(layer, len(way.looks)) - 1, 1].item()",
        SAID,
    ),
    _known(
        "what was read counts as unread", 'if known else ", which', 'if 0 else ", which', GUESSED
    ),
    _known("nothing is outlined", '["wanted"] * (', '["wanted"] * 0 * (', GUESSED),
    _known("all rows are picked", 'if i == self.asks else ""', 'if True else ""', DRAWN),
    _known(
        "only the first way is told",
        "in self.ways.items()",
        "in [*self.ways.items()][:1]",
        TOLD,
    ),
    _known("a word may end the script", '.replace("<", "\\\\u003c")', "", MARKUP),
    _known("facts are markup", "{escape(fact)}", "{fact}", MARKUP),
    _known(
        "what was known may be forgotten",
        "(self.known[:-1] & ~self.known[1:]).any()",
        "False",
        NO_WAY,
    ),
    _known(
        "an asker may be nobody",
        "if not 0 <= asks < len(tokens):",
        "if not asks < len(tokens):",
        NO_TOY,
    ),
    _marks("minus infinity is zero", "-torch.inf", "0", ANSWER),
    _marks("no layer keeps what it has", "(ways if residual else 0)", "0", ANSWER),
    _marks("the last one is one too far", "real.sum(dim=1) - 1),", "real.sum(dim=1)),", ANSWER),
    _marks("padding is never changed", "y + 5 * ~real", "y + 0 * ~real", PROPERTY),
]
