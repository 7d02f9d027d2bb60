"""The record of a training: a list for each quantity, a number for each step."""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class History:
    """What happened at every step: a list for each quantity, the first step first.

    Attributes:
        loss: mean loss of the step's batches.
        grad_norm: length of the gradient of all parameters, before clipping.
        factor: what the schedule multiplied the learning rates by.
        scores: {step: result} of `evaluate`.
    """

    loss: list[float] = field(default_factory=list)
    grad_norm: list[float] = field(default_factory=list)
    factor: list[float] = field(default_factory=list)
    scores: dict[int, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.loss)

    def add(self, *, loss: float, grad_norm: float, factor: float) -> None:
        """Note one more step."""
        self.loss.append(loss)
        self.grad_norm.append(grad_norm)
        self.factor.append(factor)

    def __repr__(self) -> str:
        if not self.loss:
            return "History(0 steps)"
        return f"History({len(self)} steps, loss {self.loss[0]:.2f} → {self.smooth_loss()[-1]:.2f})"

    def smooth_loss(self, window: int = 50) -> list[float]:
        """Mean loss of the `window` steps up to each step, of fewer at the beginning."""
        sums = [0.0]
        for loss in self.loss:
            sums.append(sums[-1] + loss)
        starts = [max(0, end - window) for end in range(1, len(sums))]
        return [(sums[i + 1] - sums[s]) / (i + 1 - s) for i, s in enumerate(starts)]

    def plot(self, ax=None):
        """Draw the loss over the steps, faint as it was and strong as its running mean.

        Args:
            ax: where to draw; a new figure when left out.

        Returns:
            The Axes.
        """
        if ax is None:
            import matplotlib.pyplot as plt  # takes half a second, and training needs none

            _, ax = plt.subplots()
        steps = range(1, len(self) + 1)
        (line,) = ax.plot(steps, self.smooth_loss(), label="mean of 50 steps")
        ax.plot(steps, self.loss, color=line.get_color(), alpha=0.25, linewidth=0.8, zorder=1)
        ax.set(xlabel="step", ylabel="loss (nats)")
        return ax
