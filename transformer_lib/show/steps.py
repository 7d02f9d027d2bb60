"""How attention was computed in a run: two matrix products, and what is done between them."""

from collections.abc import Sequence

from torch import Tensor

from transformer_lib.show.runs import Event

_PRODUCTS = ("matmul", "bmm")
_FUSED = "scaled_dot_product_attention"
_ROLES = ("query", "key", "value")


def attention_steps(
    operations: list[Event], parts: Sequence[Event] = ()
) -> tuple[Event, list[str], Event] | None:
    """The product that makes scores, what is done to them, and the product with the values.

    What is done is followed from tensor to tensor: what an operation gives, the next one takes.
    What is added to scores has the name of the part that made it.
    """
    for i, scores in enumerate(operations):
        if scores.name not in _PRODUCTS:
            continue
        head_dim, steps, now = scores.given[0].size(-1), [], scores.got
        for event in operations[i + 1 :]:
            if not any(given is now for given in event.given.values()):
                continue
            if event.name in _PRODUCTS:
                return scores, steps, event
            if event.got.shape == now.shape and event.got.is_floating_point():
                steps.append(_step(event, head_dim, parts))
                now = event.got
    return None


def query_of(scores: Event, operations: list[Event]) -> tuple[Tensor, str]:
    """The query before it was scaled, if it was, and the product that makes the scores in words."""
    q = scores.given[0]
    for event in operations:
        if event.got is q and event.name in ("div", "truediv", "mul"):
            return event.given[0], f"(q {_step(event, q.size(-1))}) kᵀ"
    return q, "q kᵀ"


def _step(event: Event, head_dim: int, parts: Sequence[Event] = ()) -> str:
    """What an operation on the scores is called on a drawing."""
    other = event.given.get(1)
    if event.name in ("div", "truediv", "mul") and isinstance(other, int | float):
        by = other if event.name != "mul" else 1 / other
        return f"÷ √{head_dim}" if abs(by * by - head_dim) < 1e-6 else f"÷ {by:.4g}"
    if event.name in ("div", "truediv") and isinstance(other, Tensor) and other.size(-1) == 1:
        return "÷ a number, by row"
    if event.name == "softmax":
        axis = event.given.get("dim", other)
        return "softmax, by row" if axis in (-1, event.got.dim() - 1) else "softmax, by column"
    if event.name == "add" and (made := [p.own_name for p in parts if p.got is other]):
        return f"+ {made[0]}"
    return {"masked_fill": "mask", "where": "mask", "add": "+ bias"}.get(event.name, event.name)


def attends(operations: list[Event]) -> bool:
    """Whether attention is computed in them, step by step or by the fused kernel."""
    return attention_steps(operations) is not None or _FUSED in [e.name for e in operations]


def factors_of(
    operations: list[Event], parts: Sequence[Event] = ()
) -> tuple[dict[str, Tensor], list[str], Tensor | None]:
    """What query, key and value are when they meet; what happens then; the weights, if seen."""
    found = attention_steps(operations, parts)
    if found:
        scores, steps, output = found
        query, product = query_of(scores, operations)
        factors = query, scores.given[1].mT, output.given[1]
        return dict(zip(_ROLES, factors, strict=True)), [product, *steps, "· v"], output.given[0]
    for event in operations:
        if event.name == _FUSED:
            factors = (event.given[i] for i in range(3))
            causal = ", causal" if event.given.get("is_causal") else ""
            return dict(zip(_ROLES, factors, strict=True)), [f"{_FUSED}{causal}"], None
    raise ValueError("layer must attend: neither two products nor the fused kernel were seen")


def behind(factor: Tensor, parts: list[Event]) -> list[Event]:
    """The parts that made a tensor, first to last; the views between them share its numbers."""
    for i, part in reversed(list(enumerate(parts))):
        if part.got.data_ptr() == factor.data_ptr():
            return [*behind(part.tensors[0], parts[:i]), part]
    return []
