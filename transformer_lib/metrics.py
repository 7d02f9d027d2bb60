"""Scores that no library has: edits to the nearest right answer, and bits per character."""

import math
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class ErrorRates:
    """How wrong a list of hypotheses is, as fractions.

    Attributes:
        per: phoneme error rate, edits per phoneme of the reference.
        wer: word error rate, the fraction of words that equal none of their references.
    """

    per: float
    wer: float

    def __str__(self) -> str:
        return f"PER {self.per:.2%}, WER {self.wer:.2%}"


def error_rates(
    hypotheses: Sequence[Sequence[Hashable]],
    references: Sequence[Iterable[Sequence[Hashable]]],
) -> ErrorRates:
    """Compare each hypothesis with the nearest of its references.

        PER = Σ edits / Σ phonemes of the reference,  WER = words with an edit / words

    Args:
        hypotheses: one sequence of symbols for each word.
        references: for each word its right answers, each a sequence of symbols. Nearest is the one
            with the fewest edits, the longer one among equals.

    Returns:
        Both rates.

    Raises:
        ValueError: if there are no words, not as many references as hypotheses, or a word has no
            reference or an empty one.
    """
    if len(hypotheses) != len(references) or not hypotheses:
        raise ValueError(
            f"references must be as many as hypotheses, at least one, "
            f"got {len(references)} and {len(hypotheses)}"
        )
    edits = phonemes = wrong = 0
    for i, (hypothesis, listed) in enumerate(zip(hypotheses, references, strict=True)):
        listed = list(listed)
        if not listed or not all(listed):
            raise ValueError(f"references[{i}] must hold sequences of symbols, got {listed}")
        distance, length = min((edit_distance(hypothesis, one), -len(one)) for one in listed)
        edits, phonemes, wrong = edits + distance, phonemes - length, wrong + (distance > 0)
    return ErrorRates(edits / phonemes, wrong / len(hypotheses))


def edit_distance(a: Sequence[Hashable], b: Sequence[Hashable]) -> int:
    """Fewest insertions, deletions and substitutions that turn `a` into `b`.

    Source: Levenshtein 1966; the table is filled row by row (Wagner and Fischer 1974).
    """
    row = list(range(len(b) + 1))  # row[j]: from the first i symbols of a to the first j of b
    for i, x in enumerate(a, start=1):
        diagonal, row[0] = row[0], i
        for j, y in enumerate(b, start=1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (x != y))
    return row[-1]


def bits_in_chunks(
    score: Callable[[Tensor], Tensor], tokens: Tensor, *, window: int, batch_size: int = 32
) -> Tensor:
    """How many bits each token of a text costs, the text cut into chunks that are read alone.

    The mean is bits per character, where tokens are characters. It depends on the window: a chunk
    starts with nothing behind it, so token i of a chunk is judged by i others. (What does not fill
    the last chunk is read with those before it.)

    Args:
        score: from ids (batch, length) to logits (batch, length, vocab_size), those at t for the
            token at t + 1; a model in evaluation mode, say.
        tokens: ids (length,) of the text, at least two.
        window: number of tokens that are read at a time.
        batch_size: number of chunks read side by side.

    Returns:
        -log2 p, (length - 1,): all but the first token, which nothing comes before.

    Raises:
        ValueError: if `tokens` are not such a row, or `window` is less than 1.
    """
    return bits_sliding(score, tokens, window=window, stride=window, batch_size=batch_size)


def bits_sliding(
    score: Callable[[Tensor], Tensor],
    tokens: Tensor,
    *,
    window: int,
    stride: int,
    batch_size: int = 32,
) -> Tensor:
    """How many bits each token of a text costs, read through a window that slides.

    The window moves on by `stride` tokens, and only those that are new in it count: each but the
    first few is judged by at least `window - stride` others. It is the fairer figure and costs
    window / stride times as much.

    Args:
        score: as in `bits_in_chunks`.
        tokens: as in `bits_in_chunks`.
        window: as in `bits_in_chunks`.
        stride: number of tokens by which the window moves.
        batch_size: number of windows read side by side.

    Returns:
        -log2 p, (length - 1,): all but the first token.

    Raises:
        ValueError: as in `bits_in_chunks`, and if `stride` is not in 1 … window.
    """
    if tokens.dim() != 1 or len(tokens) < 2:
        raise ValueError(f"tokens must be one row of at least two, got {tuple(tokens.shape)}")
    if not 1 <= stride <= window:
        raise ValueError(f"stride must be in 1 … window = {window}, got {stride}")
    length = len(tokens) - 1  # tokens that are judged
    window = min(window, length)
    # Where each window starts: the last one is moved back, to be as long as the others.
    starts = [*range(0, length - window, stride), length - window]
    bits = torch.empty(length)
    done = 0
    for group in torch.tensor(starts).split(batch_size):
        at = group[:, None] + torch.arange(window)  # (windows, window)
        with torch.inference_mode():
            logits = score(tokens[at]).float()
            nats = F.cross_entropy(logits.mT, tokens[at + 1], reduction="none").cpu()
        for start, row in zip(group.tolist(), nats, strict=True):
            bits[done : start + window] = row[done - start :] / math.log(2)
            done = start + window
    return bits
