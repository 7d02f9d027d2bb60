"""Six small drawings for the cover, one for each part, computed when the book is built."""

import first_line
import torch
from torch.nn import functional as F

from transformer_lib.data.images import load_small_digits
from transformer_lib.layers.masks import causal_mask, sliding_window_mask
from transformer_lib.models.transformer import Transformer, TransformerConfig
from transformer_lib.show import whole

SIDE = 64


def attention() -> str:
    """Where each letter of the cover's line looks."""
    return _drawing(_squares(first_line.state(first_line.LINE)["map"]))


def transformer() -> str:
    """The whole model, from a run of it."""
    model = Transformer(TransformerConfig(9, 9, d_model=8, num_heads=2, d_ff=16))
    source, target = torch.tensor([[3, 4, 5]]), torch.tensor([[1, 6, 7]])
    return whole.transformer(model, source, target, small=True)._repr_html_()


def language() -> str:
    """What may come after "And he came to "."""
    chances = [p for _, p in first_line.state("And he came to ")["next"]]
    widest = max(chances)
    bars = "".join(f"M2 {5 + 12 * i}h{58 * p / widest:.1f}v8H2z" for i, p in enumerate(chances))
    return _drawing(f'<path class="full" d="{bars}"/>')


def beyond_text() -> str:
    """A digit, cut into four patches by four."""
    digit = load_small_digits().train.images[3, 0]
    cuts = "".join(f"M{16 * i} 0V{SIDE}M0 {16 * i}H{SIDE}" for i in range(1, 4))
    return _drawing(_squares(digit.tolist()) + f'<path class="thin" d="{cuts}"/>')


def far_away() -> str:
    """Who may look at whom in a window that slides."""
    seen = causal_mask(16) & sliding_window_mask(16, window=5)
    return _drawing(_squares((0.5 * seen).tolist()))


def in_practice() -> str:
    """The loss of one small regression at two learning rates: one falls, one does not."""
    lines = "".join(
        f'<path class="{kind}" d="M' + "L".join(f"{x:.1f} {y:.1f}" for x, y in _curve(rate)) + '"/>'
        for rate, kind in ((0.1, "line"), (0.95, "line bad"))
    )
    return _drawing(lines + f'<path class="thin" d="M2 2V{SIDE - 2}H{SIDE}"/>')


def _curve(rate: float) -> list[tuple[float, float]]:
    """The losses of 24 steps of gradient descent as points; what is too high is cut off."""
    random = torch.Generator().manual_seed(0)
    x, w = torch.randn(64, 3, generator=random), torch.zeros(3, requires_grad=True)
    y = x @ torch.tensor([1.0, -2.0, 0.5])
    first, points = None, []
    for step in range(25):
        loss = F.mse_loss(x @ w, y)
        first = first or loss.item()
        points.append((4 + 2.4 * step, SIDE - 4 - 40 * min(1.4, loss.item() / first)))
        w = (w - rate * torch.autograd.grad(loss, w)[0]).detach().requires_grad_()
    return points


def _squares(values: list[list[float]]) -> str:
    """Numbers from 0 to 1 as squares: a path for each of four strengths."""
    cell = SIDE / len(values)
    paths = ""
    for low, high in ((0.05, 0.2), (0.2, 0.45), (0.45, 0.75), (0.75, 2)):
        squares = "".join(
            f"M{x * cell:.1f} {y * cell:.1f}h{cell:.1f}v{cell:.1f}h-{cell:.1f}z"
            for y, row in enumerate(values)
            for x, value in enumerate(row)
            if low <= value < high
        )
        paths += f'<path class="full" opacity="{min(1, high)}" d="{squares}"/>'
    return paths


def _drawing(inside: str) -> str:
    return f'<svg class="tiny" viewBox="0 0 {SIDE} {SIDE}" aria-hidden="true">{inside}</svg>'
