"""Schedules against their formulas, and Muon against torch's."""

import inspect
import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.testing import assert_close

from transformer_lib.layers import kernels
from transformer_lib.training import optimizers
from transformer_lib.training.optimizers import Muon, muon_and_adamw, orthogonalize
from transformer_lib.training.schedules import cosine_schedule, paper_schedule, trapezoid_schedule

# --- schedules -------------------------------------------------------------------------------


def test_paper_schedule_has_the_values_of_its_formula():
    factor = paper_schedule(512, warmup=4000)
    for step in (1, 100, 3999, 4000, 4001, 100_000):
        expected = min(1 / math.sqrt(step), step / math.sqrt(4000) ** 3) / math.sqrt(512)
        assert factor(step) == pytest.approx(expected, rel=1e-12)
    assert factor(4000) == pytest.approx(6.988e-4, rel=1e-3)  # the peak
    assert max(range(1, 20_000), key=factor) == 4000


def test_cosine_schedule_rises_and_falls_to_zero():
    factor = cosine_schedule(110, warmup=10)
    assert [factor(step) for step in (1, 5, 10)] == [0.1, 0.5, 1.0]
    assert factor(60) == pytest.approx(0.5)
    assert factor(35) == pytest.approx((1 + math.sqrt(0.5)) / 2)
    assert factor(110) == factor(1000) == 0.0
    assert cosine_schedule(4)(4) == 0.0


def test_trapezoid_schedule_has_three_parts():
    factor = trapezoid_schedule(100, warmup=10, decay=20)
    assert [factor(step) for step in (1, 10, 11, 50, 80)] == [0.1, 1.0, 1.0, 1.0, 1.0]
    assert factor(81) == pytest.approx(0.95)
    assert factor(90) == pytest.approx(0.5)
    assert factor(100) == factor(101) == 0.0
    assert trapezoid_schedule(10, decay=0)(10) == 1.0
    assert trapezoid_schedule(10, decay=0)(11) == 0.0


def test_numbers_of_numpy_make_plain_factors():
    four, nine = np.int64(4), np.int64(9)
    schedules = (
        paper_schedule(nine, warmup=four),
        cosine_schedule(nine, warmup=four),
        trapezoid_schedule(nine, warmup=four, decay=four),
    )
    for schedule in schedules:
        assert {type(schedule(step)) for step in (1, 4, 6, 9)} == {float}


def test_plateau_does_not_depend_on_where_it_ends():
    short = trapezoid_schedule(100, warmup=10, decay=20)
    long = trapezoid_schedule(1000, warmup=10, decay=20)
    assert [short(step) for step in range(1, 81)] == [long(step) for step in range(1, 81)]


@pytest.mark.parametrize(
    "schedule", [paper_schedule(8), cosine_schedule(9), trapezoid_schedule(9, decay=2)]
)
def test_steps_count_from_one(schedule):
    with pytest.raises(ValueError, match="step must be at least 1, got 0"):
        schedule(0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: paper_schedule(0), "d_model must be at least 1, got 0"),
        (lambda: paper_schedule(8, warmup=0), "warmup must be at least 1, got 0"),
        (lambda: cosine_schedule(5, warmup=5), r"warmup must be in 0 … 4, got 5"),
        (lambda: cosine_schedule(5, warmup=-1), r"warmup must be at least 0, got -1"),
        (lambda: cosine_schedule(math.inf), "steps must be a whole number, got inf"),
        (lambda: cosine_schedule(0), "steps must be at least 1, got 0"),
        (lambda: paper_schedule(math.nan), "d_model must be a whole number, got nan"),
        (lambda: paper_schedule(8, warmup=1.5), r"warmup must be a whole number, got 1\.5"),
        (lambda: trapezoid_schedule(9.0, decay=2), r"steps must be a whole number, got 9\.0"),
        (lambda: trapezoid_schedule(9, decay=True), "decay must be a whole number, got True"),
        (lambda: trapezoid_schedule(9, decay=1)(1.5), r"step must be a whole number, got 1\.5"),
        (lambda: muon_and_adamw(Model(), lr=-1.0), r"^lr must be at least 0 and finite, got -1\.0"),
        (lambda: muon_and_adamw(Model(), adamw_lr=math.inf), "adamw_lr must be .* finite, got inf"),
        (lambda: muon_and_adamw(Model(), weight_decay=math.nan), "weight_decay must be .* got nan"),
        (lambda: muon_and_adamw(Model().requires_grad_(False)), "want a gradient, got none"),
        (lambda: orthogonalize(torch.ones(3)), r"x must be matrices of floats, got \(3,\) of"),
        (lambda: orthogonalize(torch.ones(3, 3).long()), r"got \(3, 3\) of torch\.int64"),
        (lambda: trapezoid_schedule(9, warmup=5, decay=5), r"decay must be in 0 … 4, got 5"),
    ],
)
def test_bad_parts_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# --- Muon ------------------------------------------------------------------------------------


