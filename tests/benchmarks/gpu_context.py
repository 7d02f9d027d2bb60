"""Training of a GPT with long contexts on a GPU."""

import torch
import torch.nn.functional as F
from gpu import MEASURED, TINY, Size, compare, device, gpts, logits, training

TITLE = "On a GPU: long contexts"
NOTE = (
    "GPT-2's small model with 8,192 and 32,768 positions, one row; a step of training in bfloat16, "
    "with `torch.compile` and fused attention. Columns as in the table before."
)
HEAD = ("context", "library", *MEASURED)


def rows(quick: bool):
    """Measure each length."""
    size = TINY if quick else Size()
    for length in (16, 32) if quick else (8_192, 32_768):
        ids, targets = torch.randint(size.vocab_size, (2, 1, length), device=device())

        def loss(called, ids=ids, targets=targets):
            return F.cross_entropy(logits(called(ids)).flatten(0, 1).float(), targets.flatten())

        for row in compare(gpts(size, length), training(loss), length, quick=quick):
            yield f"{length:,}", *row
