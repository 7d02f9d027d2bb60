"""What stands around the loop: another run is refused, state stays, and nothing is lost."""

import json
import random
import signal
import subprocess
import sys
import types
from functools import partial

import numpy as np
import pytest
import torch
from test_training import Batches, Doubled, loss, make_batch, make_model, run, same, train_with
from torch import nn

from transformer_lib.data.streams import Streams
from transformer_lib.training import batches as reading
from transformer_lib.training import lock, parallel
from transformer_lib.training import train as training
from transformer_lib.training.checkpoints import latest_checkpoint
from transformer_lib.training.fingerprint import differences, digest, fingerprint
from transformer_lib.training.history import History
from transformer_lib.training.random_state import random_state, set_random_state
from transformer_lib.training.schedules import cosine_schedule, trapezoid_schedule
from transformer_lib.training.segments import SegmentLoss
from transformer_lib.training.train import train
from transformer_lib.weights import fill


def adamw(model, **options):
    return torch.optim.AdamW(model.parameters(), **{"lr": 1e-2} | options)


def other_loss(model, batch):
    return (model(batch[0]) - batch[1]).abs().mean()


def snapshot(model):
    """What a refusal must leave alone."""
    modes = [module.training for module in model.modules()]
    return digest(model.state_dict()), modes, digest(random_state())


# --- another run in the folder ---------------------------------------------------------------


class Others:
    def __getitem__(self, n):
        return make_batch(n + 1000)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batches": Others()}, "first batches was"),
        ({"optimizer": lambda m: adamw(m, lr=1e-4)}, "lr of optimizer 0, group 0 was 0.01, is 0.0"),
        ({"optimizer": lambda m: adamw(m, weight_decay=0.7)}, "weight_decay of .* is 0.7"),
        ({"optimizer": lambda m: torch.optim.SGD(m.parameters(), lr=1e-2)}, r"is \['SGD'\]"),
        ({"accumulate": 2}, "accumulate was 1, is 2"),
        ({"clip": 0.5}, r"clip was 1\.0, is 0\.5"),
        ({"autocast": True}, "autocast was False, is True"),
        ({"schedule": trapezoid_schedule(6, decay=3)}, r"schedule\(4\) was 1\.0, is 0\.66"),
        ({"seed": 1}, "weights at the start were others"),
        ({"dropout": 0.5}, r"model was \(2\): Dropout\(p=0.2.*, is \(2\): Dropout\(p=0.5"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else type(value).__name__,
)
def test_another_run_is_refused_with_the_difference(tmp_path, options, message):
    options = dict(options)
    run(steps=4, checkpoint=tmp_path)
    model = make_model(options.pop("dropout", 0.2))
    if "seed" in options:
        torch.manual_seed(options.pop("seed"))
        model = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Dropout(0.2), nn.Linear(8, 1))
    optimizer = options.pop("optimizer", adamw)(model)
    before = snapshot(model)
    with pytest.raises(ValueError, match=f"stands another run: .*{message}"):
        run(model=model, optimizer=optimizer, steps=6, checkpoint=tmp_path, **options)
    assert snapshot(model) == before
    assert not optimizer.state
    assert latest_checkpoint(tmp_path).folder.name == "step-00000004"


def test_another_loss_is_refused(tmp_path):
    run(steps=4, checkpoint=tmp_path)
    with pytest.raises(ValueError, match=r"loss was loss, is other_loss"):
        train_with(other_loss, model=make_model(), steps=4, checkpoint=tmp_path)


def test_another_seed_of_the_same_weights_is_refused(tmp_path):
    run(steps=4, checkpoint=tmp_path)
    model = make_model()
    torch.manual_seed(5)
    with pytest.raises(ValueError, match="seed was 0, is 5"):
        run(model=model, steps=6, checkpoint=tmp_path)


def test_the_model_that_came_so_far_goes_on(tmp_path):
    whole, _ = run(steps=8)
    model, _ = run(steps=4, checkpoint=tmp_path)
    torch.manual_seed(99)
    assert same(run(model=model, steps=8, checkpoint=tmp_path)[0], whole)


def test_a_longer_plateau_and_another_rhythm_are_the_same_run(tmp_path):
    whole, history = run(steps=8, schedule=trapezoid_schedule(8, decay=2))
    run(steps=4, checkpoint=tmp_path, schedule=lambda step: 1.0)
    again, history_again = run(
        steps=8, checkpoint=tmp_path, every=3, schedule=trapezoid_schedule(8, decay=2)
    )
    assert same(whole, again)
    assert history.factor == history_again.factor


