"""The training loop: what it computes, what it refuses, and that nothing can make it lose work."""

import math
import os
import re
import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
import torch
from programs import parallel_training
from torch import nn
from torch.nn.functional import cross_entropy
from torch.testing import assert_close

from transformer_lib.training import train as training
from transformer_lib.training.checkpoints import latest_checkpoint
from transformer_lib.training.history import History
from transformer_lib.training.losses import token_loss, token_sum
from transformer_lib.training.random_state import seed_all
from transformer_lib.training.schedules import cosine_schedule
from transformer_lib.training.train import train
from transformer_lib.weights import fill

PROGRAMS = Path(__file__).parent / "programs"


class Batches:
    """Endless, and a function of the step."""

    def __getitem__(self, step):
        return make_batch(step)


def make_batch(step):
    x = torch.randn(8, 6, generator=torch.Generator().manual_seed(step))
    return x, x.sum(dim=1, keepdim=True)


def make_model(dropout=0.2):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Dropout(dropout), nn.Linear(8, 1))


def loss(model, batch):
    return (model(batch[0]) - batch[1]).square().mean()


def run(batches=None, *, model=None, steps=12, lr=1e-2, optimizer=None, **options):
    """Train a small model, and return it with the history."""
    model = make_model() if model is None else model
    optimizer = optimizer or torch.optim.AdamW(model.parameters(), lr=lr)
    batches = Batches() if batches is None else batches
    return model, train(model, loss, batches, optimizer=optimizer, steps=steps, **options)


def train_with(loss, batches=None, *, model, optimizer=None, steps=12, **options):
    """The same with another loss."""
    optimizer = optimizer or torch.optim.AdamW(model.parameters(), lr=1e-2)
    batches = Batches() if batches is None else batches
    return train(model, loss, batches, optimizer=optimizer, steps=steps, **options)


