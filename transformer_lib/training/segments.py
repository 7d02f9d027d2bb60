"""To train a model that reads a text segment by segment.

The model is called as `model(ids, memory, targets=…)` and returns -log p of each target and the
new memory; `SegmentLoss` carries the memory from one step of `train` to the next, and through its
checkpoints. Segments come from `data.streams`.
"""

from torch import Tensor, nn

from transformer_lib import checks
from transformer_lib.data.streams import IGNORED, Segment


class SegmentLoss:
    """Mean -log p of a segment's targets in nats, the memory of the last segment at hand.

        train(model, SegmentLoss(), Streams(ids, batch_size=8, seg_len=128), …)

    Each group of streams has its memory; it is empty where the streams begin. What is read in
    evaluation mode has memories of its own: to score other streams with the same object changes
    nothing for training. `train` saves `state_dict()` in its checkpoints, so that a run which was
    killed goes on with the memory that it had.

    Args:
        last_half: only the second half of each segment counts, so that every target has at least
            half a segment behind it ("half loss" in Table 6 of the paper).

    Source: Dai et al. 2019, §3.2; §4.2 for `last_half`.
    """

    def __init__(self, *, last_half: bool = False):
        checks.flag(last_half=last_half)
        self.last_half = last_half
        self._memories: dict[bool, dict[int, tuple[Tensor, ...]]] = {True: {}, False: {}}

    def __repr__(self) -> str:
        return f"SegmentLoss(last_half={self.last_half})"

    def __call__(self, model: nn.Module, batch: Segment) -> Tensor:
        """Read the segment, and remember it.

        Raises:
            ValueError: if there is no model or no segment.
        """
        checks.module(model=model)
        checks.a(Segment, batch=batch)
        memories = self._memories[model.training]
        memory = None if batch.first else memories.get(batch.group)
        if memory is not None:  # one from a checkpoint lies on the CPU
            memory = tuple(x.to(batch.inputs.device) for x in memory)
        losses, memories[batch.group] = model(batch.inputs, memory, targets=batch.targets)
        start = batch.targets.size(1) // 2 if self.last_half else 0
        counted = (batch.targets[:, start:] != IGNORED).sum()
        return losses[:, start:].sum() / counted.clamp(min=1)

    def state_dict(self) -> dict[int, list[Tensor]]:
        """The memories of training, by group."""
        return {group: list(memory) for group, memory in self._memories[True].items()}

    def load_state_dict(self, state: dict[int, list[Tensor]]) -> None:
        """Go on with the memories of `state_dict`.

        Raises:
            ValueError: if `state` is no dict.
        """
        checks.mapping(state=state)
        self._memories[True] = {group: tuple(memory) for group, memory in state.items()}
