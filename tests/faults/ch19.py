"""Chapter 19: what a border costs, how far a model looks, and the sheet of its drawings."""

from faults.fault import faults_of

_exercises = faults_of("exercises/chapter_19.py", "test_exercises_19.py")
_right = faults_of("exercises/chapter_19.py", "test_every_exercise.py")
_recl = faults_of("measure/effective_context.py", "test_effective_context.py")
_ngrams = faults_of("measure/ngrams.py", "test_ngrams.py")
_text = faults_of("data/text.py", "test_data_text.py")
_plots = faults_of("show/plots.py", "test_plots.py")
_widgets = faults_of("show/widgets.py", "test_widgets.py")
_canvas = faults_of("show/canvas.py", "test_canvas.py")
_vector = faults_of("show/vector.py", "test_vector.py")

KNOWN = "an_answer_is_known_however_it_is_written"
PROPERTY = "an_unknown_mistake_is_told_a_property"
CELLS = "cells_stand_row_by_row_and_are_as_full_as_large"

FAULTS = [
    _exercises(
        "the price of a border from its dearest place, not from the last",
        "(bits - bits[-1]).sum()",
        "(bits - bits.min()).sum()",
        KNOWN,
    ),
    _exercises(
        "the baseline of a group is its best on average",
        "return _gained(short.min(dim=0).values, long)",
        "return _gained(short[short.mean(-1).argmin()], long)",
        KNOWN,
    ),
    _exercises(
        "a context that is too short lies between the ends",
        "found >= window - stride + 1",
        "found >= window - stride",
        PROPERTY,
    ),
    _exercises(
        "a context that is too long lies between the ends",
        " & (found <= window)",
        "",
        PROPERTY,
    ),
    _exercises(
        "a window is shorter than its stride",
        "return stride + torch.randint(1, 9, (6,)), stride",
        "return torch.randint(1, 9, (6,)), stride",
        "a_window_is_never_shorter_than_its_stride",
    ),
    _right(
        "a gain of nothing is called negative",
        "(function(*given) > -1e-9)",
        "(function(*given) > 1e-9)",
        "the_right_answer_has_every_property",
    ),
    _right(
        "a mistake is the right answer",
        ".clamp(min=0).sum() / math.log(2)",
        ".sum() / math.log(2)",
        "every_known_mistake_is_told_from_the_others",
    ),
    _recl(
        "a part of the positions is rounded down",
        "max(1, round(ratio * losses.size(-1)))",
        "max(1, int(ratio * losses.size(-1)))",
        "a_part_of_the_positions_is_rounded",
    ),
    _recl(
        "of equally hard positions the last",
        "best.argsort(dim=-1, descending=True, stable=True)",
        "best.size(-1) - 1 - best.flip(-1).argsort(dim=-1, descending=True, stable=True)",
        "of_equally_hard_positions_the_first_are_taken",
    ),
    _recl(
        "the last step that gains too little, not the first",
        "next((c for c, gain in zip(lengths, row, strict=False) if gain < threshold), lengths[-1])",
        "[*[c for c, g in zip(lengths, row, strict=False) if g < threshold], lengths[-1]][-2:][0]",
        "lengths_equal_the_algorithm",
    ),
    _recl(
        "the length behind the step that gains too little",
        "next((c for c, gain in zip(lengths, row",
        "next((c for c, gain in zip(lengths[1:], row",
        "it_stops_at_the_first_step_that_is_too_small",
    ),
    _ngrams(
        "numbers beyond 63 bits",
        ">= 2**63",
        ">= 2**64",
        "the_longest_order_is_the_last_whose_numbers_fit",
    ),
    _ngrams(
        "an n-gram that never came has the count of its neighbour",
        "torch.where(keys[place] == wanted, values[place], 0)",
        "values[place]",
        "probabilities_equal_the_formula",
    ),
    _text(
        "no window ends where the text ends",
        "last = len(self.ids) - self.seq_len",
        "last = max(1, len(self.ids) - self.seq_len - 1)",
        "windows_reach_every_place_of_the_text_and_no_further",
    ),
    _text(
        "the last figure is measured on what choices were made on",
        "return self.dev + self.test",
        "return self.test + self.dev",
        "the_parts_are_the_whole_book_a_verse_in_a_line",
    ),
    _plots(
        "lengths to the powers of ten",
        'ax.set_xscale("log", base=2)',
        'ax.set_xscale("log")',
        "lengths_are_doubled_and_written_out",
    ),
    _plots(
        "more groups of bars than colours",
        "_CYCLE[i % len(_CYCLE)]",
        "_CYCLE[i]",
        "each_group_of_bars_has_its_colour_and_a_seventh_the_first_again",
    ),
    _plots(
        "one value for all bars",
        "if heights.shape != (len(labels),):",
        "if heights.size > len(labels):",
        "bars_refuse_another_number_of_values",
    ),
    _widgets(
        "a slide show begins at its first picture",
        "index=start",
        "index=0",
        "slideshow_holds_what_its_control_shows",
    ),
    _widgets(
        "figures stay open behind a slide show",
        "plt.close(figure)",
        "pass",
        "slideshow_is_the_same_in_every_run_and_closes_its_figures",
    ),
    _canvas(
        "a peak that is given is not looked at",
        "peak = peak or values.abs().max().item() or 1.0",
        "peak = values.abs().max().item() or 1.0",
        "a_peak_that_is_given_fills_a_cell",
    ),
    _canvas(
        "a matrix of zeros is divided by its largest",
        "values.abs().max().item() or 1.0",
        "values.abs().max().item()",
        "a_matrix_of_zeros_is_empty",
    ),
    _canvas("rows and columns change places", "x + j * cell, y + i", "x + i * cell, y + j", CELLS),
    _canvas(
        "a minus is not drawn",
        "if value < 0:  # a sign",
        "if value < -1e9:  # a sign",
        "a_sign_is_a_stroke_and_not_a_colour",
    ),
    _canvas(
        "an arrow points from its beginning",
        "(x0, y0), (x, y) = points[-2:]",
        "(x0, y0), (x, y) = points[0], points[-1]",
        "an_arrow_has_its_tip_at_its_end_in_the_direction_of_its_last_part",
    ),
    _canvas(
        "what the pointer finds is markup",
        "<title>{escape(said)}</title>",
        "<title>{said}</title>",
        "what_is_written_is_text_and_never_markup",
    ),
    _canvas(
        "a frame does not make the sheet taller",
        "            y + height,\n        )\n\n    def grid",
        "            y,\n        )\n\n    def grid",
        "a_sheet_is_as_tall_as_what_stands_on_it",
    ),
    _canvas(
        "drawings of one title have one name",
        "(self.title + body).encode()",
        "self.title.encode()",
        "two_drawings_of_one_title_have_two_names",
    ),
    _vector(
        "only the first colour is the page's to change",
        r'_COLOR.sub(r"var(--c-\1, #\1)", svg)',
        r'_COLOR.sub(r"var(--c-\1, #\1)", svg, count=1)',
        "every_colour_is_a_variable_that_falls_back_to_itself",
    ),
    _vector(
        "the parts of all plots have the same names",
        '_NAMES.sub("", svg)',
        "svg",
        "nothing_reaches_beyond_the_plot",
    ),
    _vector(
        "an inch of a page has 72 pixels",
        "* 96 / 72",
        "* 72 / 72",
        "it_is_as_large_as_in_inches_and_says_what_it_shows",
    ),
]
