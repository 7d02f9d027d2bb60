"""Chapter 26: what is left of the past, and the exercises' marks."""

from faults.fault import faults_of

_past = faults_of("show/past.py", "test_past.py")
_marks = faults_of("exercises/chapter_26.py", "test_exercises_26.py")

LITTLE = "nothing_is_told_from_little"
SCALE = "the_scale_of_a_matrix_does_not_matter"
DRAWN = "the_first_state_is_drawn_without_a_script"
TOLD = "the_script_is_told_every_number"
NUMBERS = "numbers_as_one_reads_them"
REFUSED = "a_kind_that_cannot_be_drawn"
TOGETHER = "kinds_that_do_not_go_together"
MARKED = "an_answer_is_marked_by_what_it_does"

FAULTS = [
    _past("little is drawn as nothing", "found[i, j] == 0", "found[i, j] < 0.1", LITTLE),
    _past("rows are compared with the whole", "amax(1, keepdim=True)", "amax()", LITTLE),
    _past("small scales are cut off", "clamp_min(1e-300)", "clamp_min(1e-8)", SCALE),
    _past("small shares vanish", "_FAINTEST = 0.4", "_FAINTEST = 1.0", LITTLE),
    _past(
        "the first token is drawn",
        "kind.shades(self.views[0])[-1]",
        "kind.shades(self.views[0])[0]",
        DRAWN,
    ),
    _past(
        "nothing is drawn faintly",
        'return "0" if shade == "." else',
        'return "0.08" if shade == "." else',
        DRAWN,
    ),
    _past(
        "names are markup", "{escape(kind.name)}", "{kind.name}", "words_are_words_and_never_markup"
    ),
    _past(
        "a name may end the script",
        '.replace("<", "\\\\u003c")',
        "",
        "words_are_words_and_never_markup",
    ),
    _past("times are left out", "for n, time in kind.times.items()", "for n, time in ()", TOLD),
    _past("kilobytes of a thousand", "{kept / 1024:,.0f} KiB", "{kept / 1000:,.0f} KiB", NUMBERS),
    _past("a bar is not bounded", "min(100.0, max(1.0,", "min(900.0, max(0.0,", NUMBERS),
    _past(
        "negative influence is drawn",
        "(found.isfinite() & (found >= 0))",
        "found.isfinite()",
        REFUSED,
    ),
    _past("a table may be a row", "table.dim() != 2", "table.dim() > 2", REFUSED),
    _past("views may differ in size", ", *{len(x) for x in k.seen.values()})", ",)", TOGETHER),
    _past(
        "measured heads need not be there", "if measured not in self.heads:", "if False:", TOGETHER
    ),
    _marks("a window forgets itself", "(torch.arange(length) + 1)", "torch.arange(length)", MARKED),
    _marks("the future counts", ".triu(1)\n", ".triu(9)\n", MARKED),
]
