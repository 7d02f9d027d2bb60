"""What every recipe's run does: what it trains on and how, what it measures when, what it writes.

`train` and what measures are spies here, so a run takes seconds; each call to a measure gets a
number of its own, so a row of the card says which call it came from.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from itertools import count, islice
from types import SimpleNamespace

import pytest
import torch
from torch.testing import assert_close

from transformer_lib.data.augment import jitter
from transformer_lib.data.icons import IconBatches, load_icons
from transformer_lib.data.images import ImageBatches, load_mnist_5k
from transformer_lib.data.pairs import PairBatches
from transformer_lib.data.pronunciations import load_pronunciations, pairs_of
from transformer_lib.data.scenes import MEDIUM, SceneBatches
from transformer_lib.data.streams import Streams
from transformer_lib.data.text import Windows, load_king_james
from transformer_lib.recipes import (
    digits_vit,
    icons_clip,
    pronunciations,
    running,
    scenes_segmenter,
    verses_gpt,
    verses_xl,
)
from transformer_lib.training.checkpoints import save_checkpoint
from transformer_lib.training.history import History
from transformer_lib.training.schedules import trapezoid_schedule
from transformer_lib.training.segments import SegmentLoss
from transformer_lib.weights import SHIPPED, load


@pytest.fixture(scope="module")
def text():
    whole = load_king_james()
    return replace(whole, train=whole.train[:40_000], dev=whole.dev[:30_000], test=whole.test[:900])


@pytest.fixture(scope="module")
def words():
    data = load_pronunciations()
    few = {
        name: dict(islice(getattr(data, name).items(), size))
        for name, size in (("train", 600), ("dev", 50), ("test", 30))
    }
    return replace(data, **few)


@pytest.fixture(scope="module")
def digits():
    return load_mnist_5k()


@pytest.fixture(scope="module")
def scenes():
    return scenes_segmenter.load_scenes()


@pytest.fixture(scope="module")
def icons():
    return load_icons()


class Spies:
    """Stand in for what measures; remember what they were asked, and answer 0.001, 0.002, …."""

    def __init__(self, monkeypatch):
        self.patch, self.asked, self.number = monkeypatch, [], count(1)

    def answer(self, model, *what):
        rounded = all(torch.equal(p, p.half().float()) for p in model.parameters())
        self.asked.append((*what, "rounded" if rounded else "trained"))
        return next(self.number) / 1000

    def texts(self, module, text, names):
        """Measures of bits, which are asked about parts of a text."""
        parts = {name: text.characters.encode(getattr(text, name)) for name in PARTS}
        progress = parts["dev"][: module.SAMPLE]

        def spy(name, model, ids, **options):
            said = [n for n, part in parts.items() if torch.equal(part, ids)]
            if torch.equal(ids, progress) and not self.asked:
                said = ["sample"]
            model = getattr(model, "__self__", model)
            return torch.tensor(self.answer(model, name, *said, options), dtype=torch.float64)

        for name in names:
            self.patch.setattr(module, name, partial(spy, name))


PARTS = ("train", "dev", "test", "held_out")


def spy_gpt(spies, text):
    spies.texts(verses_gpt, text, ["bits_in_chunks", "bits_sliding"])


def spy_xl(spies, text):
    spies.texts(verses_xl, text, ["bits_with_memory"])


def spy_words(spies, data):
    """Pronounce all words rightly, but for as many as there were calls before."""
    parts = {tuple(getattr(data, name)): name for name in ("train", "dev", "test")}
    parts[tuple(list(data.dev)[::5])] = "sample"
    listed = data.train | data.dev | data.test

    def pronounce(model, asked, lexicon, *, num_beams=pronunciations.NUM_BEAMS):
        assert lexicon is data
        wrong = round(1000 * spies.answer(model, parts[tuple(asked)], num_beams))
        return [("AA",) * 40 if i < wrong else listed[word][0] for i, word in enumerate(asked)]

    spies.patch.setattr(pronunciations, "pronounce", pronounce)


def spy_digits(spies, data):
    def accuracies(model, part):
        name = "test" if part is data.test else "train" if part is data.train else "other"
        share = spies.answer(model, name)
        return {"plain": share, "nine shifts": share + 0.5}

    spies.patch.setattr(digits_vit, "accuracies", accuracies)
    spies.patch.setattr(digits_vit, "svm_accuracy", lambda given: 0.25 + (given is not data))


def spy_scenes(spies, data):
    def class_scores(model, scenes):
        part = "medium" if scenes is data.medium else "hard" if scenes is data.hard else "other"
        score = spies.answer(model, part)
        per_class = torch.tensor([score] * 10 + [9.0])
        return SimpleNamespace(per_class=lambda: per_class, mean=lambda: score + 0.5)

    spies.patch.setattr(scenes_segmenter, "class_scores", class_scores)


def spy_icons(spies, data):
    """Note which pictures are read; each table gets a number of its own, its R@5 a half more."""

    def image_vectors(model, images):
        spies.answer(model, "straight" if images is data.test.images else "moved")
        return torch.zeros(len(images), icons_clip.WIDTH)

    tables = count(1)

    def recall_at(_scores):
        share = next(tables) / 1000
        return share, share + 0.5

    spies.patch.setattr(icons_clip, "image_vectors", image_vectors)
    spies.patch.setattr(icons_clip, "recall_at", recall_at)


def chunks(*parts):
    """In chunks and sliding, of each part."""
    return [
        (name, part, options, state)
        for part, state in parts
        for name, options in (
            ("bits_in_chunks", {"window": 256}),
            ("bits_sliding", {"window": 256, "stride": 64}),
        )
    ]


def memories(*parts):
    return [
        ("bits_with_memory", part, {"seg_len": 128, "mem_len": mem_len}, state)
        for part, state in parts
        for mem_len in (0, 128, 256, 512)
    ]


AT_THE_END = [
    ("dev", "trained"),
    ("dev", "rounded"),
    ("test", "rounded"),
    ("held_out", "rounded"),
]


@dataclass(frozen=True)
class Expected:
    """What a recipe is, said a second time."""

    data: str
    spy: Callable
    batches: Callable
    loss: Callable
    steps: int
    every: int
    warmup: int
    rates: tuple
    asked: list
    rows: list
    settings: str


EXPECTED = {
    "pronunciations": Expected(
        "words",
        spy_words,
        lambda d: PairBatches(pairs_of(d.train), d.letters, d.phonemes, batch_size=256, seed=0),
        lambda loss: loss is pronunciations.pair_loss,
        6000,
        200,
        100,
        (0.02, 3e-3, 0.05),
        [
            ("sample", 1, "trained"),
            ("dev", 5, "trained"),
            ("dev", 5, "rounded"),
            ("test", 5, "rounded"),
        ],
        [
            r"\| dev, float32 \| [\d.]+ % \| 4.00 % \|",  # 2 of 50 words
            r"\| dev, float16 \| [\d.]+ % \| 6.00 % \|",
            r"\| test, float16 \| [\d.]+ % \| 13.33 % \|",  # 4 of 30
        ],
        "seed 0, batches of 256 words",
    ),
    "verses_gpt": Expected(
        "text",
        spy_gpt,
        lambda d: Windows(d.characters.encode(d.train), batch_size=16, seq_len=256, seed=0),
        lambda loss: loss is verses_gpt.window_loss,
        7000,
        200,
        50,
        (0.02, 3e-3, 0.02),
        [("bits_in_chunks", "sample", {"window": 256}, "trained"), *chunks(*AT_THE_END)],
        [
            r"\| dev, float32 \| 0.0020 \| 0.0030 \|",
            r"\| dev, float16 \| 0.0040 \| 0.0050 \|",
            r"\| test, float16 \| 0.0060 \| 0.0070 \|",
            r"\| held out, float16 \| 0.0080 \| 0.0090 \|",
        ],
        "seed 0, batches of 16 windows of 256 characters",
    ),
    "verses_xl": Expected(
        "text",
        spy_xl,
        lambda d: Streams(d.characters.encode(d.train), batch_size=16, seg_len=128),
        lambda loss: type(loss) is SegmentLoss,
        12000,
        200,
        50,
        (0.02, 3e-3, 0.02),
        [("bits_with_memory", "sample", {"seg_len": 128}, "trained"), *memories(*AT_THE_END)],
        [
            r"\| bits per character, memory of \| 0 \| 128 \| 256 \| 512 \|",
            r"\| dev, float32 \| 0.0020 \| 0.0030 \| 0.0040 \| 0.0050 \|",
            r"\| dev, float16 \| 0.0060 \| 0.0070 \| 0.0080 \| 0.0090 \|",
            r"\| test, float16 \| 0.0100 \| 0.0110 \| 0.0120 \| 0.0130 \|",
            r"\| held out, float16 \| 0.0140 \| 0.0150 \| 0.0160 \| 0.0170 \|",
        ],
        "seed 0, 16 streams in segments of 128 characters",
    ),
    "digits_vit": Expected(
        "digits",
        spy_digits,
        lambda d: ImageBatches(
            d.train,
            batch_size=64,
            seed=0,
            augment=partial(jitter, shift=2.0, degrees=10.0, scale=0.1, shear=0.1),
        ),
        lambda loss: loss is digits_vit.class_loss,
        4000,
        250,
        100,
        (0.02, 1e-2, 0.05),
        [("test", "trained"), ("test", "rounded")],  # once, and not underway
        [
            r"\| this model, float32 \| 0.1 % \| 50.1 % \|",
            r"\| this model, float16 \| 0.2 % \| 50.2 % \|",
            r"\| support vector machine, .* \| 25.0 % \| \|",
        ],
        "seed 0, batches of 64 digits",
    ),
    "scenes_segmenter": Expected(
        "scenes",
        spy_scenes,
        lambda d: SceneBatches(d.train, batch_size=32, seed=0, difficulty=MEDIUM),
        lambda loss: loss is scenes_segmenter.pixel_loss,
        20_000,
        1000,
        50,
        (0.015, 5e-3, 0.05),
        [("medium", "trained"), ("medium", "rounded"), ("hard", "rounded")],
        [
            r"\| medium, float32 \| 0.001 \| 0.501 \|",
            r"\| medium, float16 \| 0.002 \| 0.502 \|",
            r"\| hard, float16 \| 0.003 \| 0.503 \|",
        ],
        "seed 0, batches of 32 scenes",
    ),
    "icons_clip": Expected(
        "icons",
        spy_icons,
        lambda d: IconBatches(
            d.train,
            d.vocabulary,
            batch_size=256,
            seed=0,
            augment=partial(jitter, shift=2.0, degrees=10.0, scale=0.15, shear=0.15),
        ),
        lambda loss: loss is icons_clip.pair_loss,
        3000,
        500,
        50,
        (0.02, 5e-3, 0.05),
        [
            ("straight", "trained"),
            ("moved", "trained"),
            ("straight", "rounded"),
            ("moved", "rounded"),
        ],
        [
            r"\| test, float32 \| 0.001 \| 0.501 \| 0.002 \| 0.502 \| 0.003 \| 0.503 \|",
            r"\| test, float16 \| 0.004 \| 0.504 \| 0.005 \| 0.505 \| 0.006 \| 0.506 \|",
        ],
        "seed 0, batches of 256 pairs",
    ),
}
BY_NAME = pytest.mark.parametrize("name", EXPECTED)


def recipe_of(name, **changes):
    return replace(import_module(f"transformer_lib.recipes.{name}").RECIPE, **changes)


@pytest.fixture
def trained(monkeypatch):
    """Calls of `train`, which is not called: it looks at the model once, and moves it a little."""
    calls = []

    def train(model, loss, batches, **options):
        calls.append({"model": model, "loss": loss, "batches": batches} | options)
        calls[-1]["started"] = {n: p.clone() for n, p in model.state_dict().items()}
        with torch.no_grad():
            for p in model.parameters():
                p.add_(1e-5)  # so that float16 would round it
        steps = options["steps"]
        scores = {steps: options["evaluate"](model.eval())}
        return History([1.0] * steps, [1.0] * steps, [1.0] * steps, scores)

    monkeypatch.setattr(running, "train", train)
    return calls


@pytest.fixture
def options(tmp_path):
    return ["--checkpoint", str(tmp_path / "run"), "--out", str(tmp_path / "new" / "w.safetensors")]


@BY_NAME
def test_a_run_is_what_the_recipe_says(name, request, monkeypatch, trained, options, tmp_path):
    expected = EXPECTED[name]
    data = request.getfixturevalue(expected.data)
    recipe, spies = recipe_of(name, data=lambda: data), Spies(monkeypatch)
    expected.spy(spies, data)
    recipe.main(["--steps", "1200", "--decay", "300", *options])
    (call,) = trained

    ours, theirs = call["batches"], expected.batches(data)
    for n in (0, 1, 2, 3, 99):
        mine, other = (vars(b) if hasattr(b, "__dict__") else b for b in (ours[n], theirs[n]))
        assert_close(mine, other, rtol=0, atol=0)
    assert expected.loss(call["loss"])
    assert call["steps"] == 1200
    assert call["every"] == expected.every
    assert call["autocast"] == recipe.autocast
    assert call["checkpoint"] == tmp_path / "run"
    assert call.keys() == {"model", "loss", "batches", "started", "optimizer", "schedule"} | {
        "steps", "every", "checkpoint", "evaluate", "autocast",
    }  # fmt: skip
    factor = trapezoid_schedule(1200, warmup=expected.warmup, decay=300)
    assert [call["schedule"](s) for s in range(1, 1201)] == [factor(s) for s in range(1, 1201)]
    muon, adamw = call["optimizer"]
    assert muon.param_groups[0]["lr"] == expected.rates[0]
    assert {group["lr"] for group in adamw.param_groups} == {expected.rates[1]}
    assert muon.param_groups[0]["weight_decay"] == expected.rates[2]

    torch.manual_seed(0)
    assert_close(call["started"], recipe.model(data).state_dict(), rtol=0, atol=0)
    assert spies.asked == expected.asked

    file = tmp_path / "new" / "w.safetensors"
    card = file.with_suffix(".md").read_text(encoding="utf-8")
    table = [line for line in card.splitlines() if re.match(r"\|.*\d", line)]
    headings = ("| 1,000 test digits", "| 300 scenes", "| 500 new names")
    table = [line for line in table if not line.startswith(headings)]
    assert len(table) == len(expected.rows)
    for row, line in zip(expected.rows, table, strict=True):
        assert re.fullmatch(row, line), line
    command = f"`python -m transformer_lib train {name} --steps 1200\n  --decay 300`"
    assert f"- **Command**: {command}, {expected.settings}." in card
    assert re.search(rf"\*\*Model\*\*: .*\n  `{re.escape(str(call['model'].config))}`", card)
    assert card.startswith(f"# {recipe.title}: `w.safetensors`\n\n")

    model = load(file)
    assert model.config == call["model"].config
    assert model.symbols == recipe.symbols(data)
    assert {"recipe": name, "steps": 1200, "decay": 300, "seed": 0}.items() <= model.about.items()
    curve = {"bits": 0.001} if name.startswith("verses") else None
    if curve is not None:
        assert model.about["curve"] == ((1200, curve),)
    untold = "digits_vit", "scenes_segmenter", "icons_clip"
    assert ("curve" in model.about) == (name not in untold)


@BY_NAME
def test_what_ships_is_what_the_recipe_makes(name, request):
    data = request.getfixturevalue(EXPECTED[name].data)
    shipped = load(name)
    recipe = recipe_of(name)
    assert recipe.model(data).config == shipped.config
    assert recipe.symbols(data) == shipped.symbols
    assert recipe.steps == EXPECTED[name].steps
    assert recipe.name == name


@pytest.mark.parametrize(
    ("trial", "size", "asked"),
    [("dev", 28, ["other", "other"]), ("small", 8, ["other"])],
)
def test_a_trial_never_sees_the_test_and_writes_nothing(
    trial, size, asked, digits, monkeypatch, trained, options, tmp_path, capsys
):
    spies = Spies(monkeypatch)
    spy_digits(spies, digits)
    recipe_of("digits_vit").main(["--steps", "2", "--trial", trial, *options])
    assert [part for part, _ in spies.asked] == asked
    assert trained[0]["batches"][0].images.size(-1) == size
    assert "test, float32" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
    if trial == "dev":
        data = digits_vit.load_dev()
        known = {image.numpy().tobytes() for image in digits.train.images}
        assert (len(data.train), len(data.test)) == (3600, 400)
        parts = [{i.numpy().tobytes() for i in part.images} for part in (data.train, data.test)]
        assert parts[0] | parts[1] == known
        assert not parts[0] & parts[1]
        assert data.test.labels.bincount().tolist() == [40] * 10


@pytest.mark.parametrize(
    ("arguments", "steps", "decay"),
    [
        ([], 7000, 3500),
        (["--steps", "9"], 9, 4),
        (["--decay", "0"], 7000, 0),
        (["--steps", "9", "--decay", "7"], 9, 7),
    ],
)
def test_half_of_the_steps_are_the_decay_unless_said(arguments, steps, decay, options):
    chosen = running.read_options(verses_gpt.RECIPE, [*arguments, *options])
    assert (chosen.steps, chosen.decay) == (steps, decay)


def test_what_is_written_goes_into_the_users_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(running, "RUNS", tmp_path / "runs")
    monkeypatch.setattr(running, "TRAINED", tmp_path / "models")
    chosen = running.read_options(verses_gpt.RECIPE, [])
    assert chosen.checkpoint == tmp_path / "runs" / "verses_gpt"
    assert chosen.out == tmp_path / "models" / "verses_gpt.safetensors"
    assert not chosen.out.is_relative_to(SHIPPED["verses_gpt"].parent)
    chosen = running.read_options(digits_vit.RECIPE, ["--trial", "dev"])
    assert chosen.checkpoint == tmp_path / "runs" / "digits_vit-dev"  # never the real run's
    monkeypatch.setenv("HOME", str(tmp_path))
    chosen = running.read_options(verses_gpt.RECIPE, ["--out", "~/a/w.safetensors"])
    assert chosen.out == tmp_path / "a" / "w.safetensors"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--steps", "0"], "--steps must be at least 1, got 0"),
        (["--steps", "5", "--decay", "6"], "decay must be in 0 … "),
        (["--out", ""], "--out must end in .safetensors, got '.'"),
        (["--out", "{tmp}/w.md"], "--out must end in .safetensors"),
        (["--out", str(SHIPPED["verses_gpt"]), "--force"], "must not be what ships"),
        (["--out", "{tmp}/there.safetensors"], "there.safetensors is there: --force replaces it"),
        (["--out", "{tmp}/thesis.safetensors"], r"thesis\.md is there: --force replaces it"),
        (["--out", "{tmp}/folder.safetensors"], "folder.safetensors is a folder"),
        (["--out", "{tmp}/there.safetensors/w.safetensors"], "--out must be where a folder can"),
        (["--checkpoint", "{tmp}/thesis.md"], "--checkpoint must be where a folder can"),
    ],
)
def test_what_would_fail_at_the_end_is_refused_at_once(arguments, message, tmp_path, monkeypatch):
    monkeypatch.setattr(running, "train", None)  # no training begins
    (tmp_path / "there.safetensors").write_text("mine")
    (tmp_path / "thesis.md").write_text("mine")
    (tmp_path / "folder.safetensors").mkdir()
    arguments = [part.format(tmp=tmp_path) for part in arguments]
    if "--checkpoint" not in arguments:
        arguments += ["--checkpoint", str(tmp_path / "run")]
    if "--out" not in arguments:
        arguments += ["--out", str(tmp_path / "w.safetensors")]
    with pytest.raises(ValueError, match=message):
        verses_gpt.RECIPE.main(arguments)
    assert (tmp_path / "thesis.md").read_text() == "mine"


def test_force_replaces(tmp_path, options):
    file = tmp_path / "new" / "w.safetensors"
    file.parent.mkdir()
    file.write_text("old")
    file.with_suffix(".md").write_text("old")
    assert running.read_options(verses_gpt.RECIPE, [*options, "--force"]).out == file


def a_run(folder, name, *arguments, steps_done):
    """Leave in `folder` what a run of so many steps leaves."""
    recipe = recipe_of(name)
    out = ["--out", str(folder.parent / "x.safetensors")]
    chosen = running.read_options(recipe, [*arguments, "--checkpoint", str(folder), *out])
    model = torch.nn.Linear(1, 1)
    recipe.check_folder(chosen, model)
    schedule = recipe.schedule(chosen)
    history = {"factor": [schedule(step) for step in range(1, steps_done + 1)]}
    save_checkpoint(folder, steps_done, model, {"history": history})
    return recipe, model, out


@pytest.mark.parametrize(
    ("first", "then", "step"),
    [
        (["--steps", "1"], ["--steps", "1000"], 1),  # a trial of one step, then in earnest
        (["--steps", "10", "--decay", "5"], ["--steps", "20", "--decay", "5"], 1),  # no warm-up
        (["--steps", "600", "--decay", "500"], ["--steps", "600", "--decay", "300"], 101),
        (["--steps", "600", "--decay", "300"], ["--steps", "600", "--decay", "550"], 51),
    ],
)
def test_a_trial_is_not_carried_on(first, then, step, tmp_path):
    done = int(first[1])
    recipe, model, out = a_run(tmp_path / "run", "verses_gpt", *first, steps_done=min(done, 200))
    again = [*then, "--checkpoint", str(tmp_path / "run"), *out]
    message = f"--steps and --decay must leave the rates .*: at step {step} the factor was"
    with pytest.raises(ValueError, match=message):
        recipe.check_folder(running.read_options(recipe, again), model)


def test_where_the_plateau_ends_may_still_be_changed(tmp_path):
    first = ["--steps", "1000", "--decay", "500"]
    recipe, model, out = a_run(tmp_path / "run", "verses_gpt", *first, steps_done=500)
    for then in (
        first,
        ["--steps", "2000", "--decay", "700"],
        ["--steps", "700", "--decay", "200"],
    ):
        again = [*then, "--checkpoint", str(tmp_path / "run"), *out]
        recipe.check_folder(running.read_options(recipe, again), model)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rates": {"lr": 1.0, "warmup": 50}}, "has rates {.*0.02.*}, this run {.*1.0.*}"),
        ({"settings": "batches of 3"}, "has batches 'batches of 16 windows of 256 characters', "),
        ({"name": "verses_xl"}, "has recipe 'verses_gpt', this run 'verses_xl'"),
    ],
)
def test_the_run_of_another_recipe_is_not_carried_on(changes, message, tmp_path):
    recipe, model, out = a_run(tmp_path / "run", "verses_gpt", "--steps", "9", steps_done=3)
    again = ["--steps", "9", "--checkpoint", str(tmp_path / "run"), *out]
    chosen = running.read_options(recipe, again)
    recipe.check_folder(chosen, model)
    with pytest.raises(ValueError, match=f"must be a folder of the same recipe, .* {message}"):
        replace(recipe, **changes).check_folder(chosen, model)
    model.config = "another"
    with pytest.raises(ValueError, match="has model 'None', this run 'another'"):
        recipe.check_folder(chosen, model)


def test_clock_counts_from_lap_to_lap(monkeypatch, capsys):
    monkeypatch.setattr(running.time, "process_time", iter([10.0, 11.5, 15.0]).__next__)
    monkeypatch.setattr(running.time, "strftime", lambda _: "12:34:56")
    clock = running.Clock()
    assert clock.lap({}) == {"cpu_seconds": 1.5}
    assert clock.lap({"bits": 2.5, "wer": 0}) == {"bits": 2.5, "wer": 0, "cpu_seconds": 3.5}
    assert capsys.readouterr().err == (
        "12:34:56  2 s of processor time\n"
        "12:34:56  bits 2.5000, wer 0.0000, 4 s of processor time\n"
    )


def test_card_says_what_was_run(tmp_path):
    file = tmp_path / "w.safetensors"
    file.write_bytes(bytes(1_234_567))
    model = torch.nn.Linear(999, 2)
    model.config = "Config(width=999)"
    history = History(loss=[1.0] * 5, scores={2: {"cpu_seconds": 3600.0}, 5: {"cpu_seconds": 1800}})
    arguments = ["--steps", "5", "--decay", "3", "--checkpoint", str(tmp_path), "--force"]
    chosen = running.read_options(verses_gpt.RECIPE, [*arguments, "--out", str(file)])
    card = running.how_made(verses_gpt.RECIPE, model, history, chosen)
    assert card.startswith(
        "- **Model**: 2,000 parameters, float16 on the disk (1.23 MB).\n  `Config(width=999)`\n"
        "- **Command**: `python -m transformer_lib train verses_gpt --steps 5\n  --decay 3`, "
        "seed 0, batches of 16 windows of 256 characters.\n"
        "- **Time**: 1.50 hours of processor time ("
    )


@pytest.mark.parametrize(
    ("name", "most_bytes", "row"),
    [
        ("pronunciations", 4_000_000, "| test, float16 |"),
        ("verses_gpt", 2_000_000, "| test, float16 |"),
        ("digits_vit", 1_200_000, "| this model, float16 |"),
        ("scenes_segmenter", 1_300_000, "| medium, float16 |"),
        ("icons_clip", 2_000_000, "| test, float16 |"),
        ("verses_xl", 4_000_000, "| test, float16 |"),
    ],
)
def test_weights_in_the_package_are_small_and_described(name, most_bytes, row):
    assert SHIPPED[name].stat().st_size <= most_bytes
    card = SHIPPED[name].with_suffix(".md").read_text(encoding="utf-8")
    for part in ("**Data**", "**Command**", "**Time**", "seed", row):
        assert part in card
