"""How attention was computed in a run: two matrix products, and what is done between them."""

from torch import Tensor

from transformer_lib.show.runs import Event

_PRODUCTS = ("matmul", "bmm")
_FUSED = "scaled_dot_product_attention"
_ROLES = ("query", "key", "value")


def attention_steps(operations: list[Event]) -> tuple[Event, list[str], Event] | None:
    """The product that makes scores, what is done to them, and the product with the values.

    What is done is followed from tensor to tensor: what an operation gives, the next one takes.
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
                steps.append(_step(event, head_dim))
                now = event.got
    return None


def _step(event: Event, head_dim: int) -> str:
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
    return {"masked_fill": "mask", "where": "mask", "add": "+ bias"}.get(event.name, event.name)


def factors_of(operations: list[Event]) -> tuple[dict[str, Tensor], list[str], Tensor | None]:
    """What query, key and value are when they meet; what happens then; the weights, if seen."""
    found = attention_steps(operations)
    if found:
        scores, steps, output = found
        factors = scores.given[0], scores.given[1].mT, output.given[1]
        return dict(zip(_ROLES, factors, strict=True)), ["q kᵀ", *steps, "· v"], output.given[0]
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
