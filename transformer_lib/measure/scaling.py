"""What a training costs, and what a larger one will reach: a law fitted to small runs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from transformer_lib import checks

FLOORS = 500  # values of E that a fit tries, from 0 to just below the best loss


def training_flops(
    parameters: int, tokens: int, *, num_layers: int = 0, d_model: int = 0, seq_len: int = 0
) -> int:
    """Floating-point operations of a training: a product and a sum are two.

        6 · N · D  +  12 · num_layers · d_model · seq_len · D

    Each parameter takes part in one product and one sum for each token, and going backward costs
    twice that: with respect to what came in, and to the weights. The second term is attention,
    whose products hold no parameters: scores and mixture, over all seq_len keys, masked or not.

    Args:
        parameters: N, those of the matrices that every token is multiplied with: the head counts,
            a table that is only looked up does not.
        tokens: D, how many the training reads.
        num_layers: of attention; 0 leaves the second term out.
        d_model: width of all heads together.
        seq_len: number of tokens that see each other.

    Raises:
        ValueError: if a number is not whole, or too small.

    Source: Kaplan et al. 2020, §2.1.
    """
    checks.at_least(1, parameters=parameters, tokens=tokens)
    checks.at_least(0, num_layers=num_layers, d_model=d_model, seq_len=seq_len)
    return (6 * parameters + 12 * num_layers * d_model * seq_len) * tokens


@dataclass(frozen=True)
class PowerLaw:
    """loss(N) = floor + scale · N^-exponent: the floor is what no size gets below."""

    floor: float
    scale: float
    exponent: float

    def __call__(self, size: float) -> float:
        """The loss of a model of this size."""
        return self.floor + self.scale * size**-self.exponent


def fit_power_law(
    sizes: Sequence[float], losses: Sequence[float], *, floor: float | None = None
) -> PowerLaw:
    """The law that is nearest to the losses.

    For each floor E of a grid, log(loss - E) against log(size) is a straight line, found by least
    squares; of all these lines the one stays whose squared errors, measured in the loss itself,
    are the smallest. There is no starting point on which the answer could depend.

    Args:
        sizes: N of each run, at least three different ones.
        losses: of each run.
        floor: E where it is known, such as 0 for a straight line; None to look for it.

    Raises:
        ValueError: if there are too few sizes, numbers do not pair, or a loss is not above E.
    """
    x, y = _points(sizes, losses)
    if floor is None:
        floors = y.min() * torch.arange(FLOORS, dtype=torch.float64) / FLOORS
    else:
        checks.not_negative(floor=floor)
        if floor >= y.min():
            raise ValueError(f"floor must be below every loss, got {floor} and {y.min():.4g}")
        floors = torch.tensor([floor], dtype=torch.float64)
    logs = (y - floors[:, None]).log()  # (floors, runs)
    slopes = (logs * (x - x.mean())).sum(1) / (x - x.mean()).square().sum()
    heights = logs.mean(1) - slopes * x.mean()
    fitted = floors[:, None] + (heights[:, None] + slopes[:, None] * x).exp()
    best = (fitted - y).square().sum(1).argmin()
    return PowerLaw(floors[best].item(), heights[best].exp().item(), -slopes[best].item())


def prediction_interval(
    sizes: Sequence[float],
    losses: Sequence[float],
    target: float,
    *,
    share: float = 0.9,
    draws: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """Between which losses the prediction for a target lies, had the runs come out otherwise.

    A bootstrap: the law is fitted, the errors that it makes are dealt out anew to its own values,
    and it is fitted again, `draws` times. The errors are first made longer by √(n / (n - 3)),
    since a law with three numbers comes nearer to n runs than the truth does. What no draw can
    show is an error of the form: that losses do not follow such a law.

    Args:
        sizes: as for `fit_power_law`.
        losses: as for `fit_power_law`; more runs than three.
        target: the size that is predicted.
        share: of the predictions that lie between the two.
        draws: how many.
        seed: of the draws.

    Raises:
        ValueError: as `fit_power_law`, and if there are no more than three runs.

    Source: Efron 1979, "Bootstrap methods: another look at the jackknife", §7.
    """
    checks.positive(target=target)
    checks.fraction(share=share)
    checks.at_least(1, draws=draws)
    checks.at_least(0, seed=seed)
    law = fit_power_law(sizes, losses)
    count = len(losses)
    if count < 4:
        raise ValueError(f"losses must be of more than three runs, got {count}")
    fitted = torch.tensor([law(size) for size in sizes], dtype=torch.float64)
    errors = torch.tensor(losses, dtype=torch.float64) - fitted
    errors = (errors - errors.mean()) * math.sqrt(count / (count - 3))
    generator = torch.Generator().manual_seed(seed)
    dealt = errors[torch.randint(count, (draws, count), generator=generator)]
    again = [fit_power_law(sizes, row)(target) for row in (fitted + dealt).tolist()]
    ends = torch.tensor([(1 - share) / 2, (1 + share) / 2], dtype=torch.float64)
    low, high = torch.tensor(again, dtype=torch.float64).quantile(ends).tolist()
    return low, high


def _points(sizes: Sequence[float], losses: Sequence[float]) -> tuple[Tensor, Tensor]:
    """log(size) and loss of each run, once they are found to be numbers that pair."""
    for name, values in (("sizes", sizes), ("losses", losses)):
        if isinstance(values, str) or not isinstance(values, Sequence):
            raise ValueError(f"{name} must be a list of numbers, got {values!r}")
    if len(sizes) != len(losses):
        raise ValueError(f"losses must be one for each size, got {len(losses)} for {len(sizes)}")
    if len(set(sizes)) < 3:
        raise ValueError(f"sizes must hold at least three different ones, got {list(sizes)}")
    for size, loss in zip(sizes, losses, strict=True):
        checks.positive(size=size, loss=loss)
    return torch.tensor(sizes, dtype=torch.float64).log(), torch.tensor(losses, dtype=torch.float64)
