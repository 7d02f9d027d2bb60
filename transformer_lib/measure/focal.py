"""Focal loss: many yes-or-no questions, of which nearly all are answered by no.

Sixteen queries and ten classes make 160 questions about a picture of four objects. What 156 easy
ones cost together would drown the rest; so a question counts less, the surer its right answer is.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from transformer_lib import checks

ALPHA = 0.25  # weight of the questions whose answer is yes; the others have 1 - ALPHA
GAMMA = 2.0  # with 0, a question that is settled would count as much as any


def focal_loss(logits: Tensor, wanted: Tensor) -> Tensor:
    """Binary cross-entropy that hardly looks at what is known already.

        loss = -a · (1 - p)² · log p

    p is the probability of the right answer: sigmoid(logit) for yes, 1 - sigmoid(logit) for no;
    a is 0.25 for yes and 0.75 for no.

    Args:
        logits: of "yes", of any shape.
        wanted: True where the answer is yes, broadcastable to the logits.

    Returns:
        One number for each question, in nats.

    Raises:
        ValueError: if the logits are not of floating point, or `wanted` is not such a tensor.

    Source: Lin et al. 2017, "Focal Loss for Dense Object Detection", §3, equation 5.
    """
    checks.floating("logits", logits)
    if not isinstance(wanted, Tensor) or wanted.dtype != torch.bool:
        got = wanted.dtype if isinstance(wanted, Tensor) else type(wanted).__name__
        raise ValueError(f"wanted must be a tensor of True and False, got {got}")
    if wanted.device != logits.device:
        raise ValueError(f"wanted must be on {logits.device}, as logits, got {wanted.device}")
    checks.broadcasts("wanted", wanted, logits.shape)
    right = logits.where(wanted, -logits)  # the logit of the right answer
    weight = torch.where(wanted, ALPHA, 1 - ALPHA)
    return -weight * (-right).sigmoid() ** GAMMA * F.logsigmoid(right)
