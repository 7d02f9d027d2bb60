import copy

import patients
import pytest
import torch
import torch.nn.functional as F
from contract import SUBJECTS
from patients import PAD, PATIENTS, adam, batch, examined, gpt, loss, padded
from torch import nn

from transformer_lib.training.findings import CHECKS
from transformer_lib.training.health import health
from transformer_lib.training.hearing import hear
from transformer_lib.training.losses import token_sum
from transformer_lib.training.random_state import random_state
from transformer_lib.training.schedules import cosine_schedule, paper_schedule
from transformer_lib.training.vitals import vitals

CASES = [(name, n) for name, makers in PATIENTS.items() for n in range(len(makers))]


@pytest.mark.parametrize(("name", "n"), CASES)
def test_each_patient_is_named_first(name, n):
    said = PATIENTS[name][n]()
    assert [check.name for check in said.findings][:1] == [name]
    assert repr(said).startswith(f"1. {name}: ")
    assert "Cure: " in repr(said)
    assert "{" not in repr(said)
    assert max(map(len, repr(said).splitlines())) <= 88  # what a page shows of a line


def test_every_check_has_a_patient():
    assert [check.name for check in CHECKS] == list(PATIENTS)


# CLIP's scores are cosines between the pairs of a batch: no class that a target could name.
CLASSIFIERS = [name for name in SUBJECTS if "clip" not in name]


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_nothing_is_found_on_a_healthy_model(name):
    torch.manual_seed(0)
    subject = SUBJECTS[name]
    model, inputs = subject.make().double(), subject.inputs(7)
    classes = slice(5 if "detr" in name else None)  # behind them stand places
    targets = torch.randint(5, subject.scores(model, inputs).shape[:-1])

    def of_scores(model, inputs):
        return F.cross_entropy(
            subject.output(model(*inputs))[..., classes].flatten(0, -2), targets.flatten()
        )

    how = {"causal": subject.causal is not None, "optimizer": adam(model, 1e-2)}
    said = health(model, inputs, of_scores, pad_id=(subject.padded or (0, None))[1], **how)
    assert said.findings == (), said
    assert ("future_in_training" in said.numbers) == (subject.causal is not None)
    assert ("padding_read" in said.numbers) == (subject.padded is not None)


@pytest.mark.parametrize(
    "said",
    [
        lambda: examined(gpt(), schedule=cosine_schedule(100, warmup=10), steps=100),
        lambda: examined(gpt(), lr=1.0, schedule=paper_schedule(32, warmup=50), steps=100),
        lambda: examined(gpt(), padded(), pad_id=PAD),
        lambda: examined(patients.learned(), held_out=batch(99), trained=True),
        lambda: examined(patients.Reader(), padded(), patients.kinds, causal=False, pad_id=PAD),
        lambda: examined(patients.Deep(layers=4, norm_first=True)),
    ],
    ids=["cosine", "the paper's schedule", "padded", "trained", "reader", "deep"],
)
def test_nothing_is_found_on_a_healthy_training(said):
    assert said().findings == ()


def test_it_changes_nothing():
    model = gpt(dropout=0.1)
    model.stack.layers[0].eval()
    optimizer = adam(model)
    loss(model, batch(1)).backward()
    optimizer.step()
    before = copy.deepcopy(
        (model.state_dict(), [p.grad for p in model.parameters()], optimizer.state_dict())
    )
    modes = [part.training for part in model.modules()]
    random = random_state()
    with torch.no_grad():  # it works here too
        health(model, batch(), loss, optimizer=optimizer, causal=True, pad_id=PAD)
    after = (model.state_dict(), [p.grad for p in model.parameters()], optimizer.state_dict())
    torch.testing.assert_close(after, before, rtol=0, atol=0)
    assert modes == [part.training for part in model.modules()]
    assert torch.equal(random_state()["cpu"], random["cpu"])
    assert not any(part._forward_hooks for part in model.modules())


