"""Call everything that is public with what nobody should give it, and see what is said.

    python tests/bad_inputs.py                what each function says, in sums
    python tests/bad_inputs.py --list         and every call that was not refused in words
    python tests/bad_inputs.py --write        keep the sums in tests/bad_inputs.md

Each call differs from a good one (tests/good_calls.py) in one argument. A new function joins by
itself: its arguments are known by name. An outcome is

    clear     ValueError or FloatingPointError, and the message names the argument
    obscure   any other exception: torch's or Python's own words
    silent    a result, as if nothing were wrong
    right     a result, and so it is documented: RIGHT says where
"""

import argparse
import contextlib
import dataclasses
import importlib
import inspect
import os
import pkgutil
import re
import sys
import tempfile
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import good_calls
import matplotlib as mpl
import matplotlib.pyplot as plt
import torch
from hostile import hostile

import transformer_lib

SUMMARY = Path(__file__).with_suffix(".md")
OUTCOMES = ("clear", "obscure", "silent", "right")

# Not called: each with the reason.
SKIPPED = {
    "checks": "are the refusals themselves",
    "recipes": "train for minutes, or need a trained model",
    "chat": "load a published model, or need one",
    "learning": "reads a file of the user's, refused line by line in test_learning",
    "LineJudge|line_judge": "takes words and numbers of a table",
    "kernels": "are called by attention alone, behind its checks",
    "check_(objects|boxes|attention|mask)": "are refusals themselves",
    "join": "is called for every merge, behind the checks of BytePairs",
    "Reading|plain|factor|set|restore": "are inside of `train`, behind its checks",
    "check_memory|decay|split_heads|join_heads|state_before": "are called within, behind checks",
    "downloads": "ask the network",
    "load_cifar10|load_captions|load_fashion_mnist|load_tiny_shakespeare": "ask the network",
    "use_style|plot": "draw, and take nothing but axes",
    "step|closure|sync|add_param_group": "are torch's own, or called by our code alone",
}

KINDS = "bool|int64|half|float64|complex64|meta"
# What may be given, though it looks hostile: where, which values, and where it is documented.
RIGHT = [
    ("(layers|models|training|augment|images)\\..*", "NaN"),  # numbers in, numbers out
    ("(augment|images|plots|widgets)\\..*", "half|float64"),  # pictures and maps of any precision
    ("alignment.weights", "half|float64"),
    ("(attention_map|attention_grid|AttentionExplorer).weights", "bool|int64|extra axis|array"),
    ("LookUp.(keys|values)", "half|float64"),
    ("(choosing|quantize|measure)\\..*", "half|float64|extra axis"),
    ("DigitReader.(samples|first)|BeamTree.(first|after)", "half|float64"),
    ("training_step.x", "half|float64|NaN"),  # numbers of any precision
    ("token_(loss|sum).logits", "half|float64"),
    ("attention.(q|k|v)", "extra axis"),
    ("FeedForward.forward.x|(GPT|Transformer).logits.features|unit_vectors.x", "extra axis"),  # (…)
    ("unit_vectors.x|interpolate_grid.table", "half|float64|meta"),  # of any precision, or a shape
    ("sine_places.points|orthogonalize.x", "half|float64|meta|extra axis"),
    ("(Sinusoidal|Relative)Positions.forward.x|Rotary.forward.x", "meta|no axis"),  # type and place
    ("Dropout.forward.x", f"{KINDS}|extra axis|no axis"),  # of any shape and type
    ("RelativeAttention.rows.x", "extra axis|no axis"),  # lends its type and device alone
    (
        "patchify.images|unpatchify.patches|relative_shift.scores",
        KINDS,
    ),  # move numbers
    ("relative_shift.scores", "extra axis"),  # (…)
    ("shape_of.x", f"{KINDS}|extra axis|no axis|NaN"),  # has a shape
    ("padding_mask.lengths", "uint8"),  # whole numbers too
    ("padding_mask_from_ids.(ids|pad_id)", "meta|too high|negative|-1"),  # of any vocabulary
    ("bits_(in_chunks|sliding).tokens", "too high"),  # refused by the model, under its own name
    ("token_(loss|sum).pad_id", "-1"),  # an id that no token has, as torch's -100
    ("to_corners.boxes", "NaN"),  # numbers in, numbers out
    ("Icons.images", "half|float64|NaN"),  # pictures of any precision
    ("hide_words.ids", "meta"),  # moves ids, of any device
    ("sound_picture.sound", "float64"),
    ("focal_loss.logits", "NaN"),  # numbers in, numbers out
    ("focal_loss.wanted", "no axis"),  # broadcasts
    ("(?:Placed\\w+).forward.(places|context_places)", "extra axis"),  # broadcast
    ("CLIP.(images|forward|loss).pictures", ".*"),  # refused by the tower, under its own name
    ("vision_config.width", ".*"),  # refused under the name that it has there
    ("Transformer.decode.context_mask", ".*"),  # refused as a mask
    ("DETR.probabilities.logits", "half|float64|extra axis"),  # (…), of any precision
    ("mean_of_tokens.features", "half|float64"),
    ("Neighbours.guess.(left|right)", "-1"),  # EDGE
    ("Neighbours.guesses.pad_id", "-1"),  # an id that no token has
    ("WaveTable.(name|width)", ".*"),  # a base: refused under the name that an heir hands on
    ("(data|measure|show)\\..*\\.(text|word|title|said|label|uncover)", "'no such name'"),
    ("WordTable.search.dropping|HandedDown.bias", "-1.0"),  # below 0 too
    ("writable_folder.folder", "None|5|\\['a'\\]"),  # refused as `train` calls it: checkpoint
    ("weights.save.file|save_sharded.folder", "'no such name'"),  # a folder that is not there yet
    ("positions.*.forward.x", "half|float64|extra axis"),
    ("phi.x", "half|float64|extra axis"),
    ("KVCache.*.layer|MemoryCache.*.layer", ".*"),  # any object stands for a layer
    ("(worlds|episodes)\\..*", "NaN|half|float64|extra axis"),  # numbers in, numbers out
    ("asking.wish", "-1.0"),  # what costs has a return below zero
    ("play.starts", "bool|int64|complex64|meta"),  # refused, under the name of `states`
    ("(causal|sliding_window|summary)_mask.device", ".*"),  # torch says what a device is
    ("shift_images.(down|right)", "-1"),  # up, and left
    ("(generate|beam_search).inputs", "too high|negative"),  # refused, under the name of `start`
    (
        "stratified_split.labels|Images.labels|Streams.ids|Windows.ids",
        "too high",
    ),  # of no vocabulary
    ("Vocabulary.decode.ids", "uint8"),
    ("(Vocabulary.*|edit_distance).(symbols|text|a|b)", "'no such name'|\\['a'\\]"),
    ("encode_words.words", "\\['a'\\]"),
    ("ratings.words.text", "'no such name'"),
    ("reasons.*.(vectors|baseline)", "NaN"),  # numbers in, numbers out
    ("reasons.*.row", "'text'"),  # a list of its letters
    ("plots.*.(title|xlabel|ylabel)", "None|5|\\['a'\\]|'.*'|object\\(\\)"),  # matplotlib's
    ("slideshow.alt", "\\['a'\\]"),  # a text for each picture
    ("(labels|queries|keys|alt|label|caption|rows|columns|characters)", "'text'|'no such name'"),
    ("checkpoints.*.folder|History.*", "'no such name'"),  # a folder that is not there yet
]


