"""RECL: equal to the paper's formulas written as loops, and what a group does to its members."""

import math
from inspect import signature

import pytest
import torch
from torch.testing import assert_close

from transformer_lib.measure.effective_context import effective_context_length, relative_gains


def some_losses(models=3, contexts=6, positions=40, seed=0):
    """Losses that fall with the context, by another amount at every position."""
    generator = torch.Generator().manual_seed(seed)
    steps = torch.rand(models, contexts, positions, generator=generator, dtype=torch.float64)
    return 4 - 0.3 * steps.cumsum(dim=1) + 0.1 * steps


def gain_by_hand(losses, model, short, ratio):
    """Appendix C, one position at a time, on lists."""
    losses = losses.tolist()
    positions = range(len(losses[0][0]))
    b = [min(each[short][t] for each in losses) for t in positions]
    hardest = sorted(positions, key=lambda t: -b[t])[: max(1, round(ratio * len(b)))]

    def f(context):
        total = 0.0
        for t in hardest:
            total += min(b[t], losses[model][context][t])
        return total / len(hardest)

    return (math.exp(f(short)) - math.exp(f(short + 1))) / math.exp(f(short))


def length_by_hand(losses, lengths, model, ratio, threshold):
    """The paper's algorithm: go on while it is worth it."""
    step = 0
    while step + 1 < len(lengths) and gain_by_hand(losses, model, step, ratio) >= threshold:
        step += 1
    return lengths[step]


