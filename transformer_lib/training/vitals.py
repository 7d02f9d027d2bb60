"""What one batch tells about a model: one pass forward and back, and a few numbers of it.

Causality and padding are measured by gradients, which are exact: a place that the output does not
depend on has a gradient of 0, whatever the model is made of. A perturbed input would need a change
large enough to be seen; here every change is infinitely small, and seen.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from transformer_lib.training.hearing import Heard, hear

ROWS = 512  # outputs that the rank is taken of, at most
RATIO = 1e-3  # a singular value counts if it is this part of the largest


def vitals(
    model: nn.Module,
    batch: Any,
    loss: Callable[[nn.Module, Any], Any],
    *,
    causal: bool = False,
    pad_id: int | None = None,
    held_out: Any = None,
) -> dict[str, float]:
    """Measure a model on a batch, in evaluation mode and, for what it reads, in training mode too.

    Args:
        model: is left in training mode. (`health` gives a copy.)
        batch: what `loss` takes.
        loss: as in `health`.
        causal: as in `health`.
        pad_id: as in `health`.
        held_out: as in `health`.

    Returns:
        Numbers by name; a name is missing where there is nothing to measure. Nats, and shares.
    """
    model.eval()
    with hear(model) as heard:
        value = mean_of(loss(model, batch))
    numbers = {"loss": value.item()}
    parameters = [p for p in model.parameters() if p.requires_grad]
    wanted = parameters if heard.output is None else [heard.output, *parameters]
    gradients = torch.autograd.grad(value, wanted, retain_graph=True, allow_unused=True)
    there = [g for g in gradients if g is not None]
    numbers["finite"] = float(all(bool(g.isfinite().all()) for g in (value, *there)))
    if not numbers["finite"]:
        return numbers
    numbers |= _targets(heard, causal)
    with torch.no_grad():
        numbers["wavers"] = abs(mean_of(loss(model, batch)).item() - numbers["loss"])
        if held_out is not None:
            numbers["gap"] = mean_of(loss(model, held_out)).item() - numbers["loss"]
    if heard.silent:
        numbers["silent"] = max(heard.silent)
    if heard.written is not None and gradients[0] is not None:
        numbers |= alike(heard, pad_id) | _rank(heard, pad_id)
        numbers |= _padding_counted(heard, gradients[0], pad_id)
    numbers |= _padding_read(heard, pad_id)
    if causal:
        numbers |= _future(heard, "evaluation")
        model.train()
        with hear(model) as heard:
            loss(model, batch)
        numbers |= _future(heard, "training")
    model.train()
    return numbers


def mean_of(loss: Any) -> Tensor:
    """A loss as `train` takes it: a mean, or a sum and what it counts."""
    return loss[0] / loss[1] if isinstance(loss, tuple) else loss


def probe(output: Tensor) -> Tensor:
    """The sum of all outputs, each with a sign that is drawn once: none can cancel for good.

    The square of its gradient is, on average over the signs, that of all outputs' gradients.
    """
    signs = torch.randint(2, output.shape[-1:], generator=torch.Generator().manual_seed(0))
    return (output * (2 * signs - 1).to(output)).sum()


def _targets(heard: Heard, causal: bool) -> dict[str, float]:
    """Landmarks for the loss: of one who knows nothing, and of one who knows how often."""
    if heard.targets is None or not heard.counted.any():
        return {}
    targets = heard.targets[heard.counted]
    share = targets.bincount().double() / len(targets)
    share = share[share > 0]
    numbers = {
        "uniform": math.log(heard.classes),
        "frequencies": -(share * share.log()).sum().item(),
    }
    if causal and heard.written is not None:
        ids = heard.written[0].flatten()
        if ids.shape == heard.targets.shape:
            numbers["copied"] = (ids[heard.counted] == targets).float().mean().item()
    return numbers


def alike(heard: Heard, pad_id: int | None) -> dict[str, float]:
    """The cosine of the last features of two tokens of a row, on average over all pairs."""
    if heard.written is None or heard.features is None:
        return {}
    real = _real(heard.written[0], pad_id).float()  # (batch, len)
    x = nn.functional.normalize(heard.features.float(), dim=-1) * real[..., None]
    own, pairs = real.sum(), real.sum(1).square().sum()
    return {"alike": (((x @ x.mT).sum() - own) / (pairs - own).clamp(min=1)).item()}


def _rank(heard: Heard, pad_id: int | None) -> dict[str, float]:
    """In how many directions the outputs differ, and in how many they could."""
    ids, vectors = heard.written
    real = _real(ids, pad_id)
    outputs = heard.output.detach()[real].float()
    some = torch.randperm(len(outputs), generator=torch.Generator().manual_seed(0))[:ROWS]
    outputs = (outputs - outputs.mean(0))[some.to(outputs.device)]
    singular = torch.linalg.svdvals(outputs)
    if not singular.numel() or not singular[0] > 0:
        return {}
    room = min(vectors.size(-1), outputs.size(1) - 1, len(outputs) - 1)
    return {"rank": int((singular > RATIO * singular[0]).sum()), "room": room}


def _real(ids: Tensor, pad_id: int | None) -> Tensor:
    return torch.ones_like(ids, dtype=torch.bool) if pad_id is None else ids != pad_id


def _padding_counted(heard: Heard, gradient: Tensor, pad_id: int | None) -> dict[str, float]:
    """The share of the loss's gradient that lies on outputs at padding."""
    if pad_id is None:
        return {}
    each = gradient.float().norm(dim=-1)
    pads = heard.written[0] == pad_id
    return {"padding_counted": (each[pads].sum() / each.sum().clamp(min=1e-30)).item()}


def _padding_read(heard: Heard, pad_id: int | None) -> dict[str, float]:
    """The share of what the outputs depend on that is padding."""
    if pad_id is None or heard.output is None or not heard.tokens:
        return {}
    output = heard.output
    if heard.written is not None:
        output = output[heard.written[0] != pad_id]
    found = torch.autograd.grad(
        probe(output), [x for _, x in heard.tokens], retain_graph=True, allow_unused=True
    )
    read = whole = 0.0
    for (ids, _), gradient in zip(heard.tokens, found, strict=True):
        if gradient is not None:
            each = gradient.float().norm(dim=-1)
            read, whole = read + each[ids == pad_id].sum().item(), whole + each.sum().item()
    return {"padding_read": read / whole} if whole else {}


def _future(heard: Heard, mode: str) -> dict[str, float]:
    """The share of what the first, the middle and the last but one output read that is later."""
    if heard.written is None or heard.output.size(1) < 2:
        return {}
    vectors, length = heard.written[1], heard.output.size(1)
    later = whole = 0.0
    for t in {0, length // 2, length - 2}:
        (gradient,) = torch.autograd.grad(probe(heard.output[:, t]), vectors, retain_graph=True)
        each = gradient.float().norm(dim=-1)
        later, whole = later + each[:, t + 1 :].sum().item(), whole + each.sum().item()
    return {f"future_in_{mode}": later / whole} if whole else {}
