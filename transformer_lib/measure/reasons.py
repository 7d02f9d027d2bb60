"""Which words made a model say so? Scores of words, and a test of such scores: strike words out.

    score = from_vectors(model, model.embedding, ids)  # a function of the words' vectors
    integrated_gradients(score, vectors, baseline)     # how much each word moved it

Attention says where a model looked; `measure.maps` collects it. What is here asks the model itself,
by its gradient or by other inputs. A score above zero speaks for the answer that was given.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from transformer_lib import checks

Score = Callable[[Tensor], Tensor]
"""Maps vectors of words (batch, seq_len, d_model) to one number for each row, (batch,)."""


def from_vectors(model: nn.Module, embedding: nn.Module, ids: Tensor) -> Score:
    """A classifier as a function of its words' vectors: how far its answer is ahead.

    The answer is the class that the model gives `ids`; the score is its logit minus the mean of
    all others'. The model reads `ids` (they say what is padding), but in the place of what
    `embedding` makes of them stands what the function is given.

    Args:
        model: logits (batch, num_classes) from ids, in evaluation mode.
        embedding: the part of it that looks ids up.
        ids: token ids (1, seq_len).

    Raises:
        ValueError: if `ids` are not one row, or `model` and `embedding` no modules, or the model
            is in training mode.
    """
    checks.ids("ids", ids, empty=False)
    if len(ids) != 1:
        raise ValueError(f"ids must be one row, (1, seq_len), got {tuple(ids.shape)}")
    for name, value in (("model", model), ("embedding", embedding)):
        if not isinstance(value, nn.Module):
            raise ValueError(f"{name} must be a module, got {type(value).__name__}")
    if model.training:
        raise ValueError("model must be in evaluation mode: dropout would be taken for a reason")
    with torch.no_grad():
        answer = int(model(ids)[0].argmax())

    def score(vectors: Tensor) -> Tensor:
        handle = embedding.register_forward_hook(lambda *_: vectors)
        try:
            logits = model(ids.expand(len(vectors), -1))  # (batch, num_classes)
        finally:
            handle.remove()
        others = (logits.sum(dim=-1) - logits[:, answer]) / (logits.size(-1) - 1)
        return logits[:, answer] - others

    return score


def gradient(score: Score, vectors: Tensor) -> Tensor:
    """The slope of the score at each word's vector.

    Args:
        score: what is explained.
        vectors: (batch, seq_len, d_model).

    Returns:
        (batch, seq_len, d_model).

    Raises:
        ValueError: if `vectors` are not such vectors, or `score` does not give a number a row.
    """
    _check_function(score=score)
    checks.floating("vectors", vectors, dims=3)
    with torch.enable_grad():
        vectors = vectors.detach().requires_grad_()
        value = score(vectors)
        if value.shape != vectors.shape[:1]:
            raise ValueError(
                f"score must give one number for each row, ({len(vectors)},), "
                f"got {tuple(value.shape)}"
            )
        return torch.autograd.grad(value.sum(), vectors)[0]


def gradient_norm(score: Score, vectors: Tensor) -> Tensor:
    """How steep the score is at each word, whatever the direction: (batch, seq_len)."""
    return gradient(score, vectors).norm(dim=-1)


def gradient_times_input(score: Score, vectors: Tensor) -> Tensor:
    """The slope of the score along each word's own vector: (batch, seq_len).

    Behind a LayerNorm this is zero: the norm takes the length of its input away, so along the
    input itself nothing changes.

    Source: Shrikumar et al. 2016, "Not Just a Black Box", which proposes it; Ali et al. 2022, "XAI
    for Transformers", on LayerNorm.
    """
    return (gradient(score, vectors) * vectors).sum(dim=-1)


def integrated_gradients(
    score: Score, vectors: Tensor, baseline: Tensor, *, steps: int = 16
) -> Tensor:
    """The gradient, gathered on the straight way from a baseline to the words.

        (x - x₀) · ∫₀¹ ∇ score(x₀ + t (x - x₀)) dt

    by the midpoint rule. Over all words it adds up to score(x) - score(x₀), but for the error of
    the rule; the test of completeness is to look.

    Args:
        score: what is explained; it is called once, with all the steps of a row as its batch.
        vectors: (1, seq_len, d_model).
        baseline: what stands for "no word", of the same shape, or one that broadcasts to it.
        steps: points on the way.

    Returns:
        (1, seq_len).

    Raises:
        ValueError: if `vectors` are not one row, `baseline` does not fit, or `steps < 1`.

    Source: Sundararajan et al. 2017, "Axiomatic Attribution for Deep Networks".
    """
    checks.at_least(1, steps=steps)
    checks.floating("vectors", vectors, dims=3)
    checks.floating("baseline", baseline)
    if len(vectors) != 1:
        raise ValueError(f"vectors must be one row, (1, seq_len, d_model), got {len(vectors)} rows")
    try:
        baseline = baseline.expand_as(vectors)
    except RuntimeError:
        raise ValueError(
            f"baseline must broadcast to vectors {tuple(vectors.shape)}, "
            f"got {tuple(baseline.shape)}"
        ) from None
    t = (torch.arange(steps, dtype=vectors.dtype) + 0.5) / steps
    way = baseline + t[:, None, None] * (vectors - baseline)  # (steps, seq_len, d_model)
    slope = gradient(score, way).mean(dim=0, keepdim=True)  # (1, seq_len, d_model)
    return (slope * (vectors - baseline)).sum(dim=-1)


def leave_one_out(chance: Callable[[list[list]], Tensor], row: Sequence) -> Tensor:
    """How much the answer loses when each word is struck out, one at a time.

        score_i = chance(row) - chance(row without word i)

    Args:
        chance: from rows of tokens to probabilities (rows, num_classes).
        row: tokens, two at least.

    Returns:
        (len(row),), of the class that is likeliest for the whole row.

    Raises:
        ValueError: if the row has fewer than two tokens.

    Source: Zeiler and Fergus 2014 for pictures; Li et al. 2016, "Understanding Neural Networks
    through Representation Erasure".
    """
    _check_function(chance=chance)
    _check_list(row=row)
    if len(row) < 2:
        raise ValueError(f"row must have at least 2 tokens, got {len(row)}")
    whole, *without = chance([list(row), *(strike(row, [i]) for i in range(len(row)))])
    answer = int(whole.argmax())
    return torch.stack([whole[answer] - p[answer] for p in without])


def strike(row: Sequence, places: Sequence[int]) -> list:
    """A row without the tokens at these places.

    Raises:
        ValueError: if `row` is no list, or `places` no list of whole numbers.
    """
    _check_list(row=row, places=places)
    checks.whole(**{f"places[{n}]": place for n, place in enumerate(places)})
    gone = {*places}
    return [token for i, token in enumerate(row) if i not in gone]


def flips(
    chance: Callable[[list[list]], Tensor],
    rows: Sequence[Sequence],
    scores: Sequence[Tensor],
    counts: Sequence[int],
) -> dict[int, Tensor]:
    """Strike out the words with the highest scores, and see which answers change.

    Args:
        chance: from rows of tokens to probabilities (rows, num_classes).
        rows: of tokens.
        scores: for each row a number for each token; one of -inf is never struck out.
        counts: how many are struck out; one word always stays.

    Returns:
        For each count, boolean (rows,): whether the answer is another one.

    Raises:
        ValueError: if scores are not as many as rows, a row's scores not as many as its tokens, a
            score is NaN, or a count below 0.
    """
    _check_function(chance=chance)
    _check_list(rows=rows, scores=scores, counts=counts)
    checks.at_least(0, **{f"counts[{n}]": count for n, count in enumerate(counts)})
    if len(rows) != len(scores):
        raise ValueError(
            f"scores must be one tensor for each of {len(rows)} rows, got {len(scores)}"
        )
    for row, score in zip(rows, scores, strict=True):
        if not isinstance(score, Tensor) or score.shape != (len(row),) or score.isnan().any():
            raise ValueError(
                f"scores must be a number for each of {len(row)} tokens, got {score!r}"
            )
    before = chance([list(row) for row in rows]).argmax(dim=-1)
    orders = [_order(score) for score in scores]
    found = {}
    for count in counts:
        left = [
            strike(row, order[: min(count, len(order) - 1)])
            for row, order in zip(rows, orders, strict=True)
        ]
        found[count] = chance(left).argmax(dim=-1) != before
    return found


def _order(score: Tensor) -> list[int]:
    """Places from the highest score down; of equal ones the first comes first."""
    order = score.argsort(descending=True, stable=True).tolist()
    return [i for i in order if score[i] != -torch.inf]


def _check_function(**values: Callable) -> None:
    for name, value in values.items():
        if not callable(value):
            raise ValueError(f"{name} must be a function, got {type(value).__name__}")


def _check_list(**values: Sequence) -> None:
    for name, value in values.items():
        if not isinstance(value, Sequence):
            raise ValueError(f"{name} must be a list, got {type(value).__name__}")