class Call(NamedTuple):
    """Something public, and how to call it with arguments by name."""

    module: str
    name: str
    function: Callable
    make: Callable[[], Callable] | None  # for a method: makes what it is called on


def calls() -> Iterator[Call]:
    """Every public function, class and method of the package."""
    for found in pkgutil.walk_packages(transformer_lib.__path__, "transformer_lib."):
        if found.name.endswith("__main__"):
            continue
        module = importlib.import_module(found.name)
        short = found.name.removeprefix("transformer_lib.")
        for name, thing in sorted(vars(module).items()):
            if name.startswith("_") or getattr(thing, "__module__", "") != found.name:
                continue
            if not callable(thing) or _is_skipped(short, name) or _is_record(thing):
                continue
            yield Call(short, name, thing, None)
            if inspect.isclass(thing):
                for method, function in vars(thing).items():
                    public = not method.startswith("_") or method in ("__call__", "__getitem__")
                    if public and inspect.isfunction(function) and not _is_skipped(short, method):
                        make = _maker(thing, name)
                        yield Call(short, f"{name}.{method}", function, make)


def _maker(kind: type, name: str) -> Callable[[], Any]:
    return good_calls.FILLED.get(name, lambda: kind(**good_arguments(name, kind)))


def _is_skipped(module: str, name: str) -> bool:
    return any(
        re.fullmatch(f"(.*\\.)?({pattern})(\\..*)?", module) or re.fullmatch(pattern, name)
        for pattern in SKIPPED
    )


def _is_record(thing: Any) -> bool:
    """Keeps what it is given and computes nothing; or says only what others must offer."""
    keeps = dataclasses.is_dataclass(thing) and not hasattr(thing, "__post_init__")
    keeps = keeps or (inspect.isclass(thing) and issubclass(thing, tuple))
    return keeps or getattr(thing, "_is_protocol", False) or inspect.isabstract(thing)


def parameters(function: Callable) -> dict[str, inspect.Parameter]:
    found = inspect.signature(function).parameters
    named = {n: p for n, p in found.items() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}
    return {n: p for n, p in named.items() if n != "self"}


def good_value(name: str, argument: str) -> Callable[[], Any] | None:
    """What makes a good value for an argument; None where nobody has said."""
    for key in (f"{name}.{argument}", argument):
        if key in good_calls.GOOD:
            return good_calls.GOOD[key]
    return None


