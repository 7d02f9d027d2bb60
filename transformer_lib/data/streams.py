"""One long text as streams: segments that go on where the last ones ended.

    text     a b c d e f g h i j k l m        two streams, segments of 3
    inputs   a b c | d e f      targets   b c d | e f g      stream 0
             g h i | j k l                h i j | k l m      stream 1

A model with a memory reads row b of one segment behind row b of the segment before. Every token
but the first is a target exactly once.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from transformer_lib import checks
from transformer_lib.data.order import Endless

IGNORED = -100  # a target that does not count, as in torch


@dataclass(frozen=True)
class Segment:
    """A piece of every stream.

    Attributes:
        inputs: ids (batch_size, at most seg_len).
        targets: the next ids, of the same shape; -100 where one counts in another row.
        first: whether the streams begin here, so that nothing is to be remembered.
        group: which streams these are, where they are read in several groups.
    """

    inputs: Tensor
    targets: Tensor
    first: bool
    group: int = 0


class Streams(Endless):
    """Segments of a text, in order and without end: `streams[n]` is a function of n alone.

    The text is cut into `batch_size` streams of equal length. The last segment is as short as it
    comes. Behind it the streams begin again, and `first` says so. Where the text cannot be cut
    into equal parts, some streams overlap by a token: there the target that comes twice counts
    once.

    With `groups` there are as many batches of streams, read in turn: segment n of group g is
    `streams[n * groups + g]`. So each of several processes, or each part of an accumulated step,
    has streams of its own that go on without a gap.

    Args:
        ids: the text, (length,).
        batch_size: number of streams read side by side.
        seg_len: number of tokens in a segment.
        groups: number of batches of streams; `accumulate` times the number of processes.

    Raises:
        ValueError: if a number is less than 1, or the text is too short for that many streams.
    """

    def __init__(self, ids: Tensor, *, batch_size: int, seg_len: int, groups: int = 1):
        checks.at_least(1, batch_size=batch_size, seg_len=seg_len, groups=groups)
        checks.row("ids", ids, least=batch_size * groups + 1)
        self.batch_size, self.seg_len, self.groups = batch_size, seg_len, groups
        pairs, streams = len(ids) - 1, batch_size * groups  # a pair: a token, and the next one
        starts = torch.arange(streams, device=ids.device) * pairs // streams
        self.stream_len = -(-pairs // streams)  # rounded up: no pair is left over
        places = starts[:, None] + torch.arange(self.stream_len, device=ids.device)
        self.inputs, self.targets = ids[places], ids[places + 1]  # (streams, stream_len)
        twice = starts[:-1] + self.stream_len > starts[1:]  # where the next stream begins too soon
        self.targets[:-1, -1][twice] = IGNORED

    @property
    def segments_per_epoch(self) -> int:
        """Number of batches in which the whole text is read once."""
        return self.groups * -(-self.stream_len // self.seg_len)

    def __getitem__(self, n: int) -> Segment:
        """Batch n of segments, counted from 0."""
        checks.at_least(0, n=n)
        n, group = divmod(n % self.segments_per_epoch, self.groups)
        rows = slice(group * self.batch_size, (group + 1) * self.batch_size)
        columns = slice(n * self.seg_len, (n + 1) * self.seg_len)
        return Segment(self.inputs[rows, columns], self.targets[rows, columns], n == 0, group)
