"""Chapter 14: the drawing of a picture that is read, and the order in which a reader mixes."""

from faults.fault import faults_of

_read = faults_of("show/picture_read.py", "test_picture_read.py")
_models = faults_of("show/page_models.py", "test_page_models.py")

NAMES = "names_and_shapes_are_those_of_the_run"
CELLS = "cells_hold_the_numbers_of_the_run"
CLASS = "a_class_token_stands_before_the_patches_and_is_read"
STRIPES = "stripes_are_no_squares_of_the_picture"
REFUSED = "what_it_cannot_tell_is_refused"
ORDER = "a_reader_refuses_what_does_not_fit"

FAULTS = [
    _read("the largest counts as the mean", "features.mean(dim=1)", "features.amax(dim=1)", NAMES),
    _read(
        "whatever is read is the mean", "if same(read, features.mean(dim=1)):", "if True:", REFUSED
    ),
    _read(
        "the first token is not looked for", "if same(read, features[:, 0]):", "if False:", CLASS
    ),
    _read("a class token is not said", "] * self.before,", "] * 0,", CLASS),
    _read("layers are not counted", 'f"{count} × ', 'f"', NAMES),
    _read("only the first number is drawn", ":numbers].T", ":1].T", CELLS),
    _read("the table is the sum", "part.got - part.tensors[0]", "part.got", CELLS),
    _read(
        "scores are no probabilities", "chances = scores.softmax(dim=-1)", "chances = scores", CELLS
    ),
    _read(
        "lines stand on any picture",
        "if same(patches, patchify(picture, size)[0]):",
        "if True:",
        STRIPES,
    ),
    _read("a batch is taken", "picture.shape[:2] != (1, 1)", "picture.size(1) != 1", REFUSED),
    _read("a picture passes for patches", "if patches.dim() != 3 or", "if False and", REFUSED),
    _models("a place may be missing", " or {*range(count)} - {*order}", "", ORDER),
    _models("an order may be too long", " or len(order) != count", "", ORDER),
    _models(
        "positions need not be learned", "if not learned or not is_list", "if not is_list", ORDER
    ),
    _models(
        "the order is left behind",
        "order=order or [],",
        "order=[],",
        "a_reader_keeps_its_samples_as_pixels",
    ),
]
