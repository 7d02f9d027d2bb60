"""The exercises of chapter 10: bits per character, one step of Witten and Bell's, GPT-2's GELU.

from transformer_lib.exercises.chapter_10 import check

check(2, mine)
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from transformer_lib.exercises.marking import Exercise, Mark, draw_size, mark


def check(number: int, mine) -> Mark:
    """Mark an answer.

    Args:
        number: of the exercise: 1, `bits(logits, targets)`, the mean bits per character; 2,
            `next_given(counts, shorter)`, what Witten and Bell give each character after a
            context; 3, `gelu(x)` as GPT-2 has it.
        mine: the function.

    Raises:
        ValueError: if there is no such exercise, or `mine` is not a function.
    """
    return mark(EXERCISES, number, mine)


def _draw_scores() -> tuple[Tensor, Tensor]:
    batch, seq_len, vocab_size = draw_size(3, 7), draw_size(3, 7), draw_size(3, 7) + 4
    logits = 2 * torch.randn(batch, seq_len, vocab_size, dtype=torch.float64)
    return logits, torch.randint(vocab_size, (batch, seq_len))


def _draw_counts() -> tuple[Tensor, Tensor]:
    counts = torch.randint(0, 4, (n := draw_size(3, 7) + 2,)).double()
    if torch.rand(()) < 0.25:
        counts.zero_()  # a context that was never seen
    return counts, torch.rand(n, dtype=torch.float64).softmax(-1)


def _small_counts() -> tuple[Tensor, Tensor]:
    return torch.randint(0, 4, (3,)).double(), torch.tensor([0.5, 0.25, 0.25]).double()


def _bits(logits: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten()) / math.log(2)


def _witten_bell(counts: Tensor, shorter: Tensor) -> Tensor:
    N, T = counts.sum(), (counts > 0).sum()
    return (counts + T * shorter) / (N + T) if N else shorter


def _by_probability(logits: Tensor, targets: Tensor, axis: int = -1) -> Tensor:
    return logits.softmax(axis).gather(-1, targets[..., None])


def _gelu(x: Tensor) -> Tensor:
    return F.gelu(x, approximate="tanh")


def _tanh_gelu(x: Tensor, inside: Tensor) -> Tensor:
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * inside))


# --- properties ------------------------------------------------------------------------------


def _alike_is_log2(function, given: tuple) -> bool:
    logits, targets = given
    even = function(torch.zeros_like(logits), targets)
    return abs(even.item() - math.log2(logits.size(-1))) < 1e-6


def _only_differences(function, given: tuple) -> bool:
    logits, targets = given
    return torch.allclose(function(logits + 1, targets), function(logits, targets), atol=1e-6)


def _adds_up(function, given: tuple) -> bool:
    return abs(function(*given).sum().item() - 1) < 1e-6


def _all_possible(function, given: tuple) -> bool:
    return bool((function(*given) > 0).all())


def _odd_part(function, given: tuple) -> bool:
    (x,) = given
    return torch.allclose(function(x) - function(-x), x, atol=1e-6)


EXERCISES = {
    1: Exercise(
        right=_bits,
        draw=_draw_scores,
        small=lambda: (torch.randint(-2, 3, (1, 2, 3)).double(), torch.randint(3, (1, 2))),
        mistakes={
            "these are nats, and one bit is ln 2 of them.": lambda s, t: _bits(s, t) * math.log(2),
            "the nats are multiplied by ln 2, not divided.": lambda s, t: (
                _bits(s, t) * math.log(2) ** 2
            ),
            "it is the sum over all characters, and should be the mean.": lambda s, t: (
                _bits(s, t) * t.numel()
            ),
            "this is the perplexity, two to the power of the bits.": lambda s, t: 2 ** _bits(s, t),
            "it is negative: a cost is minus the logarithm.": lambda s, t: -_bits(s, t),
            "the logarithm is taken of the mean probability, and should be averaged itself.": (
                lambda s, t: -_by_probability(s, t).mean().log2()
            ),
            "softmax runs over the positions, and should run over the vocabulary.": lambda s, t: (
                -_by_probability(s, t, axis=1).log2().mean()
            ),
            "it is read one character too late: each score belongs to the next target already.": (
                lambda s, t: _bits(s[:, :-1], t[:, 1:])
            ),
        },
        properties={
            "If all logits are alike, a character costs log2 of the vocabulary's size.": (
                _alike_is_log2
            ),
            "Only differences matter: to add 1 to all logits must change nothing.": (
                _only_differences
            ),
        },
    ),
    2: Exercise(
        right=_witten_bell,
        draw=_draw_counts,
        small=_small_counts,
        mistakes={
            "one is added to every count, and the shorter context is not asked.": (
                lambda counts, shorter: (counts + 1) / (counts + 1).sum()
            ),
            "right, but for a context that was never seen it divides by zero. Leave it to the "
            "shorter one.": lambda counts, shorter: (
                (counts + (counts > 0).sum() * shorter) / (counts.sum() + (counts > 0).sum())
            ),
            "what was seen keeps its plain share; only what is new asks the shorter context.": (
                lambda counts, shorter: torch.where(
                    counts > 0, counts / counts.sum().clamp(min=1), shorter
                )
            ),
            "T counts how often characters came, and should count how many different ones did.": (
                lambda counts, shorter: (
                    (counts / counts.sum() + shorter) / 2 if counts.sum() else shorter
                )
            ),
            "T is the size of the vocabulary, and should be the number of characters seen here.": (
                lambda counts, shorter: (
                    (counts + len(counts) * shorter) / (counts.sum() + len(counts))
                )
            ),
            "half of the trust goes to each, however often the context was seen.": (
                lambda counts, shorter: (counts / counts.sum().clamp(min=1) + shorter) / 2
            ),
            "it is not divided by N + T, and adds up to more than one.": lambda counts, shorter: (
                counts + (counts > 0).sum() * shorter if counts.sum() else shorter
            ),
        },
        properties={
            "The probabilities must add up to one.": _adds_up,
            "No character may be impossible.": _all_possible,
        },
    ),
    3: Exercise(
        right=_gelu,
        draw=lambda: (3 * torch.randn(4, 8, dtype=torch.float64),),
        small=lambda: (torch.randint(-3, 4, (2, 3)).double(),),
        mistakes={
            "that is the exact GELU, with the error function. GPT-2 has the one with tanh.": F.gelu,
            "that is x · sigmoid(1.702 x), a coarser approximation.": lambda x: (
                x * torch.sigmoid(1.702 * x)
            ),
            "that is ReLU.": F.relu,
            "that is SiLU, x · sigmoid(x).": F.silu,
            "the factor 1/2 is missing.": lambda x: 2 * _gelu(x),
            "the cube is missing inside the tanh.": lambda x: _tanh_gelu(x, x),
            "inside the tanh stands a square, and should stand a cube.": lambda x: _tanh_gelu(
                x, x + 0.044715 * x**2
            ),
            "the cube has no factor; it is 0.044715.": lambda x: _tanh_gelu(x, x + x**3),
        },
        properties={"f(x) - f(-x) must be x.": _odd_part},
    ),
}
