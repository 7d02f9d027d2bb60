"""Generation: from scores for the next token to a whole sequence.

A model that can be generated from is a `Writer`: it is started on an input, and each step reads
tokens and scores what may come next. What to choose by these scores is no business of the model:

    generate(model, source, max_new_tokens=40)  # always the likeliest token
    generate(model, source, max_new_tokens=40, choose=Sampler(temperature=0.8))  # by chance
    beam_search(model, source, max_new_tokens=40, num_beams=5)  # several sequences at once

The input of an encoder-decoder model is a source, that of a decoder-only model a prompt. Inputs of
different lengths stand in one batch with a mask, and each comes out as if it were alone.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from transformer_lib import checks
from transformer_lib.choosing import Sampler, greedy, keep_top_k, keep_top_p, numbers
from transformer_lib.writers import State, Writer

__all__ = ["Sampler", "beam_search", "generate", "greedy", "keep_top_k", "keep_top_p"]


def generate(
    model: Writer,
    inputs: Tensor,
    *,
    max_new_tokens: int,
    choose: Callable[[Tensor], Tensor] = greedy,
    mask: Tensor | None = None,
    window: int | None = None,
    cache: bool = True,
) -> Tensor:
    """Write one token after another.

    A sequence that has ended leaves the batch, and the others go on without it.

    A text may grow beyond the window, the most that a decoder-only model can read. When the window
    is full, its last half is read anew, and so every token has at least half a window behind it.
    Without a cache the last window is read anew for each token, at many times the cost.

    Args:
        model: scores the next token; its dropout is off while it writes.
        inputs: token ids (batch, length), the source or the prompt.
        max_new_tokens: where to stop at the latest.
        choose: takes logits (batch, vocab_size) and picks a token for each row, (batch,).
        mask: boolean (batch, length), True = a token, False = padding, in front or behind. Rows
            of one length are written side by side, those of another length after them.
        window: most tokens that are read at a time, at least 2; by default the model's `max_len`.
            A model that can read any number should be given the length that it was trained on.
        cache: False: nothing that was read is kept for the next token.

    Returns:
        New tokens (batch, new_len). A row that has ended holds its end token, then padding.

    Raises:
        ValueError: if an argument is not what is said here, or a model with a source cannot write
            that many tokens.
        FloatingPointError: if the model's scores are not numbers.
    """
    _check_model(model)
    checks.at_least(1, max_new_tokens=max_new_tokens)
    checks.at_least_or_none(2, window=window)
    checks.flag(cache=cache)
    if not callable(choose):
        raise ValueError(f"choose must be a function of logits, got {choose!r}")
    if mask is not None:
        how = {"max_new_tokens": max_new_tokens, "choose": choose, "window": window, "cache": cache}
        return _by_length(partial(generate, model, **how), inputs, mask, model.pad_id)[0]
    with _started(model, inputs) as (tokens, state, prompted):
        if not prompted:  # it cannot begin anew in the middle of its target
            if window is not None or not cache:
                raise ValueError("window must be None, and cache True, for a model with a source")
            _check_max_len(model, 1, max_new_tokens)
        most = (window or model.max_len or math.inf) if prompted else math.inf
        length = end = tokens.size(1)
        if window is not None and model.max_len is not None and window > model.max_len:
            raise ValueError(f"window must be at most max_len = {model.max_len}, got {window}")
        if length > most:
            raise ValueError(f"inputs must have at most window = {most} tokens, got {length}")
        room = tokens.new_full((tokens.size(0), max_new_tokens), model.pad_id)
        text = torch.cat([tokens, room], dim=1)
        rows = torch.arange(tokens.size(0), device=tokens.device)  # those that have not ended
        begin, kept = 0, (most + 1) // 2 if cache else most
        for end in range(length, length + max_new_tokens):  # what comes before `end` is written
            if end > begin + most or (not cache and end > length):
                begin = max(begin, end - kept)
                tokens, state = model.start(text[rows, begin:end])
            tokens = _chosen(choose, model.step(tokens, state))  # (rows,)
            text[rows, end] = tokens
            if model.eos_id is not None and (tokens == model.eos_id).any():
                going_on = (tokens != model.eos_id).nonzero().squeeze(1)
                if not len(going_on):
                    break
                rows, tokens = rows[going_on], tokens[going_on]
                state.reorder(going_on)
            tokens = tokens[:, None]
    return text[:, length : end + 1].clone()  # outside inference mode: a tensor like any other


def beam_search(
    model: Writer,
    inputs: Tensor,
    *,
    max_new_tokens: int,
    num_beams: int = 4,
    length_penalty: float = 0.6,
    mask: Tensor | None = None,
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
        mask: as in `generate`.
        return_scores: also return the scores.

    Returns:
        New tokens as in `generate`; with `return_scores` a pair of them and the scores (batch,).

    Raises:
        ValueError: as in `generate`; if `num_beams < 1` or `length_penalty` is negative; if there
            is no input, or a sequence could grow beyond the model's `max_len`.
        FloatingPointError: as in `generate`.

    Source: for the score Wu et al. 2016, §7; for the defaults Vaswani et al. 2017, §6.1.
    """
    _check_model(model)
    checks.at_least(1, max_new_tokens=max_new_tokens, num_beams=num_beams)
    checks.not_negative(length_penalty=length_penalty)
    checks.flag(return_scores=return_scores)
    if mask is not None:
        how = {"max_new_tokens": max_new_tokens, "num_beams": num_beams}
        how |= {"length_penalty": length_penalty, "return_scores": True}
        found = _by_length(partial(beam_search, model, **how), inputs, mask, model.pad_id)
        return found if return_scores else found[0]
    with _started(model, inputs) as (tokens, state, _):
        _check_max_len(model, tokens.size(1), max_new_tokens)
        if not len(inputs):
            raise ValueError(f"inputs must have at least one row, got {tuple(inputs.shape)}")
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
            step = numbers(model.step(tokens, state)).float().log_softmax(dim=-1)  # (live, vocab)
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
def _started(model: Writer, inputs: Tensor) -> Iterator[tuple[Tensor, State, bool]]:
    """Start the model, in evaluation and inference mode; afterwards it is as it was.

    Besides what `start` returns, say whether the inputs are a prompt, to be written on.
    """
    checks.ids("inputs", inputs)
    device = next((weight.device for weight in model.parameters()), inputs.device)
    if inputs.device != device:
        raise ValueError(f"inputs must be on {device}, as the model is, got {inputs.device}")
    inputs = inputs.long()
    training = [module for module in model.modules() if module.training]
    for module in training:
        module.training = False
    try:
        with torch.inference_mode():
            tokens, state = model.start(inputs)
            yield tokens, state, tokens is inputs
    finally:
        for module in training:
            module.training = True


