"""The contract of all models: each promise once, held to every model that contract.py lists."""

import re
from dataclasses import FrozenInstanceError, fields, replace

import pytest
import torch
import torch.nn.functional as F
from contract import BAD_IDS, BAD_NUMBERS, BAD_PICTURES, BAD_VALUES, SUBJECTS
from oracles import EXACT, redraw
from torch.optim.swa_utils import AveragedModel
from torch.testing import assert_close

from transformer_lib.layers.multi_head import MultiHeadAttention
from transformer_lib.layers.relative import RelativeAttention
from transformer_lib.measure.maps import collect_attention
from transformer_lib.weights import fill, save

MODES = pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])


def pytest_generate_tests(metafunc):
    """Hold every test to every model, but those with a `causal_subject` to those alone."""
    for name in {"subject", "causal_subject", "padded_subject"} & set(metafunc.fixturenames):
        wanted = {
            "subject": lambda _: True,
            "causal_subject": lambda subject: subject.causal is not None,
            "padded_subject": lambda subject: subject.padded is not None,
        }[name]
        cases = {model: subject for model, subject in SUBJECTS.items() if wanted(subject)}
        metafunc.parametrize(name, cases.values(), ids=cases)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def with_other(inputs, at, change):
    """The same inputs, but the one at `at` changed."""
    return [change(x.clone()) if n == at else x for n, x in enumerate(inputs)]


def another(ids):
    """Another id in the place of each, and never a special one."""
    return (ids - 2) % 10 + 3


# --- what a model may see -------------------------------------------------------------------


@MODES
def test_the_future_changes_nothing(causal_subject, training):
    subject, model = causal_subject, redraw(causal_subject.make()).train(training)
    inputs = subject.inputs(7)
    before = subject.scores(model, inputs)
    for t in range(1, 7):
        changed = with_other(
            inputs, subject.causal, lambda x, t=t: torch.cat([x[:, :t], another(x[:, t:])], dim=1)
        )
        after = subject.scores(model, changed)
        assert_close(after[:, :t], before[:, :t], **EXACT)
        assert (after[:, t:] - before[:, t:]).abs().amax(-1).min() > 1e-9


def test_the_past_changes_everything_after_it(causal_subject):
    subject, model = causal_subject, redraw(causal_subject.make()).eval()
    inputs = subject.inputs(7)
    changed = with_other(
        inputs, subject.causal, lambda x: torch.cat([another(x[:, :1]), x[:, 1:]], dim=1)
    )
    moved = subject.scores(model, changed) - subject.scores(model, inputs)
    assert moved.abs().amax(-1).min() > 1e-9


def test_step_by_step_it_says_what_it_says_in_one_pass(causal_subject):
    subject, model = causal_subject, redraw(causal_subject.make()).eval()
    inputs = list(subject.inputs(7))
    with torch.no_grad():
        if subject.causal:  # it reads a source and writes a target, which begins as `start` says
            first, state = model.start(inputs[0])
            assert (first == model.config.bos_id).all()
            inputs[1][:, :1] = first
        else:
            first, state = model.start(inputs[0][:, :1])
        expected = subject.scores(model, inputs)
        steps = first, *inputs[subject.causal][:, 1:].split([2, 1, 3], dim=1)
        stepped = [model.step(ids, state) for ids in steps]
    assert_close(torch.stack(stepped, dim=1), expected[:, [0, 2, 3, 6]], **EXACT)


def test_a_batch_may_change_underway(causal_subject):
    subject, model = causal_subject, redraw(causal_subject.make()).eval()
    prompt, later = subject.inputs(5)[0], torch.randint(3, 13, (2, 1))
    rows = torch.tensor([1, 0, 1])
    states = []
    with torch.no_grad():
        for _ in range(2):
            first, state = model.start(prompt)
            model.step(first, state)
            states.append(state)
        states[0].reorder(rows)
        expected = model.step(later, states[1])[rows]
        assert_close(model.step(later[rows], states[0]), expected, **EXACT)