SHAPES = [(8, 8), (20, 8), (8, 20), (3, 8, 5)]


@pytest.mark.parametrize("shape", SHAPES)
def test_orthogonalize_equals_the_polynomial_of_the_singular_values(monkeypatch, shape):
    monkeypatch.setattr(optimizers, "has_bf16_products", lambda _device: False)
    torch.manual_seed(0)
    x = torch.randn(*shape)
    u, s, vh = torch.linalg.svd(x.double(), full_matrices=False)
    s = s / s.norm(dim=-1, keepdim=True)
    for _ in range(5):
        s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
    expected = u @ torch.diag_embed(s) @ vh
    found = orthogonalize(x)
    assert found.shape == x.shape
    assert_close(found.double(), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("shape", SHAPES)
def test_orthogonalize_in_bfloat16_rounds_after_each_operation(monkeypatch, shape):
    """The polynomial in float64, every result rounded to bfloat16: the same numbers.

    The exact polynomial is no reference: each step multiplies what was rounded off a small singular
    value by up to 3.4. From the rounded one only a sum in another order can differ, by the float32
    bit that turns a rounding: 1.5 of bfloat16's units at 1 in 1,500 trials of each shape.
    """

    def rounded(y):
        return y.bfloat16().double()

    monkeypatch.setattr(optimizers, "has_bf16_products", lambda _device: True)
    torch.manual_seed(0)
    x = torch.randn(*shape)
    tall = shape[-2] > shape[-1]
    y = rounded((x.mT if tall else x).double())
    y = rounded(y / rounded(y.norm(dim=(-2, -1), keepdim=True)))
    for _ in range(5):
        square = rounded(y @ y.mT)
        factor = rounded(-4.7750 * square) + rounded(rounded(2.0315 * square) @ square)
        y = rounded(rounded(3.4445 * y) + rounded(rounded(factor) @ y))
    found = orthogonalize(x)
    assert_close(found.double(), y.mT if tall else y, rtol=0, atol=3 * 2**-7)


def test_orthogonalize_brings_singular_values_near_one():
    torch.manual_seed(0)
    s = torch.linalg.svdvals(orthogonalize(torch.randn(12, 30)))
    assert 0.5 < s.min() < s.max() < 1.5


def test_orthogonalize_leaves_zero_alone():
    assert torch.equal(orthogonalize(torch.zeros(3, 4)), torch.zeros(3, 4))


@pytest.mark.parametrize("bf16", [True, False])
def test_products_are_in_bfloat16_only_where_the_processor_has_them(monkeypatch, bf16):
    monkeypatch.setattr(optimizers, "has_bf16_products", lambda _device: bf16)
    torch.manual_seed(0)
    x = torch.randn(16, 16)
    found = orthogonalize(x)
    assert found.dtype == torch.float32
    assert torch.equal(found, found.bfloat16().float()) is bf16


def test_which_processors_multiply_bfloat16(monkeypatch):
    for can in (True, False):
        monkeypatch.setattr(kernels, "CPU_HAS_BF16", can)
        assert kernels.has_bf16_products("cpu") is can
        assert kernels.has_bf16_products("cuda")


@pytest.mark.parametrize("nesterov", [True, False])
@pytest.mark.parametrize("adjust", [None, "original", "match_rms_adamw"])
def test_muon_goes_where_torch_goes(monkeypatch, nesterov, adjust):
    # Torch's polynomial runs in bfloat16: with the same precision the two agree to its rounding.
    monkeypatch.setattr(optimizers, "has_bf16_products", lambda _device: True)
    shapes = (6, 6), (12, 6), (6, 12), (6, 6)
    ends = []
    for make in (Muon, torch.optim.Muon):
        torch.manual_seed(0)
        weights = [nn.Parameter(torch.randn(shape)) for shape in shapes]
        unused = nn.Parameter(torch.ones(2, 2))
        optimizer = make([*weights, unused], lr=0.1, nesterov=nesterov, adjust_lr_fn=adjust)
        for _ in range(5):
            optimizer.zero_grad()
            sum((weight**4).sum() for weight in weights).backward()
            optimizer.step()
        assert torch.equal(unused, torch.ones(2, 2))
        ends.append([weight.detach() for weight in weights])
    assert_close(*ends, rtol=0, atol=0.03)


@pytest.mark.parametrize("nesterov", [True, False])
def test_muon_is_its_equations(monkeypatch, nesterov):
    """Two steps, matrix by matrix; only the polynomial is the library's, in float32."""
    monkeypatch.setattr(optimizers, "has_bf16_products", lambda _device: False)
    torch.manual_seed(0)
    shapes = (3, 3), (6, 3), (3, 6), (3, 3)
    weights = [nn.Parameter(torch.randn(shape).double()) for shape in shapes]
    lr, decay, mu = 0.1, 0.5, 0.9
    optimizer = Muon(weights, lr=lr, weight_decay=decay, momentum=mu, nesterov=nesterov)
    expected = [weight.detach().clone() for weight in weights]
    means = [torch.zeros(shape).double() for shape in shapes]
    for _ in range(2):
        for i, shape in enumerate(shapes):
            grad = torch.randn(shape).double()
            weights[i].grad = grad.clone()
            means[i] = mu * means[i] + (1 - mu) * grad
            update = orthogonalize(mu * means[i] + (1 - mu) * grad if nesterov else means[i])
            rate = lr * math.sqrt(max(1, shape[0] / shape[1]))
            expected[i] = expected[i] * (1 - lr * decay) - rate * update
        optimizer.step()
    assert_close([weight.detach() for weight in weights], expected, rtol=0, atol=1e-6)


def test_muon_calls_the_closure():
    weight = nn.Parameter(torch.eye(2))

    def closure():
        loss = (weight**2).sum()
        loss.backward()
        return loss

    assert Muon([weight], lr=0.1).step(closure) == 2.0
    assert weight[0, 0] < 1


def test_eps_is_what_a_matrix_is_divided_by_at_least(monkeypatch):
    monkeypatch.setattr(optimizers, "has_bf16_products", lambda _device: True)
    ends = []
    for make in (Muon, torch.optim.Muon):  # too small to become one of length 1 in five steps
        weight = nn.Parameter(torch.zeros(4, 4))
        optimizer = make([weight], lr=1.0, weight_decay=0.0, eps=1e3)
        weight.grad = 2 * torch.eye(4)
        optimizer.step()
        ends.append(weight.detach())
    assert_close(*ends, rtol=0, atol=0.01)
    assert 0.01 < ends[0].abs().max() < 0.2


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lr": math.inf}, "lr must be at least 0 and finite, got inf"),
        ({"momentum": True}, "momentum must be at least 0 and finite, got True"),
        ({"nesterov": 2}, "nesterov must be True or False, got 2"),
        ({"ns_coefficients": (1.0, 2.0)}, "ns_coefficients must be three numbers"),
        ({"ns_steps": 1.5}, "ns_steps must be a whole number, got 1.5"),
        ({"eps": 0.0}, "eps must be positive and finite, got 0.0"),
        ({"adjust_lr_fn": "none"}, "adjust_lr_fn must be one of"),
    ],
)
def test_muon_refuses_settings_that_torch_would_take(settings, message):
    with pytest.raises(ValueError, match=message):
        Muon([nn.Parameter(torch.ones(2, 2))], **settings)