def _by_length(
    search: Callable[[Tensor], Tensor | tuple], inputs: Tensor, mask: Tensor, pad_id: int
) -> tuple[Tensor, ...]:
    """What a search finds for rows with padding: a call for all rows of one length.

    No model has to know of padding, and none can see it.
    """
    checks.ids("inputs", inputs)
    if not isinstance(mask, Tensor) or mask.dtype != torch.bool or mask.shape != inputs.shape:
        found = f"{tuple(mask.shape)} of {mask.dtype}" if isinstance(mask, Tensor) else repr(mask)
        wanted = f"{tuple(inputs.shape)} of torch.bool, True = a token"
        raise ValueError(f"mask must be {wanted}, got {found}")
    begins = mask.int().diff(dim=1, prepend=mask.new_zeros(len(mask), 1).int()) > 0
    if not (begins.sum(dim=1) == 1).all():
        raise ValueError("mask must have tokens in each row, side by side, got padding within them")
    if not len(inputs):
        raise ValueError(f"inputs must have at least one row, got {tuple(inputs.shape)}")
    lengths = mask.sum(dim=1)
    found = {}
    for length in lengths.unique().tolist():
        rows = (lengths == length).nonzero().squeeze(1)
        results = search(inputs[rows][mask[rows]].view(-1, length))
        results = results if isinstance(results, tuple) else (results,)
        found |= dict(zip(rows.tolist(), zip(*results, strict=True), strict=True))
    written, *others = zip(*(found[row] for row in range(len(inputs))), strict=True)
    written = pad_sequence(written, batch_first=True, padding_value=pad_id)
    return written, *(torch.stack(other) for other in others)


def _check_model(model: Writer) -> None:
    if not isinstance(model, nn.Module) or not hasattr(model, "step"):
        raise ValueError(f"model must be a module with start and step, got {type(model).__name__}")


def _chosen(choose: Callable[[Tensor], Tensor], logits: Tensor) -> Tensor:
    tokens = choose(logits if choose is greedy else numbers(logits))  # greedy looks itself
    if not isinstance(tokens, Tensor) or tokens.shape != logits.shape[:1]:
        found = tuple(tokens.shape) if isinstance(tokens, Tensor) else repr(tokens)
        raise ValueError(f"choose must return {tuple(logits.shape[:1])} tokens, got {found}")
    return tokens


def _check_max_len(model: Writer, length: int, max_new_tokens: int) -> None:
    read = length + max_new_tokens - 1  # the last is written, but never read
    if model.max_len is not None and read > model.max_len:
        raise ValueError(
            f"max_new_tokens must keep the sequence within max_len = {model.max_len}, "
            f"got {max_new_tokens} behind {length}, of which {read} would be read"
        )
