"""What all kinds of learning have in common, and what classifiers of text and pictures share."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from transformer_lib.learning.split import Part
from transformer_lib.learning.tokens import PAD
from transformer_lib.models.vit import ViT, ViTConfig


class Kind(nn.Module):
    """What the five have in common.

    Args:
        facts: what was decided from the data, all that the candidates' sizes depend on.
    """

    measure: str  # what `score` counts
    shares = False  # whether it is a share of the rows

    def __init__(self, facts: dict):
        super().__init__()
        self.facts = facts

    @property
    def baseline(self) -> nn.Module:
        """The candidate that is counted."""
        return next(iter(self.candidates.values()))

    @property
    def model(self) -> nn.Module:
        """The candidate that is trained."""
        return list(self.candidates.values())[-1]


class Labels(Kind):
    """What classifiers of text and of pictures share."""

    measure, shares = "wrong answers", True

    def score(self, name: str, part: Part) -> float:
        """Share of wrong answers."""
        right = self.probabilities(name, part.sources).argmax(dim=-1) == self.numbers(part)
        return 1 - right.double().mean().item()

    def look(self, part: Part) -> float:
        """Mean surprise in nats: finer than a share."""
        p = self.probabilities("model", part.sources)
        return F.nll_loss(p.log(), self.numbers(part)).item()

    def numbers(self, part: Part) -> Tensor:
        """Classes as numbers."""
        return torch.tensor([self.facts["classes"].index(label) for label in part.targets])

    @torch.no_grad()
    def probabilities(self, name: str, sources: list) -> Tensor:
        """Of all classes, (sources, classes); "together" is the mean of all candidates."""
        if name == "together":
            return torch.stack([self.probabilities(n, sources) for n in self.candidates]).mean(0)
        return self._probabilities(name, sources)

    def answer(self, name: str, source) -> str:
        """The likeliest class."""
        return self.facts["classes"][self.probabilities(name, [self.one(source)])[0].argmax()]


def padded(ids: list[Tensor]) -> Tensor:
    """Rows of ids side by side, (rows, the longest)."""
    return pad_sequence(ids, batch_first=True, padding_value=PAD)


def eyes(facts: dict, outputs: int) -> ViT:
    """What reads pictures of at most 32 pixels a side, untrained: classes or a vector come out."""
    return ViT(
        ViTConfig(
            image_size=facts["side"],
            patch_size=2 if facts["side"] <= 16 else 4,
            in_channels=facts["channels"],
            num_classes=outputs,
            d_model=64,
            num_heads=4,
            num_layers=2,
            d_ff=128,
            dropout=0.1,
            pooling="mean",
        )
    )
