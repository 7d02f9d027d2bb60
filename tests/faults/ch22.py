"""Chapter 22: what a memory saves on a text, a segment in a layer, and the exercises."""

from faults.fault import faults_of

_saved = faults_of("show/saved_bits.py", "test_saved_bits.py")
_layer = faults_of("show/memory_layer.py", "test_memory_layer.py")
_marks = faults_of("exercises/chapter_22.py", "test_exercises_22.py")

GROUND = "the_ground_is_what_the_memory_saves"
SAID = "what_is_said_is_counted"
REFUSED = "what_does_not_fit_is_refused"
SPANS = "queries_come_from_the_segment_keys_and_values_from_both"
NAMED = "an_answer_is_known_however_it_is_written"

FAULTS = [
    _saved(
        "saved bits: the sign is turned",
        "return self.bits[way][0] - self.bits[way][self.lengths.index(length)]",
        "return self.bits[way][self.lengths.index(length)] - self.bits[way][0]",
        GROUND,
    ),
    _saved(
        "saved bits: early is late",
        "% self.seg_len < self.early",
        "% self.seg_len > self.early",
        SAID,
    ),
    _saved(
        "saved bits: what it costs without is said as what it costs",
        "{costs:.2f} bits, ",
        "{none:.2f} bits, ",
        SAID,
    ),
    _saved(
        "saved bits: every way has the first one's sentences",
        "[self.said(way, length) for length",
        "[self.said(first, length) for length",
        "the_page_has_all_bits_and_sentences",
    ),
    _saved(
        "saved bits: markup",
        "escape(_visible(letter))",
        "_visible(letter)",
        "names_and_letters_are_text_on_the_page",
    ),
    _saved(
        "saved bits: the end of a line is not seen",
        'return "↵" if letter',
        'return letter if letter',
        "a_segment_is_a_block_of_its_own",
    ),
    _saved(
        "saved bits: half a segment passes", "if not text or len(text) % seg_len:", "if not text:",
        REFUSED,
    ),
    _saved(
        "saved bits: lengths in any order pass",
        "or self.lengths != sorted({*self.lengths})",
        "",
        REFUSED,
    ),
    _layer(
        "memory layer: queries of the memory too",
        "begin = start if all(",
        "begin = start if not all(",
        SPANS,
    ),
    _layer(
        "memory layer: a memory that was not read is drawn as read",
        "begin = start if all(same(e.tensors[0], read) for e in seen) else first",
        'begin = start if name == "q_proj" else first',
        "a_layer_that_does_not_read_its_memory_is_drawn_so",
    ),
    _layer(
        "memory layer: the oldest are remembered",
        "span(end - kept.size(1), end)",
        "span(first, first + kept.size(1))",
        SPANS,
    ),
    _layer(
        "memory layer: always the first head",
        "weights[head], \"score\"",
        "weights[0], \"score\"",
        "cells_are_the_weights_of_the_head",
    ),
    _layer(
        "memory layer: any memory passes",
        "if kept.requires_grad or not same(",
        "if kept.requires_grad and not same(",
        REFUSED,
    ),
    _marks(
        "exercise 22.1: the axes of a right answer",
        "return ids.view(batch_size, -1, seg_len).transpose(0, 1)",
        "return ids.view(batch_size, -1, seg_len)",
        NAMED,
    ),
    _marks(
        "exercise 22.3: one position too many",
        "return (distance >= 0) & (distance < mem_len)",
        "return (distance >= 0) & (distance <= mem_len)",
        NAMED,
    ),
    _marks("exercise 22.4: positions are left out", "+ 3 * length * d_model)\n\n\n# ---",
           "+ 2 * length * d_model)\n\n\n# ---", NAMED),
]  # fmt: skip