def test_padding_changes_nothing(padded_subject):
    subject, model = padded_subject, redraw(padded_subject.make()).eval()
    inputs, (at, filler) = subject.inputs(7), padded_subject.padded
    before = subject.scores(model, inputs)
    longer = with_other(inputs, at, lambda x: F.pad(x, (0, 3), value=filler))
    assert_close(subject.scores(model, longer)[:, : before.size(1)], before, **EXACT)


def test_the_rows_of_a_batch_do_not_see_each_other(subject):
    model, inputs = redraw(subject.make()).eval(), subject.inputs(7)
    together = subject.scores(model, inputs)
    alone = torch.cat([subject.scores(model, [x[n : n + 1] for x in inputs]) for n in range(2)])
    assert_close(alone, together, **EXACT)
    assert (together[0] - together[1]).abs().max() > 1e-9


# --- its parameters -------------------------------------------------------------------------


def test_every_parameter_gets_a_gradient(subject):
    model = redraw(subject.make()).eval()
    for _ in range(8):  # several batches, so that every id is read
        out = subject.scores(model, subject.inputs(7))
        (out * torch.randn_like(out)).sum().backward()
    silent = [n for n, p in model.named_parameters() if p.grad is None or p.grad.abs().max() < 1e-9]
    silent = [n for n in silent if not n.endswith("k_proj.bias")]  # softmax takes no notice
    assert [n for n in silent if not (subject.idle and re.match(subject.idle, n))] == []


def test_weights_come_back_from_a_file_bit_by_bit(subject, tmp_path):
    model, other = redraw(subject.make()).eval(), redraw(subject.make()).eval()
    inputs = subject.inputs(7)
    assert (subject.scores(model, inputs) != subject.scores(other, inputs)).any()
    save(model, tmp_path / "weights.safetensors")
    fill(other, tmp_path / "weights.safetensors")
    assert torch.equal(subject.scores(other, inputs), subject.scores(model, inputs))


def test_its_average_over_training_is_a_model_too(subject):
    model, inputs = redraw(subject.make()).eval(), subject.inputs(7)
    average = AveragedModel(model).eval()
    average.update_parameters(model)
    assert_close(subject.scores(average, inputs), subject.scores(model, inputs), **EXACT)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1
    average.update_parameters(model)
    expected = redraw(subject.make()).eval()
    expected.load_state_dict(average.module.state_dict())
    assert_close(subject.scores(average, inputs), subject.scores(expected, inputs), **EXACT)
    assert (subject.scores(average, inputs) != subject.scores(model, inputs)).any()


def test_a_step_of_the_optimizer_lowers_the_loss(subject):
    model, inputs = subject.make().double().eval(), subject.inputs(7)
    targets = torch.randint(5, subject.scores(model, inputs).shape[:-1])
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)

    def loss():
        return F.cross_entropy(subject.scores(model, inputs).flatten(0, -2), targets.flatten())

    before = loss()
    before.backward()
    optimizer.step()
    assert loss() < before


# --- what must not change what it says ------------------------------------------------------


def test_dropout_falls_in_training_only(subject):
    model, inputs = redraw(subject.make()), subject.inputs(7)
    for training in (True, False):
        model.train(training)
        one, other = (subject.output(model(*inputs)) for _ in range(2))
        assert bool((one != other).any()) == training


def test_to_watch_it_changes_nothing(subject):
    model, inputs = redraw(subject.make()).eval(), subject.inputs(7)
    if not any(isinstance(m, MultiHeadAttention | RelativeAttention) for m in model.modules()):
        pytest.skip("it has no maps to watch")
    before = subject.scores(model, inputs)
    with collect_attention(model) as maps:
        assert_close(subject.scores(model, inputs), before, **EXACT)
    for weights in maps.values():
        assert_close(weights.sum(-1), torch.ones_like(weights[..., 0]), **EXACT)