def same(model, other):
    """Whether two models have the same weights, bit by bit."""
    pairs = zip(model.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def program(name, *arguments, launcher=()):
    """Run a program of tests/programs; its output, or its traceback as a failure."""
    # In front of what is there: `make shake` says there how the processor computes.
    path = os.pathsep.join(filter(None, [str(PROGRAMS.parents[1]), os.environ.get("PYTHONPATH")]))
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": path}
    done = subprocess.run(
        [sys.executable, *launcher, str(PROGRAMS / name), *map(str, arguments)],
        env=environment,
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# --- what it computes ------------------------------------------------------------------------


def test_it_is_the_plain_loop():
    model, history = run(clip=None)
    plain = make_model()
    optimizer = torch.optim.AdamW(plain.parameters(), lr=1e-2)
    losses = []
    for step in range(12):
        optimizer.zero_grad()
        value = loss(plain, make_batch(step))
        value.backward()
        optimizer.step()
        losses.append(value.item())
    assert history.loss == losses
    assert same(model, plain)


def test_loss_falls():
    history = run(steps=200)[1]
    assert history.loss[-1] < 0.3 * history.loss[0]


@pytest.mark.parametrize("mode", [True, False])
def test_mode_is_training_within_and_as_before_afterwards(mode):
    seen = []
    model = make_model().train(mode)
    model.register_forward_hook(lambda module, *_: seen.append(module.training))
    run(model=model, steps=3, evaluate=lambda model: loss(model, make_batch(0)).item(), every=2)
    assert seen == [True, True, False, True, False]
    assert model.training is mode


def test_accumulation_equals_one_big_batch():
    class Joined:
        def __getitem__(self, n):
            pairs = zip(*(make_batch(3 * n + i) for i in range(3)), strict=True)
            return tuple(torch.cat(parts) for parts in pairs)

    model, history = run(model=make_model(0.0).double(), batches=Doubled(Batches()), accumulate=3)
    big, big_history = run(model=make_model(0.0).double(), batches=Doubled(Joined()))
    assert_close(history.loss, big_history.loss, rtol=0, atol=1e-12)
    assert_close(model.state_dict(), big.state_dict(), rtol=0, atol=1e-12)


def test_sums_and_counts_of_unequal_batches_are_those_of_one_large_batch():
    class Unequal:
        def __getitem__(self, n):
            return tuple(x[: 1 + n % 3] for x in Doubled(Batches())[n])

    class Joined:
        def __getitem__(self, n):
            pairs = zip(*(Unequal()[3 * n + i] for i in range(3)), strict=True)
            return tuple(torch.cat(parts) for parts in pairs)

    def summed(model, batch):
        return (model(batch[0]) - batch[1]).square().sum(), len(batch[0])

    model = make_model(0.0).double()
    history = train_with(summed, Unequal(), model=model, accumulate=3)
    big, big_history = run(Joined(), model=make_model(0.0).double())
    assert_close(history.loss, big_history.loss, rtol=0, atol=1e-12)
    assert_close(history.grad_norm, big_history.grad_norm, rtol=0, atol=1e-12)
    assert_close(model.state_dict(), big.state_dict(), rtol=0, atol=1e-12)


def test_a_step_in_which_nothing_counts_changes_nothing():
    def summed(model, batch):
        return model(batch[0]).sum() * 0.0, torch.tensor(0)

    model = make_model()
    history = train_with(
        summed, model=model, steps=1, optimizer=torch.optim.SGD(model.parameters(), lr=1)
    )
    assert history.loss == [0.0]
    assert same(model, make_model())


class Doubled:
    """The same batches in float64."""

    def __init__(self, batches):
        self.batches = batches

    def __getitem__(self, n):
        return tuple(x.double() for x in self.batches[n])


def test_clipping_shortens_the_gradient_and_reports_its_true_length():
    lengths = []

    class Spy(torch.optim.SGD):
        def step(self):
            grads = [p.grad.flatten() for group in self.param_groups for p in group["params"]]
            lengths.append(torch.cat(grads).norm().item())
            super().step()

    for clip in (None, 1e-2, 5.0):
        model = make_model()
        run(model=model, steps=1, clip=clip, optimizer=Spy(model.parameters(), lr=0.1))
    history = run(steps=1, clip=1e-2)[1]
    free, clipped, hardly = lengths
    assert free > 1.5
    assert hardly == pytest.approx(min(free, 5.0), rel=1e-3)
    assert clipped == pytest.approx(1e-2, rel=1e-3)
    assert history.grad_norm == [pytest.approx(free)]


def test_gradients_left_by_the_user_do_not_count():
    model = make_model()
    loss(model, make_batch(99)).backward()
    torch.manual_seed(7)
    dirty, _ = run(model=model)
    model = make_model()
    torch.manual_seed(7)
    assert same(dirty, run(model=model)[0])


def test_schedule_multiplies_the_rate_of_every_group_from_step_one():
    model = make_model()
    seen = []
    groups = [{"params": model[0].parameters(), "lr": 0.5}, {"params": model[3].parameters()}]

    class Spy(torch.optim.SGD):
        def step(self):
            seen.append([group["lr"] for group in self.param_groups])
            super().step()

    optimizer = Spy(groups, lr=0.1)
    _, history = run(model=model, optimizer=optimizer, steps=3, schedule=lambda step: 1 / step)
    assert seen == [[0.5, 0.1], [0.25, 0.05], [0.5 / 3, 0.1 / 3]]
    assert history.factor == [1, 1 / 2, 1 / 3]


def test_several_optimizers_each_move_their_own():
    model = make_model()
    before = [p.clone() for p in model.parameters()]
    both = [
        torch.optim.SGD(model[0].parameters(), lr=0.1),
        torch.optim.AdamW(model[3].parameters()),
    ]
    run(model=model, optimizer=both, steps=1)
    assert not any(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


@pytest.mark.parametrize("autocast", [True, False])
def test_autocast_computes_products_in_bfloat16_and_keeps_weights_in_float32(autocast):
    seen = set()
    model = make_model()
    model[0].register_forward_hook(lambda *call: seen.add(call[2].dtype))
    run(model=model, steps=2, autocast=autocast)
    assert seen == {torch.bfloat16 if autocast else torch.float32}
    assert {p.dtype for p in model.parameters()} == {torch.float32}


def test_autocast_learns_what_float32_learns():
    assert run(steps=200, autocast=True)[1].loss[-1] == pytest.approx(
        run(steps=200)[1].loss[-1], abs=0.2
    )


@pytest.mark.parametrize(
    "batches",
    [
        [make_batch(n) for n in range(5)],
        tuple(make_batch(n) for n in range(5)),
        torch.utils.data.DataLoader([make_batch(n) for n in range(5)], batch_size=None),
    ],
    ids=["list", "tuple", "DataLoader"],
)
def test_finite_batches_are_repeated(batches):
    class Repeated:
        def __getitem__(self, n):
            return make_batch(n % 5)

    plain = [run(b)[0] for b in (batches, Repeated())]  # a DataLoader's numbers are its own
    assert same(*plain)


def test_bar_is_quiet_unless_in_a_terminal(capfd, monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    run()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("ci", ["true", ""])
def test_bar_shows_in_a_terminal_but_not_in_ci(ci, capsys, monkeypatch):
    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    run()
    assert ("step" in capsys.readouterr().err) is (not ci)


# --- resuming --------------------------------------------------------------------------------


def recipe(folder, steps=12, stop=None, **options):
    """Train with everything that has a state, up to `stop`."""
    model = make_model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    options = {"schedule": cosine_schedule(steps, warmup=2), "every": 4} | options
    return run(model=model, optimizer=optimizer, steps=stop or steps, checkpoint=folder, **options)


@pytest.mark.parametrize("accumulate", [1, 2])
def test_run_in_two_parts_is_the_run_in_one_bit_by_bit(tmp_path, accumulate):
    options = {"accumulate": accumulate, "evaluate": lambda model: torch.rand(()).item()}
    model, history = recipe(tmp_path / "whole", **options)
    recipe(tmp_path / "parts", stop=7, **options)
    torch.rand(123)  # what happens in between does not matter
    again, history_again = recipe(tmp_path / "parts", **options)
    assert same(model, again)
    assert history.loss == history_again.loss
    assert len(history_again) == 12
    assert history_again.scores.pop(7) is not None  # where the first part ended
    assert history.scores == history_again.scores


@pytest.mark.parametrize("given", [True, False])
def test_iterables_without_index_go_on_where_they_were(tmp_path, given):
    def loader():
        shuffled = torch.Generator().manual_seed(3) if given else None
        data = [make_batch(n) for n in range(5)]
        return torch.utils.data.DataLoader(data, batch_size=None, shuffle=True, generator=shuffled)

    whole, _ = recipe(tmp_path / "whole", batches=loader())
    recipe(tmp_path / "parts", batches=loader(), stop=7)
    assert same(whole, recipe(tmp_path / "parts", batches=loader())[0])


def test_iterables_that_draw_on_go_on_where_they_were(tmp_path):
    class Walk:
        def __iter__(self):
            x = torch.zeros(8, 6)
            for _ in range(9):
                x = x + torch.randn_like(x)  # with torch's own generator
                yield x, x.sum(dim=1, keepdim=True)

    whole, _ = recipe(tmp_path / "whole", batches=Walk())
    recipe(tmp_path / "parts", batches=Walk(), stop=7)
    assert same(whole, recipe(tmp_path / "parts", batches=Walk())[0])


def test_finished_run_is_not_run_again(tmp_path, monkeypatch):
    model, history = recipe(tmp_path)
    monkeypatch.setattr(training.StepLoss, "add", None)  # no step is made
    again, history_again = recipe(tmp_path)
    assert same(model, again)
    assert history == history_again


def test_evaluation_changes_nothing(tmp_path):
    plain, _ = recipe(None)
    watched, history = recipe(None, every=1, evaluate=lambda model: torch.rand(9).tolist())
    assert same(plain, watched)
    assert list(history.scores) == list(range(1, 13))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="its children are forked")
@pytest.mark.parametrize("batches", ["indexed", "loader"])
def test_killed_at_random_moments_it_ends_as_if_left_alone(tmp_path, batches):
    assert int(program("killed_training.py", tmp_path, 12, batches)) >= 12
    weights, losses, scores = torch.load(tmp_path / "one.pt")
    ends = sorted(tmp_path.glob("many-*.pt"))
    assert ends
    for end in ends:
        weights_again, losses_again, scores_again = torch.load(end)
        assert (losses, scores) == (losses_again, scores_again)
        assert all(torch.equal(weights[name], weights_again[name]) for name in weights)


# --- several processes -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def parallel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("parallel")
    launcher = "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"
    program("parallel_training.py", folder, launcher=launcher)
    return folder


@pytest.mark.parametrize("positions", ["rotary", "sinusoidal"])
def test_two_processes_do_what_one_does_with_the_double_batch(parallel, positions):
    weights, losses = torch.load(parallel / f"{positions}.pt")
    alone, history = parallel_training.run(parallel_training.Joined(), positions=positions)
    # Batches 2n and 2n + 1 have one length, so that the mean of their means is that of both.
    assert_close(losses, history.loss, rtol=0, atol=1e-6)
    assert_close(weights, alone.state_dict(), rtol=0, atol=1e-6)


@pytest.mark.parametrize("positions", ["rotary", "sinusoidal"])
def test_two_processes_resume_bit_by_bit(parallel, positions):
    weights, losses = torch.load(parallel / f"{positions}-noisy.pt")
    weights_again, losses_again = torch.load(parallel / f"{positions}-again.pt")
    assert losses == losses_again
    assert all(torch.equal(weights[name], weights_again[name]) for name in weights)


def test_two_processes_with_two_batches_each_do_what_one_does_with_four(parallel):
    weights, losses = torch.load(parallel / "accumulated.pt")
    alone, history = parallel_training.run(accumulate=4)
    assert_close(losses, history.loss, rtol=0, atol=1e-6)
    assert_close(weights, alone.state_dict(), rtol=0, atol=1e-6)


def test_sums_and_counts_of_two_processes_are_those_of_one(parallel):
    def count(n):
        batch = parallel_training.Batches()[n]
        return parallel_training.summed_loss(lambda *_: torch.zeros(*batch[0].shape, 12), batch)[1]

    assert len({int(count(n)) for n in range(4)}) > 1  # they count unequally many tokens
    alone, history = parallel_training.run(accumulate=4, loss=parallel_training.summed_loss)
    weights, losses = torch.load(parallel / "summed.pt")
    assert_close(losses, history.loss, rtol=0, atol=1e-9)
    assert_close(weights, alone.state_dict(), rtol=0, atol=1e-9)


def test_a_group_of_one_process_is_no_different(tmp_path):
    store = torch.distributed.FileStore(str(tmp_path / "store"), 1)
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    try:
        recipe(tmp_path, stop=7)
        grouped, _ = recipe(tmp_path)
    finally:
        torch.distributed.destroy_process_group()
    assert same(grouped, recipe(None)[0])


def test_checkpoint_of_two_processes_is_refused_by_one(parallel):
    with pytest.raises(ValueError, match=r"as many processes as go on with it, 1: .* from 2"):
        parallel_training.run(checkpoint=parallel / "rotary")


# --- what it refuses -------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["loss", "gradient"])
def test_nan_stops_with_the_step_and_keeps_the_last_checkpoint(tmp_path, what):
    def poisoned(model, batch):
        value = loss(model, batch)
        if batch[2] == 9:  # the tenth batch
            value = value * math.nan if what == "loss" else value + (value - value).sqrt()
        return value

    class Numbered:
        def __getitem__(self, n):
            return (*make_batch(n), n)

    model = make_model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    folder = re.escape(str(tmp_path))
    with pytest.raises(FloatingPointError, match=rf"{what}.* at step 10 is (nan|inf).*{folder}"):
        train(
            model,
            poisoned,
            Numbered(),
            optimizer=optimizer,
            steps=12,
            checkpoint=tmp_path,
            every=4,
        )
    assert all(p.isfinite().all() for p in model.parameters())
    assert {path.name for path in tmp_path.glob("step-*")} == {"step-00000004", "step-00000008"}
    kept = make_model()
    fill(kept, latest_checkpoint(tmp_path).weights_file)
    assert same(run(steps=8)[0], kept)


def test_nan_without_checkpoint_names_the_step():
    with pytest.raises(FloatingPointError, match=r"^loss at step 1 is nan$"):
        run([(torch.full((2, 6), math.nan), torch.zeros(2, 1))])


def test_checkpoint_of_another_model_is_refused_with_the_keys(tmp_path):
    run(checkpoint=tmp_path, steps=2)
    other = nn.Sequential(nn.Linear(6, 9), nn.Tanh(), nn.Linear(9, 1))
    before = [p.clone() for p in other.parameters()]
    with pytest.raises(ValueError, match=r"missing in the file: 2\.bias.*unknown.*: 3\.bias"):
        run(model=other, checkpoint=tmp_path)
    assert all(torch.equal(a, b) for a, b in zip(before, other.parameters(), strict=True))


def test_checkpoint_beyond_the_end_is_refused(tmp_path):
    run(checkpoint=tmp_path, steps=6)
    with pytest.raises(ValueError, match=r"steps must be at least 6, .*got 5"):
        run(checkpoint=tmp_path, steps=5)


def test_checkpoint_of_other_optimizers_is_refused(tmp_path):
    recipe(tmp_path, stop=4)
    model = make_model()
    two = [torch.optim.AdamW(model[0].parameters()), torch.optim.AdamW(model[3].parameters())]
    with pytest.raises(ValueError, match=r"as many optimizers as go on with it, 2: .* from 1"):
        run(model=model, optimizer=two, checkpoint=tmp_path)
    assert same(model, make_model())


def test_damaged_checkpoint_is_refused_and_the_one_before_used(tmp_path):
    whole, _ = recipe(tmp_path / "whole")
    recipe(tmp_path / "parts", stop=8)
    file = tmp_path / "parts" / "step-00000008" / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-5])
    with pytest.warns(RuntimeWarning, match=r"step-00000008.*going on from .*step-00000004"):
        again, _ = recipe(tmp_path / "parts")
    assert same(whole, again)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "steps must be at least 1, got 0"),
        ({"accumulate": 0}, "accumulate must be at least 1, got 0"),
        ({"every": -1}, "every must be at least 1, got -1"),
        ({"clip": 0.0}, "clip must be positive and finite, got 0.0"),
        ({"batches": []}, "batches must hold at least one batch, got none"),
        ({"batches": iter([make_batch(0)])}, "batches must not run out"),
        ({"evaluate": lambda model: torch.ones(1)}, "evaluate must return numbers, .* got Tensor"),
    ],
)
def test_bad_input_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        run(**options)