def good_arguments(name: str, function: Callable) -> dict[str, Any]:
    """Arguments that work: what is required, and what is named for this function."""
    found = {}
    for argument, parameter in parameters(function).items():
        required = parameter.default is parameter.empty
        make = good_value(name, argument)
        if make is not None and (required or f"{name}.{argument}" in good_calls.GOOD):
            found[argument] = make()
    return found


# --- outcomes --------------------------------------------------------------------------------


class Found(NamedTuple):
    """One call and what came of it."""

    call: Call
    argument: str
    value: str
    outcome: str
    said: str


def run(call: Call, changes: dict[str, Any]) -> None:
    """Call it; a generator or context is entered."""
    arguments = good_arguments(call.name, call.function) | changes
    target = () if call.make is None else (call.make(),)
    if call.make is not None and isinstance(target[0], torch.nn.Module):
        target[0].eval()
        function = getattr(target[0], call.name.rpartition(".")[2])
        function = target[0] if call.name.endswith(".forward") else function
        result = function(**arguments)
    else:
        result = call.function(*target, **arguments)
    if isinstance(result, contextlib.AbstractContextManager):
        with result:
            pass


def examine(call: Call) -> Iterator[Found]:
    """All bad calls of one function; nothing where not even the good call works."""
    for argument, parameter in parameters(call.function).items():
        make = good_value(call.name, argument)
        required = parameter.default is parameter.empty
        named = f"{call.name}.{argument}" in good_calls.GOOD
        good = make() if make is not None and (required or named) else None
        for value, bad in hostile(argument, parameter, good):
            outcome, said = "silent", ""
            try:
                run(call, {argument: bad})
            except (ValueError, FloatingPointError) as error:
                said = str(error)
                outcome = "clear" if re.search(rf"\b{argument}\b", said) else "obscure"
            except Exception as error:
                outcome, said = "obscure", f"{type(error).__name__}: {error}"
            finally:
                plt.close("all")
            place = f"{call.module}.{call.name}.{argument}"
            if outcome != "clear" and any(
                re.search(f"(^|\\.)({where})$", place) and re.fullmatch(what, value)
                for where, what in RIGHT
            ):
                outcome = "right"
            yield Found(call, argument, value, outcome, said[:100].replace("\n", " "))


def examine_all(only: str = "") -> tuple[list[Found], dict[str, str]]:
    """Every bad call, and the functions of which no good call is known, with what it says."""
    mpl.use("agg")
    found, unknown = [], {}
    warnings.simplefilter("ignore")
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)  # a path that should be refused makes a file there, if it is not
        try:
            for call in calls():
                if only not in f"{call.module}.{call.name}":
                    continue
                try:
                    run(call, {})
                except Exception as error:
                    unknown[f"{call.module}.{call.name}"] = f"{type(error).__name__}: {error}"[:90]
                    continue
                found += examine(call)
        finally:
            os.chdir(here)
    return found, unknown


def summary(found: list[Found], unknown: dict[str, str]) -> str:
    """The sums as a page: a row for each module."""
    rows: dict[str, Counter] = defaultdict(Counter)
    for one in found:
        rows[one.call.module][one.outcome] += 1
    total = sum(rows.values(), Counter())
    calls = total.total() - total["right"]
    shares = {name: f"{total[name] / max(1, calls):.1%}" for name in OUTCOMES[:3]}
    lines = [
        "# Bad inputs",
        "",
        f"{total.total():,} calls, each with one argument that nobody should give: of those that "
        f"should be refused {shares['clear']} are in words that name the argument, "
        f"{shares['obscure']} in other words, {shares['silent']} not at all. Made by "
        "`python tests/bad_inputs.py --write`.",
        "",
        "| module | " + " | ".join(OUTCOMES) + " |",
        "|---|" + "---:|" * len(OUTCOMES),
    ]
    lines += [
        f"| {name} | " + " | ".join(str(rows[name][o]) for o in OUTCOMES) + " |"
        for name in sorted(rows)
    ]
    lines += [
        "",
        f"Without a good call: {', '.join(sorted(unknown)) or 'none'}.",
        "",
        "Not called:",
        "",
    ]
    lines += [f"- `{pattern}`: they {reason}" for pattern, reason in SKIPPED.items()]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="keep the sums")
    parser.add_argument("--list", action="store_true", help="every call that is not clear")
    parser.add_argument("--only", default="", help="functions whose name holds this")
    chosen = parser.parse_args()
    found, unknown = examine_all(chosen.only)
    if chosen.list:
        for one in found:
            if one.outcome in ("obscure", "silent"):
                where = f"{one.call.module}.{one.call.name}({one.argument} = {one.value})"
                print(f"{one.outcome:8}{where}  {one.said}")
        for name, said in unknown.items():
            print(f"no good call: {name}: {said}")
    page = summary(found, unknown)
    print(page)
    if chosen.write:
        SUMMARY.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
