"""Two matrix products in a row, number for number: each stands where its two factors meet."""

from collections.abc import Mapping, Sequence

from torch import Tensor

from transformer_lib.show.canvas import WIDTH, Canvas
from transformer_lib.show.streams import shape_of


def draw_products(
    c: Canvas,
    factors: tuple[Tensor, Tensor, Tensor],
    results: tuple[Tensor, Tensor, Tensor],
    steps: Sequence[str],
    names: Mapping[str, str],
    shut: Tensor | None = None,
) -> None:
    """Draw q kᵀ, the steps, and the product with v.

    Args:
        c: the sheet.
        factors: q (q_len, head_dim), k (k_len, head_dim) and v (k_len, v_dim).
        results: the first product, what the steps made of it, and the second product.
        steps: their names.
        names: of "q", "k" and "v", of the first "product", and of what is "between".
        shut: boolean, False where what is between is hatched.
    """
    (q, k, v), (scores, weights, out) = factors, results
    (q_len, head_dim), (k_len, v_dim) = q.shape, v.shape
    cell = min(22, (WIDTH - 76) / (head_dim + k_len + v_dim))
    x_scores = 4 + head_dim * cell + 30
    below = f"{names['between']} {shape_of(weights)}", f"output {shape_of(out)}"
    text = 7.2 * sum(map(len, below)) / 2 + 4  # how far apart their middles must be
    x_values = x_scores + k_len * cell + max(36, text - (k_len + v_dim) * cell / 2)
    middle, right = x_scores + k_len * cell / 2, x_values + v_dim * cell / 2
    y_keys, y_scores = 44, 44 + head_dim * cell + 46
    y_weights = y_scores + q_len * cell + 30 + max(1, len(steps)) * 34
    y_values = y_weights - 46 - k_len * cell
    c.text(middle, 12, names["k"], "name key")
    c.text(middle, 30, shape_of(k.T), "shape")
    c.grid(x_scores, y_keys, k.T, "key", cell=cell)
    c.line((middle, y_keys + head_dim * cell + 5), (middle, y_scores - 22), tip=False)
    c.text(4 + head_dim * cell / 2, y_scores - 32, names["q"], "name query")
    c.text(4 + head_dim * cell / 2, y_scores - 14, shape_of(q), "shape")
    c.grid(4, y_scores, q, "query", cell=cell)
    c.line(*_across(4 + head_dim * cell, x_scores, y_scores + q_len * cell / 2))
    c.text(middle, y_scores - 13, f"{names['product']} {shape_of(scores)}", "shape")
    c.grid(x_scores, y_scores, scores, "score", cell=cell)
    y = y_scores + q_len * cell
    c.line((middle, y + 4), (middle, y_weights - 24))
    for i, step in enumerate(steps):
        c.pill(middle, y + 24 + 34 * i, step)
    c.text(middle, y_weights - 13, below[0], "shape")
    c.grid(x_scores, y_weights, weights, "score", cell=cell, mask=shut)
    c.text(right, y_values - 32, names["v"], "name value")
    c.text(right, y_values - 14, shape_of(v), "shape")
    c.grid(x_values, y_values, v, "value", cell=cell)
    c.line((right, y_values + k_len * cell + 5), (right, y_weights - 24), tip=False)
    c.line(*_across(x_scores + k_len * cell, x_values, y_weights + q_len * cell / 2))
    at = min(right, WIDTH - 7.2 * len(below[1]) / 2)  # of few wide columns it would leave the sheet
    c.text(at, y_weights - 13, below[1], "shape")
    c.grid(x_values, y_weights, out, "value", cell=cell)


def _across(start: float, end: float, y: float) -> tuple[tuple[float, float], ...]:
    return (start + 5, y), (end - 4, y)