def kinds():
    factor = 0.5
    return {
        "function": other_loss,
        "closure": lambda model, batch: factor * other_loss(model, batch),
        "partial": partial(other_loss, 1.0, weight=2),
        "object": SegmentLoss(),
        "half": SegmentLoss(last_half=True),
        "module": nn.MSELoss(),
        "builtin": max,
        "set": lambda model, batch: model in {"a", "b"},
    }


def test_fingerprints_tell_losses_apart_and_only_those():
    model, found = make_model(), {}
    for _ in range(2):
        for name, kind in kinds().items():
            now = fingerprint(model, kind, [])
            assert differences(found.setdefault(name, now), now) == []
            json.dumps(now)
    names = list(found)
    for i, name in enumerate(names):
        for other in names[i + 1 :]:
            assert differences(found[name], found[other]), (name, other)


def test_a_number_in_the_code_or_around_it_is_seen():
    def with_factor(factor):
        return lambda model, batch: factor * other_loss(model, batch)

    def with_default(model, batch, eps=0.1):
        return eps

    def fingerprint_of(loss):
        return fingerprint(make_model(), loss, [])

    assert differences(fingerprint_of(with_factor(1.0)), fingerprint_of(with_factor(2.0)))
    before = fingerprint_of(with_default)
    with_default.__defaults__ = (0.2,)
    assert differences(before, fingerprint_of(with_default))
    one, two = lambda m, b: m + 1, lambda m, b: m + 2
    assert differences(fingerprint_of(one), fingerprint_of(two))
    plus, minus = lambda m, b: m + b, lambda m, b: m - b
    assert differences(fingerprint_of(plus), fingerprint_of(minus))


def test_a_digest_names_what_is_in_it():
    x = torch.arange(6.0)
    things = [x, x.double(), x.view(2, 3), x + 1, {"a": x}, {"b": x}, [x, x], (), x.numpy(), 1, "1"]
    things += [Streams(x.long(), batch_size=b, seg_len=2, groups=g)[0] for b, g in ((1, 1), (2, 1))]
    assert len({digest(thing) for thing in things}) == len(things)
    assert digest(x.t()) == digest(x.clone())
    assert digest(object()) == digest(object())


@pytest.mark.parametrize(
    "change", [{"seg_len": 5}, {"batch_size": 3}, {"groups": 2}], ids=lambda c: next(iter(c))
)
def test_other_streams_are_others(change):
    ids = torch.randint(11, (200,))
    first = Streams(ids, **{"seg_len": 6, "batch_size": 1})
    other = Streams(ids, **{"seg_len": 6, "batch_size": 1} | change)
    assert digest([first[n] for n in (0, 1)]) != digest([other[n] for n in (0, 1)])


def test_older_checkpoints_are_refused_in_words(tmp_path, monkeypatch):
    run(steps=2, checkpoint=tmp_path)
    from transformer_lib.training import run as running

    found = latest_checkpoint(tmp_path)
    del found.state["processes"]
    monkeypatch.setattr(running, "latest_checkpoint", lambda _: found)
    with pytest.raises(ValueError, match="checkpoint must be of this version of the package"):
        run(steps=3, checkpoint=tmp_path)


# --- what it refuses, and leaves as it was ---------------------------------------------------


