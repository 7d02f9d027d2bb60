"""Chapter 8: a beam search and what may be drawn next, on the page, and the exercises."""

from faults.fault import faults_of

_tree = faults_of("show/beam_tree.py", "test_beam_tree.py")
_next = faults_of("show/next_token.py", "test_next_token.py")
_asked = faults_of("exercises/chapter_08.py", "test_exercises_08.py")

KNOWN = "an_answer_is_known_however_it_is_written"

FAULTS = [
    _tree(
        "beam tree: an answer that has ended gives its place away",
        "places = self.num_beams - ended",
        "places = self.num_beams",
        "an_answer_keeps_its_place",
    ),
    _tree(
        "beam tree: the least likely are kept",
        "key=lambda one: -one[1]",
        "key=lambda one: one[1]",
        "it_finds_what_the_library_finds",
    ),
    _tree(
        "beam tree: what was dropped counts as an answer",
        "if one.kept and one.ended]",
        "if one.ended]",
        "it_finds_what_the_library_finds",
    ),
    _tree(
        "beam tree: those that have ended grow on",
        "for one in kept if not one.ended]",
        "for one in kept]",
        "every_text_is_grown_from_one_that_was_kept",
    ),
    _tree(
        "beam tree: three beams are too many",
        "if num_beams > MOST_BEAMS:",
        "if num_beams >= MOST_BEAMS:",
        "it_finds_what_the_library_finds",
    ),
    _tree(
        "beam tree: a text continues whatever ends like it",
        "if p.tokens == one.tokens[:-1])",
        "if p.tokens[-1] == one.tokens[-2])",
        "a_line_leads_to_the_text_that_is_continued",
    ),
    _next(
        "next token: the least likely on top",
        "softmax(dim=0).sort(descending=True)",
        "softmax(dim=0).sort()",
        "the_bars_are_the_models_probabilities_likeliest_first",
    ),
    _next(
        "next token: of the tail only the likeliest counts",
        "p[SHOWN:].sum()[None]",
        "p[SHOWN:].amax()[None]",
        "it_says_how_much_lies_in_the_tail",
    ),
    _next(
        "next token: sorted logits, and names as they were",
        '"tokens": order.tolist()',
        '"tokens": list(range(len(order)))',
        "every_prefix_travels_with_its_logits_sorted",
    ),
    _next(
        "next token: a token that is ruled out is let in",
        " or not scores.isfinite().all()",
        "",
        "what_does_not_fit_is_refused",
    ),
    _next(
        "next token: a caption may hold markup",
        "<figcaption>{escape(self.caption)}",
        "<figcaption>{self.caption}",
        "every_prefix_travels_with_its_logits_sorted",
    ),
    _asked(
        "chapter 8, exercise 1: the temperature is turned round",
        "return (p.log() / T).softmax(dim=-1)",
        "return (p.log() * T).softmax(dim=-1)",
        KNOWN,
    ),
    _asked(
        "chapter 8, exercise 2: one bar for all rows",
        "floor = logits.amax(dim=-1, keepdim=True) + share.log()",
        "floor = logits.amax() + share.log()",
        KNOWN,
    ),
    _asked(
        "chapter 8, exercise 3: the end token is counted twice",
        "return log_p / ((5 + length) / 6) ** alpha",
        "return log_p / ((6 + length) / 6) ** alpha",
        KNOWN,
    ),
]