# --- the history -----------------------------------------------------------------------------


def test_history_prints_rounded():
    assert repr(History()) == "History(0 steps)"
    assert repr(History(loss=[2.3456, 1.0])) == "History(2 steps, loss 2.35 → 1.67)"


def test_smooth_loss_is_the_running_mean():
    history = History(loss=[4.0, 2.0, 0.0, 1.0])
    assert history.smooth_loss(2) == [4.0, 3.0, 1.0, 0.5]
    assert history.smooth_loss() == [4.0, 3.0, 2.0, 1.75]


def test_history_plots_itself():
    history = run(steps=20)[1]
    ax = history.plot()
    mean, raw = ax.lines
    assert raw.get_ydata().tolist() == history.loss
    assert mean.get_ydata().tolist() == history.smooth_loss()
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("step", "loss (nats)")
    assert history.plot(ax) is ax
    plt.close("all")


# --- the loss --------------------------------------------------------------------------------


def test_token_loss_skips_padding():
    logits, targets = torch.randn(2, 3, 5), torch.tensor([[1, 2, 0], [4, 0, 0]])
    rows = torch.stack([logits[0, 0], logits[0, 1], logits[1, 0]])
    expected = cross_entropy(rows, torch.tensor([1, 2, 4]))
    assert_close(token_loss(logits, targets, pad_id=0), expected)


