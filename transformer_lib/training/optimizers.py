"""Muon for the matrices, AdamW for the rest."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from transformer_lib import checks
from transformer_lib.layers.kernels import has_bf16_products

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""They lift small singular values fast and leave all of them between 0.5 and 1.5."""


class Muon(torch.optim.Muon):
    """torch's Muon, made fast for many small matrices on any processor.

        B ← μ B + (1 - μ) G,  W ← W - lr · √max(1, rows / columns) · UVᵀ

    where USVᵀ = μ B + (1 - μ) G: every direction of the update gets the same length. UVᵀ is found,
    nearly, by five steps of a polynomial that needs matrix products only. What is computed is what
    `torch.optim.Muon` computes; but matrices of one shape go through the polynomial together, and
    in bfloat16 only where the processor has products of that type. Where it has none, torch
    emulates them, an order of magnitude slower than float32.

    Args, state and groups: as `torch.optim.Muon`.

    Raises:
        ValueError: if a setting is none.

    Source: Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks"
    (https://kellerjordan.github.io/posts/muon/).
    """

    def __init__(
        self,
        params: Iterable,
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = COEFFICIENTS,
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ):
        checks.several(params=params)
        checks.not_negative(lr=lr, weight_decay=weight_decay, momentum=momentum)
        checks.flag(nesterov=nesterov)
        _check_polynomial(ns_coefficients, ns_steps, eps, "ns_coefficients", "ns_steps")
        checks.one_of((None, "original", "match_rms_adamw"), adjust_lr_fn=adjust_lr_fn)
        settings = lr, weight_decay, momentum, nesterov, ns_coefficients, eps, ns_steps
        super().__init__(params, *settings, adjust_lr_fn)

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:
        """Change every matrix that has a gradient; `closure` may compute the loss anew."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            alike: dict[tuple, list[nn.Parameter]] = {}
            for weight in group["params"]:
                if weight.grad is not None:
                    alike.setdefault((weight.shape, weight.device), []).append(weight)
            for weights in alike.values():
                updates = torch.stack([self._momentum(weight, group) for weight in weights])
                polynomial = group["ns_coefficients"], group["ns_steps"], group["eps"]
                updates = orthogonalize(updates, *polynomial)
                lr = group["lr"] * _shape_factor(weights[0].shape, group["adjust_lr_fn"])
                for weight, update in zip(weights, updates, strict=True):
                    weight.mul_(1 - group["lr"] * group["weight_decay"])
                    weight.sub_(update, alpha=lr)
        return loss

    def _momentum(self, weight: nn.Parameter, group: dict) -> Tensor:
        """Blend the gradient into the running mean of `weight`, and return the update."""
        state = self.state[weight]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(weight.grad)
        mean = state["momentum_buffer"].lerp_(weight.grad, 1 - group["momentum"])
        return weight.grad.lerp(mean, group["momentum"]) if group["nesterov"] else mean


def orthogonalize(
    x: Tensor,
    coefficients: tuple[float, float, float] = COEFFICIENTS,
    steps: int = 5,
    eps: float = 1e-7,
) -> Tensor:
    """Bring every singular value of each matrix near 1, and leave its singular vectors alone.

        X ← a X + b (XXᵀ) X + c (XXᵀ)² X

    Args:
        x: matrices (..., rows, columns).
        coefficients: a, b and c.
        steps: how often.
        eps: what a matrix is divided by at least, before the first of them.

    Returns:
        Matrices of the same shape and type.

    Raises:
        ValueError: if `x` is no matrix of floating point numbers, or a setting is none.

    Source: Jordan et al. 2024, as `Muon`.
    """
    checks.tensor(x=x)
    _check_polynomial(coefficients, steps, eps, "coefficients", "steps")
    if x.dim() < 2 or not x.is_floating_point():
        raise ValueError(f"x must be matrices of floats, got {tuple(x.shape)} of {x.dtype}")
    a, b, c = coefficients
    tall = x.size(-2) > x.size(-1)
    y = x.to(torch.bfloat16) if has_bf16_products(x.device.type) else x.float()
    y = y.mT if tall else y  # XXᵀ is the smaller of the two squares
    y = y / y.norm(dim=(-2, -1), keepdim=True).clamp(min=eps)
    for _ in range(steps):
        square = y @ y.mT
        y = a * y + (b * square + c * square @ square) @ y
    return (y.mT if tall else y).to(x.dtype)


def muon_and_adamw(
    model: nn.Module, *, lr: float = 0.02, adamw_lr: float = 3e-3, weight_decay: float = 0.0
) -> list[torch.optim.Optimizer]:
    """Muon for the matrices between features and features, AdamW for all other parameters.

    Embeddings, and layers that share their weights with one, are matrices too, but their rows are
    looked up one at a time: they go to AdamW, as do biases, gains and everything that is no matrix.

    Args:
        model: the model; only parameters that want a gradient are taken.
        lr: learning rate of Muon.
        adamw_lr: learning rate of AdamW.
        weight_decay: of both, decoupled from the gradient; never on biases and gains.

    Returns:
        The optimizers, Muon first; only one if the other would have nothing to do.

    Raises:
        ValueError: if a rate or the decay is negative or not finite, or no parameter of the model
            wants a gradient.
    """
    checks.module(model=model)
    checks.not_negative(lr=lr, adamw_lr=adamw_lr, weight_decay=weight_decay)
    looked_up = {
        weight
        for module in model.modules()
        if isinstance(module, nn.Embedding)
        for weight in module.parameters()
    }
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    if not trained:
        raise ValueError("model must have parameters that want a gradient, got none")
    matrices = [w for w in trained if w.dim() == 2 and w not in looked_up]
    tables = [w for w in trained if w.dim() > 1 and not (w.dim() == 2 and w not in looked_up)]
    vectors = [w for w in trained if w.dim() < 2]
    optimizers: list[torch.optim.Optimizer] = []
    if matrices:
        optimizers.append(Muon(matrices, lr=lr, weight_decay=weight_decay))
    if tables or vectors:
        groups = [
            {"params": tables, "weight_decay": weight_decay},
            {"params": vectors, "weight_decay": 0.0},
        ]
        groups = [group for group in groups if group["params"]]
        optimizers.append(torch.optim.AdamW(groups, lr=adamw_lr, betas=(0.9, 0.98), fused=True))
    return optimizers


def _check_polynomial(coefficients: tuple, steps: int, eps: float, *names: str) -> None:
    checks.several(**{names[0]: coefficients})
    if len(coefficients) != 3:
        raise ValueError(f"{names[0]} must be three numbers, got {coefficients}")
    checks.finite(**{f"{names[0]}[{n}]": c for n, c in enumerate(coefficients)})
    checks.at_least(0, **{names[1]: steps})
    checks.positive(eps=eps)


def _shape_factor(shape: torch.Size, adjust: str | None) -> float:
    """How the learning rate follows the shape of a matrix, as in `torch.optim.Muon`."""
    rows, columns = shape
    if adjust == "match_rms_adamw":
        return 0.2 * max(rows, columns) ** 0.5
    return max(1.0, rows / columns) ** 0.5