def twice(model):
    return [adamw(model), torch.optim.SGD(model[0].parameters(), lr=0.1)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"optimizer": lambda m: adamw(make_model())}, "optimizer must move parameters of model"),
        ({"optimizer": twice}, "optimizer must move each parameter once"),
        ({"optimizer": lambda m: ["adam"]}, "optimizer must be one of torch's or several"),
        ({"optimizer": lambda m: adamw(m, lr=float("inf"))}, "lr must be at least 0 and finite"),
        ({"schedule": lambda s: float("nan") if s == 9 else 1}, r"schedule\(9\) must be .* nan"),
        ({"schedule": lambda s: -1.0}, r"schedule\(1\) must be at least 0 and finite, got -1"),
        ({"every": 1.5}, "every must be a whole number, got 1.5"),
        ({"every": float("nan")}, "every must be a whole number, got nan"),
        ({"steps": 2.0}, "steps must be a whole number"),
        ({"accumulate": True}, "accumulate must be a whole number"),
        ({"autocast": 1}, "autocast must be True or False"),
        ({"clip": float("nan")}, "clip must be positive and finite"),
        ({"batches": 3}, "batches must have an index or be iterable, got int"),
        ({"generators": [3]}, "generators must be of torch.Generator, .* got int"),
        ({"loss": lambda m, b: loss(m, b)[None]}, r"loss must be a scalar tensor .* got \(1,\)"),
        ({"loss": lambda m, b: m(b[0])}, r"got \(8, 1\)"),
        ({"loss": lambda m, b: None}, "loss must be a scalar tensor .*, got NoneType"),
        ({"loss": lambda m, b: 1.0}, "got float"),
        ({"loss": lambda m, b: loss(m, b).detach()}, r"got \(\) without a gradient"),
        ({"loss": lambda m, b: (loss(m, b), -1)}, "count of at least 0, got -1"),
        (
            {"loss": lambda m, b: torch.tensor(m(b[0]).sum().item(), requires_grad=True)},
            "loss must depend on the parameters of optimizer",
        ),
    ],
    ids=lambda value: value[:50] if isinstance(value, str) else next(iter(value)),
)
@pytest.mark.parametrize("folder", [None, "runs"])
def test_a_refusal_leaves_everything_as_it_was(tmp_path, folder, options, message):
    options = {"loss": loss, "batches": Batches(), "steps": 12, "optimizer": adamw} | options
    model = make_model()
    model[2].eval()
    optimizer = options.pop("optimizer")(model)
    before = snapshot(model)
    with pytest.raises(ValueError, match=message):
        train(
            model,
            options.pop("loss"),
            options.pop("batches"),
            optimizer=optimizer,
            checkpoint=folder and tmp_path / folder,
            **options,
        )
    assert snapshot(model) == before


def test_a_loss_of_another_kind_is_refused_before_anything_is_loaded(tmp_path):
    run(steps=2, checkpoint=tmp_path)
    stateful = types.SimpleNamespace()

    class Stateful:
        def __call__(self, model, batch):
            return loss(model, batch)

        def state_dict(self):
            return {}

        def load_state_dict(self, state):
            stateful.loaded = state

    model = make_model()
    before = snapshot(model)
    with pytest.raises(ValueError, match="a loss without state"):
        train_with(Stateful(), model=model, steps=4, checkpoint=tmp_path)
    assert snapshot(model) == before
    assert not vars(stateful)


def test_a_loss_whose_state_cannot_be_kept_is_refused_before_the_first_step(tmp_path):
    class Stateful:
        def __call__(self, model, batch):
            raise AssertionError("a step was made")

        def state_dict(self):
            return {"x": np.zeros(2)}

        def load_state_dict(self, state):
            pass

    with pytest.raises(ValueError, match=r"state must hold numbers, .* got ndarray"):
        train_with(Stateful(), model=make_model(), checkpoint=tmp_path)


def test_a_loading_that_breaks_off_changes_nothing(tmp_path):
    class Stateful:
        def __call__(self, model, batch):
            return loss(model, batch)

        def state_dict(self):
            return {"n": 1}

        def load_state_dict(self, state):
            raise RuntimeError("broken")

    train_with(Stateful(), model=make_model(), steps=2, checkpoint=tmp_path)
    model = make_model()
    optimizer = adamw(model)
    before = digest(model.state_dict())
    with pytest.raises(RuntimeError, match="broken"):
        train_with(Stateful(), model=model, optimizer=optimizer, steps=4, checkpoint=tmp_path)
    assert digest(model.state_dict()) == before
    assert not optimizer.state


@pytest.mark.parametrize("place", ["file", "file/below", ""])
def test_a_folder_that_cannot_be_written_is_known_before_the_first_step(tmp_path, place):
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="checkpoint must be"):
        train_with(lambda *_: None, model=make_model(), checkpoint=place and tmp_path / place)


def test_streams_that_processes_would_read_with_gaps_are_refused(monkeypatch):
    monkeypatch.setattr(parallel, "world", lambda: 2)
    streams = partial(Streams, torch.arange(100), batch_size=2, seg_len=5)
    with pytest.raises(ValueError, match="2 processes would read 3 groups with gaps"):
        reading.Reading(streams(groups=3), generators=[], seed=0)
    reading.Reading(streams(groups=4), generators=[], seed=0)


# --- modes, rates and numbers ----------------------------------------------------------------