def test_label_smoothing_spreads_over_all_classes():
    logits, targets = torch.randn(1, 2, 5), torch.tensor([[1, 3]])
    target = torch.full((2, 5), 0.1 / 5)
    target[0, 1] += 0.9
    target[1, 3] += 0.9
    expected = -(target * logits[0].log_softmax(dim=-1)).sum(dim=-1).mean()
    assert_close(token_loss(logits, targets, pad_id=0, label_smoothing=0.1), expected)


def test_token_sum_is_the_mean_in_two_parts():
    logits, targets = torch.randn(2, 3, 5), torch.tensor([[1, 2, 0], [4, 0, 0]])
    for options in ({}, {"label_smoothing": 0.3}):
        summed, count = token_sum(logits, targets, pad_id=0, **options)
        assert count == 3
        assert_close(summed / count, token_loss(logits, targets, pad_id=0, **options))


def test_token_loss_of_padding_alone_is_zero():
    logits = torch.randn(2, 3, 5, requires_grad=True)
    loss = token_loss(logits, torch.zeros(2, 3, dtype=torch.long), pad_id=0)
    loss.backward()
    assert loss == 0
    assert torch.equal(logits.grad, torch.zeros(2, 3, 5))


@pytest.mark.parametrize("function", [token_loss, token_sum])
@pytest.mark.parametrize("smoothing", [-0.1, 1.0, math.nan, "0.1"])
def test_label_smoothing_is_a_probability(function, smoothing):
    with pytest.raises(ValueError, match=r"label_smoothing must be in \[0, 1\), got"):
        function(torch.randn(1, 1, 5), torch.ones(1, 1).long(), pad_id=0, label_smoothing=smoothing)


