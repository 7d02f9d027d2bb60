"""N-grams: the next token judged by how often it followed the last few, and nothing else.

What language models were before networks, and a bar that a network must pass to be worth its
time: counting takes seconds.
"""

import torch
from torch import Tensor

from transformer_lib import checks


class WittenBell:
    """An interpolated n-gram model with Witten-Bell smoothing.

        P(x | h) = (count(h, x) + T(h) · P(x | h')) / (count(h) + T(h))

    where T(h) is the number of different tokens seen after h, and h' is h without its oldest
    token. A context that was followed by many different tokens leaves more to the shorter one; one
    that was never seen leaves everything. Below the empty context all tokens are alike.

    Args:
        tokens: ids (length,) to count in.
        order: length of the longest n-gram: the context is `order - 1` tokens.
        vocab_size: number of different tokens.

    Raises:
        ValueError: if `order` is less than 1, too large to be counted, or there are fewer tokens
            than that, or one is not in the vocabulary.

    Source: Witten and Bell 1991, method C; Chen and Goodman 1998, §2.
    """

    def __init__(self, tokens: Tensor, *, order: int, vocab_size: int):
        checks.at_least(1, order=order, vocab_size=vocab_size)
        if vocab_size**order >= 2**63:
            raise ValueError(
                f"order must be at least 1, and vocab_size ** order below 2 ** 63, "
                f"got order = {order}, vocab_size = {vocab_size}"
            )
        checks.row("tokens", tokens, vocab_size, least=order)
        tokens = tokens.long()  # an n-gram is counted as one number, beyond what int32 holds
        self.order, self.vocab_size = order, vocab_size
        # For n = 1 … order: the n-grams that occur, as numbers in order of size, and how often.
        self.grams, self.counts = [], []
        # For each n, for each context of n - 1 tokens that occurs: how often, and its T(h).
        self.contexts, self.totals, self.kinds = [], [], []
        for n in range(1, order + 1):
            grams, counts = _numbers(tokens, n, vocab_size).unique(return_counts=True)
            contexts, place, kinds = torch.unique_consecutive(
                grams // vocab_size, return_inverse=True, return_counts=True
            )
            totals = torch.zeros_like(kinds).index_add(0, place, counts)
            self.grams.append(grams)
            self.counts.append(counts)
            self.contexts.append(contexts)
            self.totals.append(totals)
            self.kinds.append(kinds)

    def probabilities(self, tokens: Tensor, *, order: int | None = None) -> Tensor:
        """How probable each token of a text was, given those before it.

        Args:
            tokens: ids (length,).
            order: length of the longest n-gram used; by default the longest that was counted.

        Returns:
            (length,), in float64. The first tokens have shorter contexts.

        Raises:
            ValueError: if a token is not in the vocabulary, or `order` was not counted.
        """
        checks.row("tokens", tokens, self.vocab_size, least=1)
        tokens = tokens.long()
        order = self.order if order is None else order
        checks.at_least(1, order=order)
        if order > self.order:
            raise ValueError(f"order must be in 1 … {self.order}, got {order}")
        p = torch.full((len(tokens),), 1 / self.vocab_size, dtype=torch.float64)
        for n in range(1, min(order, len(tokens)) + 1):
            grams = _numbers(tokens, n, self.vocab_size)  # those that end at n - 1, n, …
            counted = _look_up(grams, self.grams[n - 1], self.counts[n - 1])
            contexts = grams // self.vocab_size
            total = _look_up(contexts, self.contexts[n - 1], self.totals[n - 1])
            kinds = _look_up(contexts, self.contexts[n - 1], self.kinds[n - 1])
            shorter = p[n - 1 :]
            mixed = (counted + kinds * shorter) / (total + kinds).clamp(min=1)
            p[n - 1 :] = torch.where(total > 0, mixed, shorter)
        return p

    def next(self, context: Tensor) -> Tensor:
        """Probabilities of every token after `context` (length,): (vocab_size,), in float64.

        Only the last `order - 1` tokens of the context count.

        Raises:
            ValueError: if a token is not in the vocabulary.
        """
        checks.row("context", context, self.vocab_size)
        context = context[len(context) - min(len(context), self.order - 1) :]
        every = torch.arange(self.vocab_size)
        texts = [torch.cat([context, token[None]]) for token in every]
        return torch.stack([self.probabilities(text)[-1] for text in texts])


def _numbers(tokens: Tensor, n: int, vocab_size: int) -> Tensor:
    """Every n-gram of a text as one whole number, its tokens the digits: (length - n + 1,)."""
    numbers = tokens.new_zeros(len(tokens) - n + 1)
    for i in range(n):
        numbers = numbers * vocab_size + tokens[i : len(tokens) - n + 1 + i]
    return numbers


def _look_up(wanted: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """For each wanted number the value behind it, 0 where it is not among the sorted keys."""
    place = torch.searchsorted(keys, wanted).clamp(max=len(keys) - 1)
    return torch.where(keys[place] == wanted, values[place], 0)
