"""Generation: from scores for the next token to a whole sequence.

A model that can be generated from is a `Writer`: it is started on an input, and each step reads
tokens and scores what may come next. What to choose by these scores is no business of the model:

    generate(model, source, max_new_tokens=40)  # always the likeliest token
    generate(model, source, max_new_tokens=40, choose=Sampler(temperature=0.8))  # by chance
    beam_search(model, source, max_new_tokens=40, num_beams=5)  # several sequences at once

The input of an encoder-decoder model is a source, that of a decoder-only model a prompt.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import Tensor


class State(Protocol):
    """What a model remembers from step to step, a row for each sequence of the batch."""

    def reorder(self, rows: Tensor) -> None:
        """Keep the sequences `rows` (new_batch,) of the batch, in that order."""


class Writer(Protocol):
    """What a model offers to be generated from, besides being an `nn.Module`."""

    pad_id: int  # fills a row behind its end
    eos_id: int | None  # the token that ends a sequence; None where there is no such token
    max_len: int | None  # most tokens that it can read; None for any number

    def start(self, inputs: Tensor) -> tuple[Tensor, State]:
        """From a source or prompt (batch, length) make what the first step takes.

        Its tokens (batch, new_len) are a start token, or the prompt itself.
        """

    def step(self, tokens: Tensor, state: State) -> Tensor:
        """Read tokens (batch, new_len) and score what may follow the last: (batch, vocab_size).

        What is worth remembering of the tokens goes into `state`.
        """


def greedy(logits: Tensor) -> Tensor:
    """Choose the likeliest token: (batch, vocab_size) → (batch,)."""
    return logits.argmax(dim=-1)


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
        if not 0.0 < temperature < math.inf:
            raise ValueError(f"temperature must be positive and finite, got {temperature}")
        if top_k is not None and top_k < 1:
            raise ValueError(f"top_k must be at least 1, got {top_k}")
        if top_p is not None and not 0.0 < top_p <= 1.0:
            raise ValueError(f"top_p must be in (0, 1], got {top_p}")
        self.temperature, self.top_k, self.top_p = temperature, top_k, top_p
        self.generator = generator

    def __call__(self, logits: Tensor) -> Tensor:
        """Choose a token for each row: (batch, vocab_size) → (batch,)."""
        logits = logits.float() / self.temperature
        logits = logits if self.top_k is None else keep_top_k(logits, self.top_k)
        logits = logits if self.top_p is None else keep_top_p(logits, self.top_p)
        return logits.softmax(dim=-1).multinomial(1, generator=self.generator).squeeze(1)


def keep_top_k(logits: Tensor, top_k: int) -> Tensor:
    """Set all logits but the `top_k` highest of each row to -inf: (…, vocab_size) → same."""
    values, tokens = logits.topk(min(top_k, logits.size(-1)), dim=-1)
    return torch.full_like(logits, -math.inf).scatter(-1, tokens, values)


def keep_top_p(logits: Tensor, top_p: float) -> Tensor:
    """Set all logits to -inf but those of the fewest tokens with probability `top_p` together."""
    values, tokens = logits.sort(dim=-1, descending=True)
    chances = values.softmax(dim=-1)
    likelier = chances.cumsum(dim=-1) - chances  # probability of all tokens that rank higher
    values = values.masked_fill(likelier >= top_p, -math.inf)
    return torch.full_like(logits, -math.inf).scatter(-1, tokens, values)


def generate(
    model: Writer,
    inputs: Tensor,
    *,
    max_new_tokens: int,
    choose: Callable[[Tensor], Tensor] = greedy,
) -> Tensor:
    """Write one token after another.

    A sequence that has ended leaves the batch, and the others go on without it.

    Args:
        model: scores the next token; its dropout is off while it writes.
        inputs: token ids (batch, length), the source or the prompt.
        max_new_tokens: where to stop at the latest.
        choose: takes logits (batch, vocab_size) and picks a token for each row, (batch,).

    Returns:
        New tokens (batch, new_len). A row that has ended holds its end token, then padding.

    Raises:
        ValueError: if `max_new_tokens < 1`, or the model cannot read that many.
    """
    with _started(model, inputs, max_new_tokens) as (tokens, state):
        written = tokens.new_full((tokens.size(0), max_new_tokens), model.pad_id)
        rows = torch.arange(tokens.size(0), device=tokens.device)  # those that have not ended
        for t in range(max_new_tokens):
            tokens = choose(model.step(tokens, state))  # (rows,)
            written[rows, t] = tokens
            if model.eos_id is not None and (tokens == model.eos_id).any():
                going_on = (tokens != model.eos_id).nonzero().squeeze(1)
                if not len(going_on):
                    break
                rows, tokens = rows[going_on], tokens[going_on]
                state.reorder(going_on)
            tokens = tokens[:, None]
    return written[:, : t + 1].clone()  # outside inference mode: a tensor like any other


def beam_search(
    model: Writer,
    inputs: Tensor,
    *,
    max_new_tokens: int,
    num_beams: int = 4,
    length_penalty: float = 0.6,
    return_scores: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """Follow the likeliest beginnings side by side, and return the sequence with the best score.

        score(y) = log p(y) / ((5 + |y|) / 6)^length_penalty,  |y| with the end token

    An ended sequence keeps its place. One that can no longer overtake it is given up, so the
    search stops as soon as going on cannot change the result. One beam is greedy search.

    Args:
        model: as in `generate`.
        inputs: as in `generate`.
        max_new_tokens: as in `generate`.
        num_beams: number of beginnings kept.
        length_penalty: 0 ranks by probability, which favours short sequences; the higher, the
            longer the sequences that win.
        return_scores: also return the scores.

    Returns:
        New tokens as in `generate`; with `return_scores` a pair of them and the scores (batch,).

    Raises:
        ValueError: as in `generate`, and if `num_beams < 1` or `length_penalty` is negative.

    Source: for the score Wu et al. 2016, §7; for the defaults Vaswani et al. 2017, §6.1.
    """
    if num_beams < 1:
        raise ValueError(f"num_beams must be at least 1, got {num_beams}")
    if not 0.0 <= length_penalty < math.inf:
        raise ValueError(f"length_penalty must be at least 0 and finite, got {length_penalty}")
    with _started(model, inputs, max_new_tokens) as (tokens, state):
        batch, device = tokens.size(0), tokens.device
        # Each input has num_beams places, each live, ended or empty (log p = -inf). Only the live
        # ones have a row in the model's batch.
        first = num_beams * torch.arange(batch, device=device)[:, None]
        live = first.flatten()
        log_p = torch.full((batch, num_beams), -math.inf, device=device)
        log_p[:, 0] = 0.0
        lengths = torch.zeros_like(log_p)
        ended = torch.zeros_like(log_p, dtype=torch.bool)
        written = tokens.new_full((batch, num_beams, max_new_tokens), model.pad_id)
        for t in range(max_new_tokens):
            step = model.step(tokens, state).float().log_softmax(dim=-1)  # (live, vocab_size)
            # All continuations. An ended sequence has a single one, which comes before the others.
            total = step.new_full((batch * num_beams, step.size(-1)), -math.inf)
            total[live] = log_p.flatten()[live, None] + step
            total[ended.flatten(), model.pad_id] = math.inf
            best, index = total.view(batch, -1).topk(num_beams)  # (batch, num_beams)
            parents, tokens = index // step.size(-1), index % step.size(-1)
            # The best continuations take the places.
            stays = best.isposinf()
            log_p = torch.where(stays, log_p.gather(1, parents), best)
            lengths = lengths.gather(1, parents) + ~stays
            written = written.gather(1, parents[..., None].expand_as(written))
            written[..., t] = tokens
            ended = log_p.isfinite() & (stays | (tokens == model.eos_id))
            # log p only falls: what cannot overtake now never will.
            scores = log_p / ((5 + lengths) / 6) ** length_penalty
            to_beat = scores.masked_fill(~ended, -math.inf).amax(dim=1, keepdim=True)
            hopeless = log_p / ((5 + max_new_tokens) / 6) ** length_penalty <= to_beat
            log_p = log_p.masked_fill(hopeless & ~ended, -math.inf)
            # The model's batch follows.
            row = torch.empty_like(parents).flatten()
            row[live] = torch.arange(len(live), device=device)
            live = (log_p.isfinite() & ~ended).flatten().nonzero().squeeze(1)
            if not len(live):
                break
            state.reorder(row[(first + parents).flatten()[live]])
            tokens = tokens.flatten()[live, None]
    scores, place = scores.max(dim=1, keepdim=True)  # outside inference mode, as in `generate`
    length = int(lengths.gather(1, place).max())
    written = written.take_along_dim(place[..., None], dim=1)[:, 0, :length].clone()
    return (written, scores.squeeze(1)) if return_scores else written


@contextmanager
def _started(model: Writer, inputs: Tensor, max_new_tokens: int) -> Iterator[tuple[Tensor, State]]:
    """Start the model, in evaluation and inference mode; afterwards it is as it was."""
    if max_new_tokens < 1:
        raise ValueError(f"max_new_tokens must be at least 1, got {max_new_tokens}")
    training = [module for module in model.modules() if module.training]
    for module in training:
        module.training = False
    try:
        with torch.inference_mode():
            tokens, state = model.start(inputs)
            read = tokens.size(1) + max_new_tokens - 1  # the last is written, but never read
            if model.max_len is not None and read > model.max_len:
                raise ValueError(
                    f"max_new_tokens must keep the sequence within max_len = {model.max_len}, "
                    f"got {max_new_tokens} behind {tokens.size(1)}, of which {read} would be read"
                )
            yield tokens, state
    finally:
        for module in training:
            module.training = True