@pytest.mark.parametrize("smoothing", [0.01, 0.1, 0.6])
def test_label_smoothing_is_what_torch_takes_it_for(smoothing):
    logits, targets = torch.randn(1, 4, 5), torch.randint(1, 5, (1, 4))
    expected = cross_entropy(logits[0], targets[0], label_smoothing=smoothing)
    assert_close(token_loss(logits, targets, pad_id=0, label_smoothing=smoothing), expected)


def test_token_loss_refuses_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match=r"targets must have the shape .*\(2, 3\), got \(2, 4\)"):
        token_loss(torch.randn(2, 3, 5), torch.zeros(2, 4, dtype=torch.long), pad_id=0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"targets": torch.tensor([[1, 5]])}, "targets must be in 0 … vocab_size - 1 = 4, got 5"),
        ({"targets": torch.tensor([[1, -1]])}, "targets must be in 0 … .* got -1"),
        ({"targets": torch.ones(1, 2)}, "targets must be a tensor of int64, got torch.float32"),
        ({"logits": torch.ones(1, 2, 5).long()}, "logits must be of floating point"),
        ({"pad_id": True}, "pad_id must be a whole number, got True"),
    ],
)
def test_token_loss_refuses_what_is_no_target(changes, message):
    fit = {"logits": torch.randn(1, 2, 5), "targets": torch.tensor([[1, 2]]), "pad_id": 0}
    with pytest.raises(ValueError, match=message):
        token_loss(**fit | changes)


def test_padding_need_be_no_token():
    logits, targets = torch.randn(1, 2, 5), torch.tensor([[1, -100]])
    assert_close(token_loss(logits, targets, pad_id=-100), -logits[0, 0].log_softmax(-1)[1])


@pytest.mark.parametrize("seed", [-1, True, 0.5])
def test_a_seed_that_would_be_another_is_refused(seed):
    with pytest.raises(ValueError, match="seed must be"):
        seed_all(seed)


def test_random_numbers_of_accelerators_are_kept_too(tmp_path, monkeypatch):
    states = [torch.tensor([1, 2], dtype=torch.uint8)]
    monkeypatch.setattr(torch.cuda, "get_rng_state_all", lambda: states)
    restored = []
    monkeypatch.setattr(torch.cuda, "set_rng_state_all", restored.append)
    recipe(tmp_path, stop=4)
    recipe(tmp_path)
    assert torch.equal(restored[0][0], states[0])