def frozen():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Linear(8, 1))
    model[1].eval()
    return model


def test_a_part_in_evaluation_mode_stays_so(tmp_path):
    model, modes = frozen(), []
    model[1].register_forward_hook(lambda module, *_: modes.append(module.training))
    mean = model[1].running_mean.clone()
    run(model=model, steps=3, evaluate=lambda m: m(make_batch(0)[0]).sum().item(), every=2)
    assert modes == [False] * 5
    assert torch.equal(model[1].running_mean, mean)
    assert [module.training for module in model.modules()] == [True, True, False, True]


@pytest.mark.parametrize("where", ["loss", "evaluate"])
@pytest.mark.parametrize("mode", [True, False])
def test_modes_and_rates_are_as_before_after_an_error(where, mode):
    model = make_model().train(mode)
    model[2].train(False)
    modes = [module.training for module in model.modules()]
    optimizer = adamw(model)

    def bad(*_):
        raise RuntimeError("broken")

    options = {"evaluate": bad, "every": 2} if where == "evaluate" else {}
    with pytest.raises(RuntimeError, match="broken"):
        train_with(
            bad if where == "loss" else loss,
            model=model,
            optimizer=optimizer,
            schedule=lambda s: 0.5,
            **options,
        )
    assert [module.training for module in model.modules()] == modes
    assert optimizer.param_groups[0]["lr"] == 1e-2


def test_rates_are_those_at_the_call():
    model = make_model()
    optimizer = adamw(model)
    run(model=model, optimizer=optimizer, steps=4, schedule=cosine_schedule(4))
    assert optimizer.param_groups[0]["lr"] == 1e-2
    optimizer.param_groups[0]["lr"] = 0.0
    optimizer.param_groups[0]["weight_decay"] = 0.0
    before = digest(model.state_dict())
    run(model=model, optimizer=optimizer, steps=2)
    assert digest(model.state_dict()) == before


def test_only_what_the_optimizer_moves_is_clipped_and_cleared():
    whole, model = make_model(0.0), make_model(0.0)
    head = torch.optim.SGD(model[3].parameters(), lr=0.1)
    history = run(model=model, optimizer=head, steps=5, clip=0.1)[1]
    for p in whole[0].parameters():
        p.requires_grad_(False)
    head = torch.optim.SGD(whole[3].parameters(), lr=0.1)
    assert run(model=whole, optimizer=head, steps=5, clip=0.1)[1] == history
    assert same(model, whole)


def test_numbers_of_numpy_do_not_spoil_a_checkpoint(tmp_path):
    steps = np.int64(8)
    scores = {}

    def evaluate(model):
        scores["x"] = np.float64(len(scores) + 1.5)
        return scores

    def go(steps, **options):
        model = make_model()
        optimizer = adamw(model, lr=np.float64(0.01), weight_decay=np.float64(0.1))
        options = {"schedule": lambda s: np.cos(s / 10), "every": 2} | options
        return run(model=model, optimizer=optimizer, steps=steps, evaluate=evaluate, **options)

    go(np.int64(4), checkpoint=tmp_path)
    again, history = go(steps, checkpoint=tmp_path)
    assert same(go(8)[0], again)
    assert {type(x) for x in history.factor} == {float}
    assert all(
        type(score) is dict and type(score["x"]) is float for score in history.scores.values()
    )
    assert history.scores[2] is not history.scores[4]  # copies, though the dict was one


# --- nothing is lost -------------------------------------------------------------------------


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_what_breaks_evaluation_leaves_the_steps(tmp_path, error):
    def go(folder, evaluate):
        return run(steps=8, checkpoint=folder, every=4, evaluate=evaluate)

    def bad(_model):
        raise error("broken")

    whole, history = go(None, lambda model: torch.rand(()).item())
    with pytest.raises(error, match="broken"):
        go(tmp_path, bad)
    assert latest_checkpoint(tmp_path).folder.name == "step-00000004"
    again, history_again = go(tmp_path, lambda model: torch.rand(()).item())
    assert same(whole, again)
    assert history == history_again  # the score that was missing too


def test_an_evaluation_that_returns_no_numbers_leaves_the_steps(tmp_path):
    with pytest.raises(ValueError, match=r"evaluate must return numbers, .* got Tensor"):
        run(steps=8, checkpoint=tmp_path, every=4, evaluate=lambda model: torch.ones(1))
    assert latest_checkpoint(tmp_path).folder.name == "step-00000004"


