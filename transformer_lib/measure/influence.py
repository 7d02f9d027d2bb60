"""Who looks at whom: how much each output depends on each token, by the gradient."""

import torch
from torch import Tensor, nn

from transformer_lib.training.hearing import hear
from transformer_lib.training.vitals import probe


def influence(model: nn.Module, ids: Tensor) -> Tensor:
    """Measure how much the output at each place depends on the token at each.

        influence[i, j] = |∂ output_i / ∂ x_j|

    where x_j is the vector that token j is looked up as. Attention weights say where a layer
    looked; this says what the whole model's answer moves with, and it is 0 exactly where nothing
    can pass. The norm is estimated with one random sign for each output (Hutchinson's estimator),
    and averaged over the rows of the batch.

    Args:
        model: takes ids, and returns one vector for each, whatever it is made of. It is run in the
            mode that it is in; its gradients are left alone.
        ids: token ids (batch, len).

    Returns:
        (len, len): row i belongs to output i, column j to token j.

    Raises:
        ValueError: if the model does not return a vector for each id, or looks none up.
    """
    with torch.enable_grad(), hear(model) as heard:
        model(ids)
    if heard.written is None:
        found = None if heard.output is None else tuple(heard.output.shape)
        raise ValueError(
            f"model must look up ids (batch, len) and return (batch, len, …) for them, got {found}"
        )
    vectors, rows = heard.written[1], []
    for i in range(ids.size(1)):
        (gradient,) = torch.autograd.grad(probe(heard.output[:, i]), vectors, retain_graph=True)
        rows.append(gradient.square().sum(-1).mean(0).sqrt())
    return torch.stack(rows)