@pytest.mark.parametrize("ratio", [0.1, 0.33, 0.5, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_gains_equal_the_formula(ratio, seed):
    losses = some_losses(seed=seed)
    expected = [[gain_by_hand(losses, i, c, ratio) for c in range(5)] for i in range(3)]
    gains = relative_gains(losses, ratio=ratio)
    assert gains.dtype == torch.float64
    assert_close(gains, torch.tensor(expected, dtype=torch.float64), atol=1e-13, rtol=0)
    assert_close(relative_gains(losses.float(), ratio=ratio), gains, atol=1e-6, rtol=0)


@pytest.mark.parametrize("threshold", [1e-6, 0.03, 0.06, 0.2, 0.9])
@pytest.mark.parametrize("ratio", [0.1, 1.0])
def test_lengths_equal_the_algorithm(ratio, threshold):
    losses, lengths = some_losses(seed=7), [1, 2, 5, 20, 21, 300]
    expected = [length_by_hand(losses, lengths, i, ratio, threshold) for i in range(3)]
    found = effective_context_length(losses, lengths, ratio=ratio, threshold=threshold)
    assert found == expected


def test_a_worked_example():
    # Two models, two contexts, two positions. b = (2, 1); with the longer context the first
    # model has min(2, 1) + min(1, 3) = 2 of 3, the second nothing better than b.
    losses = torch.tensor([[[2.0, 4.0], [1.0, 3.0]], [[3.0, 1.0], [2.0, 1.0]]])
    expected = torch.tensor([[1 - math.exp(1.0 - 1.5)], [0.0]], dtype=torch.float64)
    assert_close(relative_gains(losses), expected)
    hardest = torch.tensor([[1 - math.exp(1.0 - 2.0)], [0.0]], dtype=torch.float64)
    assert_close(relative_gains(losses, ratio=0.5), hardest)


def test_a_group_of_one_that_only_improves_has_its_own_relative_perplexity():
    losses = some_losses(models=1).sort(dim=1, descending=True).values
    perplexity = losses[0].mean(dim=-1).exp()
    assert_close(relative_gains(losses)[0], 1 - perplexity[1:] / perplexity[:-1])


def test_a_model_that_never_beats_the_baseline_gains_nothing():
    losses = some_losses()
    losses[2] += 10
    gains = relative_gains(losses)
    assert gains[2].tolist() == [0.0] * 5
    assert not torch.signbit(gains).any()  # not even a minus before the nought
    assert (gains[:2] > 0).all()
    assert (gains < 1).all()


def test_a_better_model_in_the_group_lowers_the_number_of_the_others():
    losses = some_losses(models=2)
    better = losses.min(dim=0, keepdim=True).values - 0.25
    alone = relative_gains(losses)
    beside = relative_gains(torch.cat([losses, better]))[:2]
    assert (beside < alone).all()
    lengths = list(range(6))
    before = effective_context_length(losses, lengths, threshold=0.05)
    after = effective_context_length(torch.cat([losses, better]), lengths, threshold=0.05)[:2]
    assert all(a < b for a, b in zip(after, before, strict=True))


def test_a_worse_model_in_the_group_changes_nothing():
    losses = some_losses()
    worse = losses.max(dim=0, keepdim=True).values + 1
    for ratio in (0.1, 1.0):
        alone = relative_gains(losses, ratio=ratio)
        assert_close(relative_gains(torch.cat([losses, worse]), ratio=ratio)[:3], alone)


def test_the_order_of_models_and_positions_does_not_matter():
    losses = some_losses()
    models, positions = torch.tensor([2, 0, 1]), torch.randperm(40)
    gains = relative_gains(losses, ratio=0.25)
    assert_close(relative_gains(losses[models], ratio=0.25), gains[models])
    assert_close(relative_gains(losses[..., positions], ratio=0.25), gains)


def test_the_ratio_takes_the_positions_where_the_baseline_is_worst():
    # The model improves only where the short context served well: positions 5 to 9 of 10.
    short = torch.tensor([5.0] * 5 + [1.0] * 5)
    losses = torch.stack([short, short - torch.tensor([0.0] * 5 + [0.5] * 5)])[None]
    assert relative_gains(losses, ratio=0.5).item() == 0
    assert relative_gains(losses, ratio=0.6).item() == pytest.approx(1 - math.exp(-0.5 / 6))
    assert relative_gains(losses).item() == pytest.approx(1 - math.exp(-0.25))


def test_hard_is_what_is_hard_for_the_best_and_at_the_short_context():
    # Position 0 is hard for one model, position 1 for both, but only with the short context.
    losses = torch.tensor([[[9.0, 5.0], [9.0, 1.0]], [[1.0, 6.0], [0.0, 6.0]]])
    gains = relative_gains(losses, ratio=0.5)
    expected = torch.tensor([[1 - math.exp(-4)], [0.0]], dtype=torch.float64)
    assert_close(gains, expected)


def test_even_the_smallest_ratio_keeps_a_position():
    losses = some_losses(positions=7)
    assert_close(relative_gains(losses, ratio=1e-9), relative_gains(losses, ratio=1 / 7))


def test_a_part_of_the_positions_is_rounded():
    losses = some_losses(positions=10)
    for ratio, positions in ((0.26, 3), (0.34, 3), (0.36, 4)):
        assert_close(
            relative_gains(losses, ratio=ratio), relative_gains(losses, ratio=positions / 10)
        )


def test_of_equally_hard_positions_the_first_are_taken():
    losses = torch.stack([torch.full((6,), 2.0), torch.tensor([1.0, 2.0, 2.0, 2.0, 2.0, 0.0])])[
        None
    ]
    found = relative_gains(losses, ratio=1 / 3).item()
    assert found == pytest.approx(1 - math.exp(-0.5))


def test_a_gain_at_the_threshold_is_enough():
    losses = torch.tensor([1.0, 1.0 + math.log(1 - 0.25), 0.0])[None, :, None].double()
    gain = relative_gains(losses)[0, 0].item()
    lengths = [10, 20, 30]
    assert effective_context_length(losses, lengths, threshold=gain) == [30]
    assert effective_context_length(losses, lengths, threshold=gain + 1e-12) == [10]


def test_it_stops_at_the_first_step_that_is_too_small():
    losses = torch.tensor([3.0, 2.0, 2.0, 0.0])[None, :, None]
    assert effective_context_length(losses, torch.tensor([4, 8, 12, 16])) == [8]


@pytest.mark.parametrize(
    ("losses", "ratio", "message"),
    [
        (torch.zeros(2, 3), 1.0, r"\(models, contexts, positions\), .* got \(2, 3\)"),
        (torch.zeros(2, 1, 5), 1.0, r"at least two contexts, got \(2, 1, 5\)"),
        (torch.zeros(0, 2, 5), 1.0, r"none of them 0 .* got \(0, 2, 5\)"),
        (torch.zeros(2, 2, 0), 1.0, r"none of them 0 .* got \(2, 2, 0\)"),
        (torch.zeros(1, 2, 3).long(), 1.0, "floating-point numbers, got torch.int64"),
        (torch.tensor([[[1.0], [math.nan]]]), 1.0, "finite .* got NaN or infinite"),
        (torch.tensor([[[math.inf], [1.0]]]), 1.0, "finite .* got NaN or infinite"),
        (torch.zeros(1, 2, 3), 0.0, r"ratio must be in \(0, 1\], got 0.0"),
        (torch.zeros(1, 2, 3), 1.5, r"ratio must be in \(0, 1\], got 1.5"),
        (torch.zeros(1, 2, 3), math.nan, r"ratio must be in \(0, 1\], got nan"),
    ],
)
def test_impossible_losses_are_refused(losses, ratio, message):
    with pytest.raises(ValueError, match=message):
        relative_gains(losses, ratio=ratio)
    with pytest.raises(ValueError, match=message):
        effective_context_length(losses, [1, 2], ratio=ratio)


@pytest.mark.parametrize(
    ("lengths", "threshold", "message"),
    [
        ([1, 2], 0.01, r"lengths must be 3 growing numbers, .* got \[1, 2\]"),
        ([1, 2, 2], 0.01, r"growing numbers, .* got \[1, 2, 2\]"),
        ([3, 2, 1], 0.01, r"growing numbers, .* got \[3, 2, 1\]"),
        ([-1, 0, 1], 0.01, r"growing numbers, .* got \[-1, 0, 1\]"),
        ([1.5, 2.5, 3.9], 0.01, r"growing numbers, .* got \[1.5, 2.5, 3.9\]"),
        ([True, 2, 3], 0.01, r"growing numbers, .* got \[True, 2, 3\]"),
        ("123", 0.01, "growing numbers, .* got 123"),
        (None, 0.01, "growing numbers, .* got None"),
        ([1, 2, 3], 0.0, "threshold must be positive and finite, got 0.0"),
        ([1, 2, 3], math.nan, "threshold must be positive and finite, got nan"),
    ],
)
def test_impossible_lengths_are_refused(lengths, threshold, message):
    with pytest.raises(ValueError, match=message):
        effective_context_length(torch.zeros(1, 3, 4), lengths, threshold=threshold)


def test_the_threshold_is_the_papers():
    assert signature(effective_context_length).parameters["threshold"].default == 0.01
