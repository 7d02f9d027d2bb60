"""Choosing a token by the scores that a model gives: the likeliest one, or one by chance."""

import math

import torch
from torch import Tensor

from transformer_lib import checks


def greedy(logits: Tensor) -> Tensor:
    """Choose the likeliest token: (batch, vocab_size) → (batch,)."""
    return numbers(logits).argmax(dim=-1)


class Sampler:
    """Choose a token by chance, with the probabilities softmax(logits / temperature).

    Args:
        temperature: below 1 the likely tokens get likelier, above 1 all become more alike.
        top_k: choose among the `top_k` likeliest tokens only.
        top_p: of these, only among the fewest that together have probability `top_p`.
        generator: source of random numbers, on the model's device; by default torch's own.

    Raises:
        ValueError: if `temperature <= 0`, `top_k < 1` or `top_p` is not in (0, 1].

    Source: for top_k Fan et al. 2018, §5.1; for top_p Holtzman et al. 2020, §3.1.
    """

    def __init__(
        self,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        generator: torch.Generator | None = None,
    ):
        checks.positive(temperature=temperature)
        checks.at_least_or_none(1, top_k=top_k)
        if top_p is not None:
            checks.fraction(top_p=top_p)
        if generator is not None and not isinstance(generator, torch.Generator):
            raise ValueError(f"generator must be None or a torch.Generator, got {generator!r}")
        self.temperature, self.top_k, self.top_p = temperature, top_k, top_p
        self.generator = generator

    def __call__(self, logits: Tensor) -> Tensor:
        """Choose a token for each row: (batch, vocab_size) → (batch,).

        Raises:
            FloatingPointError: if the logits, over the temperature, are no numbers.
        """
        checks.floating("logits", logits, dims=2)
        logits = numbers(logits.float() / self.temperature)
        logits = logits if self.top_k is None else keep_top_k(logits, self.top_k)
        logits = logits if self.top_p is None else keep_top_p(logits, self.top_p)
        return logits.softmax(dim=-1).multinomial(1, generator=self.generator).squeeze(1)


def keep_top_k(logits: Tensor, top_k: int) -> Tensor:
    """Set all logits but the `top_k` highest of each row to -inf: (…, vocab_size) → same."""
    checks.at_least(1, top_k=top_k)
    values, tokens = numbers(logits).topk(min(top_k, logits.size(-1)), dim=-1)
    return torch.full_like(logits, -math.inf).scatter(-1, tokens, values)


def keep_top_p(logits: Tensor, top_p: float) -> Tensor:
    """Set all logits to -inf but those of the fewest tokens with probability `top_p` together."""
    checks.fraction(top_p=top_p)
    values, tokens = numbers(logits).sort(dim=-1, descending=True)
    chances = values.softmax(dim=-1)
    likelier = chances.cumsum(dim=-1) - chances  # probability of all tokens that rank higher
    values = values.masked_fill(likelier >= top_p, -math.inf)
    return torch.full_like(logits, -math.inf).scatter(-1, tokens, values)


def numbers(logits: Tensor) -> Tensor:
    """The logits, where each row has a highest; -inf is a token that is ruled out.

    Raises:
        ValueError: if they are not (…, vocab_size) of floating point.
        FloatingPointError: if there is NaN, inf, or nothing but -inf in a row.
    """
    checks.floating("logits", logits)
    bad = [x for x in logits.amax(dim=-1).flatten().tolist() if not math.isfinite(x)]
    if bad:
        raise FloatingPointError(f"logits must be numbers, got {bad[0]} as the highest of a row")
    return logits
