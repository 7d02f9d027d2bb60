"""Mean IoU: how well classes of pixels are drawn, counted over a whole set of pictures.

Intersections and unions are summed over all pictures before one is divided by the other. A mean
over pictures is another number, and it must say what a class counts that a picture does not show:
as 1 it praises an empty answer, as 0 it blames a perfect one.
"""

import torch
from torch import Tensor

from transformer_lib import checks


class ClassIoU:
    """Sums of intersections and unions, to which batch after batch is added.

        scores = ClassIoU(num_classes)
        scores.add(logits.argmax(dim=1), labels)
        scores.mean()

    Args:
        num_classes: classes are 0 … num_classes - 1.

    Raises:
        ValueError: if `num_classes` is not positive.

    Source: Everingham et al. 2010, "The PASCAL Visual Object Classes Challenge", §4.1.
    """

    def __init__(self, num_classes: int):
        checks.at_least(1, num_classes=num_classes)
        self.num_classes = num_classes
        self._pairs = torch.zeros(num_classes, num_classes, dtype=torch.int64)  # [true, said]

    def add(self, said: Tensor, true: Tensor) -> None:
        """Count more pixels.

        Args:
            said: class of every pixel, of any shape, int64 or int32.
            true: the right ones, of the same shape.

        Raises:
            ValueError: if they are not such classes, or differ in shape.
        """
        for name, classes in (("said", said), ("true", true)):
            if not isinstance(classes, Tensor):
                raise ValueError(f"{name} must be a tensor, got {type(classes).__name__}")
            checks.row(name, classes.flatten(), self.num_classes)
        if said.shape != true.shape:
            raise ValueError(
                f"said must have the shape of true, {tuple(true.shape)}, got {tuple(said.shape)}"
            )
        both = true.flatten().long() * self.num_classes + said.flatten().long()
        counts = torch.bincount(both, minlength=self.num_classes**2).cpu()
        self._pairs += counts.view(self.num_classes, self.num_classes)

    def per_class(self) -> Tensor:
        """IoU of each class (num_classes,) in float64; NaN for one neither said nor true."""
        intersection = self._pairs.diagonal().double()
        union = self._pairs.sum(dim=0) + self._pairs.sum(dim=1) - intersection
        return intersection / union  # 0 / 0 is NaN

    def mean(self) -> float:
        """Mean of the classes that were said or true; NaN before anything is added."""
        return float(self.per_class().nanmean())