def reads_bfloat16(lstm):
    """Whether torch has an LSTM in bfloat16 for this processor; without AVX2 it has none."""
    try:
        with torch.autocast("cpu", torch.bfloat16):
            lstm(torch.zeros(1, 1, lstm.input_size))
    except RuntimeError:
        return False
    return True


@pytest.mark.parametrize("how", ["bfloat16", "autocast"])
def test_in_bfloat16_it_is_finite_and_near(subject, how):
    model, inputs = redraw(subject.make()).float().eval(), subject.inputs(7)
    if how == "autocast" and not all(
        reads_bfloat16(m) for m in model.modules() if isinstance(m, torch.nn.LSTM)
    ):
        pytest.skip("torch has no LSTM in bfloat16 for this processor")
    inputs = [x.float() if x.is_floating_point() else x for x in inputs]
    expected = subject.scores(model, inputs)
    if how == "bfloat16":
        model.bfloat16()
        inputs = [x.bfloat16() if x.is_floating_point() else x for x in inputs]
    with torch.autocast("cpu", torch.bfloat16, enabled=how == "autocast"):
        got = subject.scores(model, inputs)
        got.float().square().mean().backward()
    assert_close(got.float(), expected, rtol=0, atol=0.05 * float(expected.abs().max()))
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


def test_compiled_it_says_the_same(subject):
    if not subject.traced:
        pytest.skip("its recurrence wants the lengths of its rows as numbers")
    model = redraw(subject.make()).eval()
    compiled = torch.compile(model, fullgraph=True, dynamic=True, backend="eager")
    for length in (7, 5):
        inputs = subject.inputs(length)
        assert_close(subject.scores(compiled, inputs), subject.scores(model, inputs), **EXACT)


def test_exported_it_reads_other_lengths_too(subject):
    if not subject.traced:
        pytest.skip("its recurrence wants the lengths of its rows as numbers")
    model, inputs = redraw(subject.make()).eval(), subject.inputs(7)
    lengths = [None if x.dim() == 4 else {1: torch.export.Dim.AUTO} for x in inputs]
    program = torch.export.export(model, tuple(inputs), dynamic_shapes=tuple(lengths)).module()
    for length in (7, 5):
        inputs = subject.inputs(length)
        assert_close(subject.scores(program, inputs), subject.scores(model, inputs), **EXACT)


# --- what it refuses ------------------------------------------------------------------------

REFUSAL = r"[\w\[\]]+ must be .*, got "


def said(call):
    """What the refusal says; for what is no refusal in words, that."""
    try:
        call()
    except ValueError as error:
        return str(error)
    except Exception as error:
        return f"not in words: {error!r}"
    return "not refused"


def test_bad_input_is_refused_in_words(subject):
    model, inputs = subject.make().double().eval(), subject.inputs(7)
    for at, x in enumerate(inputs):
        floating = BAD_PICTURES if x.dim() == 4 else BAD_NUMBERS
        ways = floating if x.is_floating_point() else BAD_IDS
        answers = {
            name: said(lambda: model(*inputs[:at], spoil(x), *inputs[at + 1 :]))  # noqa: B023
            for name, spoil in ways.items()
        }
        assert not {n: text for n, text in answers.items() if not re.match(REFUSAL, text)}


def test_its_config_is_frozen(subject):
    config = subject.make().config
    with pytest.raises(FrozenInstanceError):
        setattr(config, fields(config)[0].name, 3)


def test_its_config_refuses_in_words_what_cannot_be(subject):
    config = subject.make().config
    answers = {}
    for field in fields(config):
        for bad in BAD_VALUES.get(type(getattr(config, field.name)), ()):
            text = said(lambda: replace(config, **{field.name: bad}))  # noqa: B023
            answers[field.name, bad] = text
    assert not {at: text for at, text in answers.items() if not re.match(REFUSAL, text)}