def test_what_is_not_read_has_a_gradient_of_exactly_zero():
    numbers = vitals(gpt(), padded(), loss, causal=True, pad_id=PAD)
    exact = ("future_in_evaluation", "future_in_training", "padding_read", "padding_counted")
    assert [numbers[name] for name in exact] == [0.0] * 4
    one = patients.open_to(patients.all_tokens_see_one_ahead)
    assert 0.005 < vitals(one, batch(), loss, causal=True)["future_in_evaluation"] < 0.2


def test_a_leak_in_one_mode_is_told_apart():
    numbers = vitals(patients.OnlyInTraining(), batch(), loss, causal=True)
    assert numbers["future_in_training"] == 0.0
    assert numbers["future_in_evaluation"] > 0.01


def test_the_landmarks_are_those_of_the_targets_that_count():
    numbers = vitals(gpt(), padded(), loss, pad_id=PAD)
    targets = padded()[1][padded()[1] != PAD]
    p = torch.stack([(targets == i).double().mean() for i in targets.unique()])
    assert numbers["uniform"] == pytest.approx(torch.tensor(21.0).log().item())
    assert numbers["frequencies"] == pytest.approx(-(p * p.log()).sum().item())


def test_a_loss_that_returns_a_sum_and_a_count_is_a_mean():
    def summed(model, pair):
        return token_sum(model(pair[0]), pair[1], pad_id=PAD)

    by_sum, by_mean = (examined(gpt(), padded(), how, pad_id=PAD).numbers for how in (summed, loss))
    assert by_sum["loss"] == pytest.approx(by_mean["loss"], abs=1e-6)
    assert by_sum["end"] == pytest.approx(by_mean["end"], abs=1e-2)


def test_a_table_of_ids_is_heard_whatever_its_class():
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Parameter(torch.randn(V + 1, 8))

        def forward(self, ids):
            return self.table[ids]

    V = patients.V
    model = nn.Sequential(Own(), nn.ReLU(), nn.Linear(8, V))
    with hear(model) as heard:
        loss(model, batch())
    ids, vectors = heard.written
    assert torch.equal(ids, batch()[0])
    assert vectors.shape == (*ids.shape, 8)
    assert heard.classes == V
    assert not any(part._forward_hooks for part in model.modules())  # nobody listens any more
    assert len(heard.silent) == 1


def test_a_frozen_table_is_heard_too():
    model = gpt()
    model.embedding.weight.requires_grad_(False)
    numbers = vitals(model, batch(), loss, causal=True)
    assert numbers["future_in_training"] == 0.0


def test_without_an_optimizer_nothing_is_tried():
    said = health(gpt(), batch(), loss, causal=True)
    assert said.findings == ()
    assert "start" not in said.numbers
    assert "the rate is too high" in said.skipped
    assert repr(said).startswith("Nothing found; ")
    assert max(map(len, repr(said).splitlines())) <= 88


def test_several_optimizers_are_one_training():
    model = gpt()
    first, *rest = model.parameters()
    optimizers = [torch.optim.AdamW([first], lr=3e-3), torch.optim.SGD(rest, lr=0.1)]
    assert examined(model, optimizer=optimizers).numbers["left_out"] == 0


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"schedule": lambda step: 1.0}, "steps must be given"),
        ({"steps": 0}, "steps must be None or at least 1"),
        ({"causal": "no"}, "causal must be"),
        ({"trained": 1}, "trained must be"),
        ({"optimizer": adam(gpt())}, "optimizer must move parameters of model alone"),
    ],
)
def test_bad_input_is_refused(more, said):
    with pytest.raises(ValueError, match=said):
        health(gpt(), batch(), loss, **more)


def test_what_is_no_module_is_refused():
    with pytest.raises(ValueError, match="model must be a module, got function"):
        health(loss, batch(), loss)
    with pytest.raises(ValueError, match="model must be a module"), hear(None):
        pass