@pytest.fixture
def ctrl_c():
    """Python's own answer to Ctrl-C, also where the tests run in the background without one."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize("when", ["batch", "evaluate"])
def test_ctrl_c_waits_for_the_end_of_the_step_and_saves(tmp_path, when):
    class Interrupted:
        def __getitem__(self, n):
            if n == 6 and when == "batch":
                signal.raise_signal(signal.SIGINT)
            return make_batch(n)

    def evaluate(model):
        if when == "evaluate":
            signal.raise_signal(signal.SIGINT)
        return 1.0

    model = make_model()
    handler = signal.getsignal(signal.SIGINT)
    options = {"checkpoint": tmp_path, "every": 7 if when == "evaluate" else 1000}
    with pytest.raises(KeyboardInterrupt, match="stopped after step 7, saved in"):
        run(Interrupted(), model=model, evaluate=evaluate, **options)
    assert signal.getsignal(signal.SIGINT) is handler
    assert latest_checkpoint(tmp_path).folder.name == "step-00000007"
    assert model.training
    again, _ = run(checkpoint=tmp_path, evaluate=lambda model: 1.0)
    assert same(again, run()[0])


@pytest.mark.usefixtures("ctrl_c")
def test_a_second_ctrl_c_does_not_wait(tmp_path):
    class Interrupted:
        def __getitem__(self, n):
            if n == 6:
                signal.raise_signal(signal.SIGINT)
                signal.raise_signal(signal.SIGINT)
            return make_batch(n)

    with pytest.raises(KeyboardInterrupt):
        run(Interrupted(), checkpoint=tmp_path, every=4)
    assert latest_checkpoint(tmp_path).folder.name == "step-00000004"


def test_spoiled_weights_are_never_kept_as_good(tmp_path):
    class Spoiler(torch.optim.SGD):
        def step(self):
            super().step()
            self.steps = getattr(self, "steps", 0) + 1
            if self.steps == 3:
                with torch.no_grad():
                    self.param_groups[0]["params"][0][0, 0] = torch.nan

    for folder, kept in (
        (None, "$"),
        (tmp_path, f"; the last good checkpoint stays in {tmp_path}"),
    ):
        model = make_model()
        with pytest.raises(
            FloatingPointError, match=rf"0\.weight after step 3 is not finite{kept}"
        ):
            run(
                model=model,
                optimizer=Spoiler(model.parameters(), lr=0.1),
                steps=3,
                checkpoint=folder,
                every=1,
            )
    assert latest_checkpoint(tmp_path).folder.name == "step-00000002"


def test_a_mask_in_the_weights_may_be_infinite_but_nan_may_not(tmp_path):
    model = make_model()
    model.register_buffer("mask", torch.tensor([0.0, -torch.inf]))
    run(model=model, steps=1, checkpoint=tmp_path)
    model.mask[0] = torch.nan
    with pytest.raises(FloatingPointError, match=r"^mask after step 0 is not finite$"):
        run(model=model, steps=1, checkpoint=tmp_path / "new")
    with pytest.raises(FloatingPointError, match="mask after step 1 is not finite"):
        run(model=model, steps=1)


def test_the_start_is_kept_too(tmp_path):
    def dead(model, batch):
        raise RuntimeError("before the first step")

    model = make_model()
    with pytest.raises(RuntimeError, match="before the first step"):
        train_with(dead, model=model, checkpoint=tmp_path)
    other = make_model(0.5)
    fill(other, latest_checkpoint(tmp_path).weights_file)
    assert same(other, make_model())


def test_the_bar_of_a_resumed_run_goes_on_where_it_was(tmp_path, monkeypatch):
    seen = []
    bar = training.tqdm
    monkeypatch.setattr(training, "tqdm", lambda **o: seen.append(o["initial"]) or bar(**o))
    run(steps=4, checkpoint=tmp_path)
    run(steps=6, checkpoint=tmp_path)
    assert seen == [0, 4]


def test_evaluation_builds_no_graph():
    seen = []
    run(steps=1, evaluate=lambda m: seen.append(m(make_batch(0)[0]).requires_grad))
    assert seen == [False]


def test_smooth_loss_is_over_fifty_steps():
    history = History(loss=[float(i == 0) for i in range(60)])
    assert history.smooth_loss()[49:51] == [1 / 50, 0.0]


# --- random numbers --------------------------------------------------------------------------


def draw(generators=()):
    drawn = [torch.rand(()).item(), random.random(), np.random.random()]  # noqa: NPY002
    for g in generators:
        drawn.append(
            torch.rand((), generator=g).item() if isinstance(g, torch.Generator) else g.random()
        )
    return drawn


def test_all_random_numbers_come_back():
    kinds = np.random.PCG64, np.random.MT19937, np.random.Philox, np.random.SFC64
    generators = [
        torch.Generator(),
        random.Random(1),
        *(np.random.Generator(kind(1)) for kind in kinds),
    ]
    draw(generators)
    state = random_state(generators)
    first = draw(generators)
    set_random_state(state, generators)
    assert draw(generators) == first
    assert draw(generators) != first


def test_generators_and_common_random_numbers_are_resumed(tmp_path):
    def go(folder, steps=12):
        torch.manual_seed(0)
        random.seed(0)
        np.random.seed(0)  # noqa: NPY002
        mine = [torch.Generator().manual_seed(1), np.random.default_rng(2), random.Random(3)]

        def noisy(model, batch):
            return loss(model, batch) * (1 + sum(draw(mine)))

        model = make_model()
        options = {"steps": steps, "checkpoint": folder, "generators": mine}
        return model, train_with(noisy, model=model, **options)

    whole, history = go(None)
    go(tmp_path, 7)
    again, history_again = go(tmp_path)
    assert history.loss == history_again.loss
    assert same(whole, again)


def test_what_cannot_be_restored_is_said(tmp_path):
    class Drawing:
        generator_of_its_own = torch.Generator()

        def __getitem__(self, n):
            return tuple(
                x + torch.rand((), generator=self.generator_of_its_own) for x in make_batch(n)
            )

    with pytest.warns(RuntimeWarning, match="batches.n. is another one at each look"):
        run(Drawing(), steps=1, checkpoint=tmp_path)


def test_random_numbers_of_other_accelerators_are_said_to_be_lost(monkeypatch):
    state = random_state()
    with pytest.warns(RuntimeWarning, match="they come from 1, and here are 0"):
        set_random_state(state | {"cuda": [torch.zeros(1)]})


def test_datasets_without_an_end_or_an_index_are_told_in_words():
    class Short:
        def __getitem__(self, n):
            return [make_batch(0), make_batch(1)][n]

    with pytest.raises(
        ValueError, match=r"got Short without a length, which ends before batches\[2"
    ):
        run(Short(), steps=3)

    class Stream(torch.utils.data.IterableDataset):
        def __iter__(self):
            return iter([make_batch(n) for n in range(5)])

    assert same(run(Stream())[0], run([make_batch(n) for n in range(5)])[0])


# --- the lock --------------------------------------------------------------------------------

HOLD = """
import sys, time
from pathlib import Path
from transformer_lib.training.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_folder_is_for_one_process_and_a_dead_one_blocks_nobody(tmp_path):
    holder = subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE)
    try:
        assert holder.stdout.readline() == b"held\n"
        model = make_model()
        before = snapshot(model)
        with pytest.raises(ValueError, match="a folder that no other process trains in, got"):
            run(model=model, checkpoint=tmp_path)
        assert snapshot(model) == before
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
    run(steps=1, checkpoint=tmp_path)


def test_the_lock_of_windows(tmp_path, monkeypatch):
    taken = []

    def locking(_descriptor, how, size):
        if how == "unlock":
            taken.clear()
        elif taken:
            raise PermissionError(13, "Permission denied")
        else:
            taken.append(size)

    windows = types.SimpleNamespace(locking=locking, LK_NBLCK="lock", LK_UNLCK="unlock")
    monkeypatch.setattr(lock, "fcntl", None)
    monkeypatch.setattr(lock, "msvcrt", windows, raising=False)
    for _ in range(2):
        with (
            lock.locked(tmp_path),
            pytest.raises(ValueError, match="no other process"),
            lock.locked(tmp_path),
        ):
            pass
    assert not taken


def test_a_drive_without_locks_is_said(tmp_path, monkeypatch):
    def none(*_):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(lock, "_take", none)
    with pytest.warns(RuntimeWarning, match="cannot be locked"), lock.locked(tmp_path):
        pass


def test_training_needs_no_matplotlib():
    code = "import sys, transformer_lib.training.train; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_doubled_batches_are_other_batches():
    assert digest(Doubled(Batches())[0]) != digest(Batches()[0])
