"""Scaling: operations as torch counts them, laws found again, an interval that knows its noise."""

import math

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from transformer_lib.measure.scaling import (
    PowerLaw,
    fit_power_law,
    prediction_interval,
    training_flops,
)
from transformer_lib.models.gpt import GPT, GPTConfig

SIZES = [14_000, 19_000, 25_000, 31_000, 39_000, 56_000]


def noisy(law, spread, seed):
    noise = torch.randn(len(SIZES), generator=torch.Generator().manual_seed(seed)) * spread
    return [law(size) + error for size, error in zip(SIZES, noise.tolist(), strict=True)]


@pytest.mark.parametrize("seq_len", [8, 64])
def test_flops_are_those_that_torch_counts(seq_len):
    sizes = {"d_model": 16, "num_heads": 2, "num_layers": 3, "d_ff": 64}
    config = GPTConfig(20, positions="rotary", norm="rms", bias=False, dropout=0.0, **sizes)
    model = GPT(config)
    # In one kernel, attention is not counted on every processor; step by step it is.
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        model(torch.zeros(4, seq_len, dtype=torch.long)).sum().backward()
    matrices = sum(p.numel() for p in model.parameters() if p.dim() == 2)  # the head is the table
    ours = training_flops(matrices, 4 * seq_len, num_layers=3, d_model=16, seq_len=seq_len)
    assert counter.get_total_flops() == ours


def test_flops_without_attention_are_six_for_each_parameter_and_token():
    assert training_flops(1_000_000_000, 20_000_000_000) == 120 * 10**18
    assert training_flops(5, 7, num_layers=2, d_model=3, seq_len=11) == 7 * (30 + 12 * 2 * 3 * 11)


@pytest.mark.parametrize("law", [PowerLaw(1.5, 700.0, 0.7), PowerLaw(0.0, 12.0, 0.2)])
def test_a_law_is_found_again(law):
    found = fit_power_law(SIZES, [law(size) for size in SIZES])
    assert found.floor == pytest.approx(law.floor, abs=0.01)  # as near as the grid has one
    assert found.exponent == pytest.approx(law.exponent, abs=0.01)
    assert found(4 * SIZES[-1]) == pytest.approx(law(4 * SIZES[-1]), abs=0.003)


def test_the_line_is_the_one_of_least_squares():
    law = fit_power_law([1, 10, 100], [4.0, 2.0, 1.5], floor=0.5)
    x = torch.tensor([[1.0, math.log(s)] for s in (1, 10, 100)], dtype=torch.float64)
    y = torch.tensor([3.5, 1.5, 1.0], dtype=torch.float64).log()
    height, slope = torch.linalg.lstsq(x, y[:, None]).solution.flatten().tolist()
    assert (law.floor, law.exponent) == (0.5, pytest.approx(-slope))
    assert law.scale == pytest.approx(math.exp(height))
    assert law(50) == pytest.approx(0.5 + math.exp(height) * 50**slope)


def test_errors_are_measured_in_the_loss():
    """A line through log(loss - E) alone would take the E that makes logs alike, near the loss."""
    law = PowerLaw(1.2, 500.0, 0.65)
    losses = noisy(law, 0.02, seed=1)
    found = fit_power_law(SIZES, losses)

    def error(law):
        return sum((law(s) - loss) ** 2 for s, loss in zip(SIZES, losses, strict=True))

    others = [fit_power_law(SIZES, losses, floor=min(losses) * i / 50) for i in range(50)]
    assert all(error(found) <= error(other) + 1e-6 for other in others)


def test_the_interval_grows_with_the_noise_and_with_the_distance():
    def width(spread, target, **options):
        losses = noisy(PowerLaw(1.5, 700.0, 0.7), spread, seed=2)
        low, high = prediction_interval(SIZES, losses, target, draws=100, **options)
        return high - low

    assert width(0.0001, 220_000) < 0.01
    assert width(0.005, 220_000) < width(0.02, 220_000)
    assert width(0.01, 60_000) < width(0.01, 220_000)
    assert width(0.01, 220_000, share=0.5) < width(0.01, 220_000)
    assert width(0.01, 220_000, seed=1) != width(0.01, 220_000)


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    law, hits = PowerLaw(1.5, 700.0, 0.7), 0
    sizes = SIZES * 2
    for trial in range(40):
        losses = noisy(law, 0.01, seed=2 * trial) + noisy(law, 0.01, seed=2 * trial + 1)
        low, high = prediction_interval(sizes, losses, 220_000, share=0.8, draws=50)
        hits += low <= law(220_000) <= high
    assert 0.6 <= hits / 40 <= 0.95


def test_the_interval_of_a_small_share_is_narrow():
    losses = noisy(PowerLaw(1.5, 700.0, 0.7), 0.01, seed=0)
    (low, high), (least, most) = (
        prediction_interval(SIZES, losses, 220_000, share=share, draws=200) for share in (0.2, 0.9)
    )
    assert 0 < high - low < 0.3 * (most - least)


@pytest.mark.parametrize(
    ("sizes", "losses", "options", "message"),
    [
        ([1, 2, 3], [3.0, 2.0], {}, "losses must be one for each size, got 2 for 3"),
        (None, [3.0, 2.0], {}, "sizes must be a list of numbers, got None"),
        ([1, 2, 3], "3, 2, 1", {}, "losses must be a list of numbers, got '3, 2, 1'"),
        ([1, 1, 2], [3.0, 3.0, 2.0], {}, "sizes must hold at least three different ones"),
        ([1, 2, 0], [3.0, 2.0, 1.0], {}, "size must be positive"),
        ([1, 2, 3], [3.0, 2.0, math.nan], {}, "loss must be positive and finite"),
        ([1, 2, 3], [3.0, 2.0, 1.0], {"floor": 1.0}, "floor must be below every loss"),
        ([1, 2, 3], [3.0, 2.0, 1.0], {"floor": -1.0}, "floor must be at least 0"),
    ],
)
def test_what_cannot_be_fitted(sizes, losses, options, message):
    with pytest.raises(ValueError, match=message):
        fit_power_law(sizes, losses, **options)


def test_what_has_no_interval():
    with pytest.raises(ValueError, match="losses must be of more than three runs, got 3"):
        prediction_interval([1, 2, 3], [3.0, 2.0, 1.5], 12)
    with pytest.raises(ValueError, match="target must be positive"):
        prediction_interval([1, 2, 3, 4], [3.0, 2.0, 1.5, 1.4], 0)