def test_muon_refuses_what_is_no_matrix():
    with pytest.raises(ValueError, match="2D"):
        Muon([nn.Parameter(torch.ones(3))])


# --- who gets which --------------------------------------------------------------------------


class Model(nn.Module):
    """A matrix of each kind: looked up, shared with the output, and between features."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(5, 4)
        self.inner = nn.Linear(4, 4)
        self.patches = nn.Conv2d(1, 4, 2)
        self.frozen = nn.Linear(4, 4).requires_grad_(False)
        self.head = nn.Linear(4, 5)
        self.head.weight = self.embedding.weight


def test_matrices_go_to_muon_and_the_rest_to_adamw():
    model = Model()
    muon, adamw = muon_and_adamw(model, lr=0.5, adamw_lr=0.25, weight_decay=0.1)
    assert [[id(p) for p in g["params"]] for g in muon.param_groups] == [[id(model.inner.weight)]]
    tables, vectors = adamw.param_groups
    assert {id(p) for p in tables["params"]} == {
        id(model.embedding.weight),
        id(model.patches.weight),
    }
    assert {id(p) for p in vectors["params"]} == {
        id(p) for p in (model.inner.bias, model.patches.bias, model.head.bias)
    }
    assert (muon.param_groups[0]["lr"], tables["lr"], vectors["lr"]) == (0.5, 0.25, 0.25)
    decays = muon.param_groups[0], tables, vectors
    assert [group["weight_decay"] for group in decays] == [0.1, 0.1, 0.0]


def test_defaults_are_those_that_are_documented():
    def default(function, name):
        return inspect.signature(function).parameters[name].default

    assert default(paper_schedule, "warmup") == 4000  # Vaswani et al. 2017, §5.3
    assert [default(muon_and_adamw, n) for n in ("lr", "adamw_lr", "weight_decay")] == [
        0.02,
        3e-3,
        0.0,
    ]
    muon, adamw = muon_and_adamw(Model())
    assert muon.param_groups[0]["lr"] == 0.02
    assert adamw.param_groups[0]["betas"] == (0.9, 0.98)  # of the same section


def test_an_optimizer_with_nothing_to_do_is_left_out():
    (only,) = muon_and_adamw(nn.Embedding(3, 4))
    assert isinstance(only, torch.optim.AdamW)
    (only,) = muon_and_adamw(nn.Linear(3, 4, bias=False))
    assert isinstance(only, Muon)
