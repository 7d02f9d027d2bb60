"""The residual stream as it was seen in a run, and how it is drawn: a thick line straight down."""

from collections.abc import Mapping, Sequence

from torch import Tensor

from transformer_lib import checks
from transformer_lib.show.canvas import Canvas
from transformer_lib.show.runs import Event, Run, same

Pairs = list[tuple[list[Event], list[Event]]]


def segments(x: Tensor, parts: Sequence[Event], got: Tensor) -> Pairs:
    """How parts hang together: pairs of those on the stream and those beside it, to be added.

    Args:
        x: what went in.
        parts: the calls, in order.
        got: what came out.

    Raises:
        ValueError: if a part reads what is neither a result nor the sum of two.
    """
    found, waiting, bases = [], [], [x]  # bases: what a sum may start from, the last result last
    needs = [(part, part.own_name, part.tensors[0]) for part in parts]
    for part, name, needed in [*needs, (None, "the output", got)]:
        if not same(needed, bases[-1]):
            sums = [i for i, base in enumerate(bases) if same(needed, base + bases[-1])]
            if not sums:
                raise ValueError(
                    f"cannot tell what {name} is made from: it is neither what the part before it "
                    "gave nor the sum of that and an earlier tensor"
                )
            found.append((waiting[: sums[0]], waiting[sums[0] :]))
            waiting, bases = [], [needed]
        if part is not None:
            waiting.append(part)
            bases.append(part.got)
    return [*found, (waiting, [])] if waiting else found


def alike(run: Run, parts: Sequence[Event]) -> list[tuple[int, Event]]:
    """Neighbours that did the same, once: how many they are, and the first of them."""
    groups = []
    for part in parts:
        signature = _signature(run, part)
        if groups and groups[-1][2] == signature:
            groups[-1][0] += 1
        else:
            groups.append([1, part, signature])
    return [(count, part) for count, part, _ in groups]


def _signature(run: Run, part: Event):
    """What a part is and how its own parts hang together."""
    inner = run.parts(part.name)
    if not inner or not part.tensors:
        return part.name
    pairs = segments(part.tensors[0], inner, part.got)
    return [
        [[(p.own_name, type(p.part), p.num_weights) for p in side] for side in pair]
        for pair in pairs
    ]


def from_elsewhere(part: Event) -> Tensor | None:
    """What a part reads beside the stream, as a decoder's layer reads the context."""
    return next((t for t in part.tensors[1:] if not same(t, part.tensors[0])), None)


class Column:
    """A stream that runs down a canvas, with boxes on it and beside it.

    Args:
        canvas: the sheet.
        stream: where the thick line is. middle: where the boxes beside it have their middle.
        width: that of a box.
        small: low boxes, without a second line.
        links: where a press leads, by the name of a part's class.
        lit: the classes, or names, of the parts that are lit; the others fade.
    """

    def __init__(
        self,
        canvas: Canvas,
        *,
        stream: float,
        middle: float,
        width: float,
        small: bool = False,
        links: Mapping[str, str] | None = None,
        lit: Sequence[str] = (),
    ):
        self.canvas, self.stream, self.middle, self.width = canvas, stream, middle, width
        self.side = 1 if middle > stream else -1
        self.small, self.height = small, 28 if small else 42
        self.links, self.lit = links or {}, lit
        self.y, self.framed = 0.0, False
        self.readers: list[tuple[float, float]] = []  # boxes that read from another stream

    def begin(self, text: str) -> None:
        """What goes in."""
        anchor = "left" if self.side > 0 else "right"
        self.canvas.text(self.stream - 4 * self.side, 12, text, f"shape {anchor}")
        self.y = 24.0

    def end(self, text: str) -> None:
        """An arrow to what comes out."""
        anchor = "left" if self.side > 0 else "right"
        self._down(12)
        self.canvas.line((self.stream, self.y), (self.stream, self.y + 12))
        self.y += 12
        self.canvas.text(self.stream - 4 * self.side, self.y + 14, text, f"shape {anchor}")

    def pass_on(self, text: str) -> None:
        """A stretch of the stream alone, and the shape of what passes there."""
        self._down(28)
        anchor = "left" if self.side > 0 else "right"
        self.canvas.text(self.stream + 12 * self.side, self.y - 14, text, f"shape {anchor}")

    def draw(self, pairs: Pairs) -> None:
        """Parts on the stream, and parts beside it whose result is added to it."""
        for on, beside in pairs:
            for part in on:
                self.on_stream(part)
            if beside:
                self._beside(beside)

    def draw_stack(self, run: Run, parts: Sequence[Event]) -> None:
        """Layers in a frame, those that are alike as one; and whatever follows them."""
        for count, part in alike(run, parts):
            inner = run.parts(part.name)
            if not inner:
                self.on_stream(part)
                continue
            top = self.y + 6
            self._down(26)
            self.framed = True
            self.draw(segments(part.tensors[0], inner, part.got))
            self.framed = False
            self._down(14)
            near = self.stream - 18 * self.side
            far = self.middle + self.side * (self.width / 2 + 8)
            self.canvas.frame(min(near, far), top, abs(far - near), self.y - 6 - top)
            self.canvas.text(far - 22 * self.side, top + 12, f"× {count}", "name")

    def on_stream(self, part: Event, text: str = "") -> None:
        """A box that the stream runs through; with a text a pill, for an operation."""
        self._down(10)
        width = self.width if self.small else self.width * 0.9
        x = self.stream + self.side * (width / 2 - 14)
        self.y += self.height / 2
        if text:
            self.canvas.box(x, self.y, width, self.height - 4, text, "plain")
        else:
            self._put(part, x, width)
        self.y += self.height / 2

    def _beside(self, parts: Sequence[Event]) -> None:
        c, middle, top = self.canvas, self.middle, self.y
        fork = top + 8
        c.line((self.stream, fork), (middle, fork), tip=False)
        self.y = fork
        for part in parts:
            other = from_elsewhere(part)
            gap = 12 if self.small else 32 if other is not None else 18
            c.line((middle, self.y), (middle, self.y + gap))
            self.y += gap + self.height / 2
            edge = middle + self.side * self.width / 2
            if other is not None:
                self.readers.append((edge, self.y))
                if not self.small:
                    name = next(key for key, value in part.given.items() if value is other)
                    label = [f"{name} {shape_of(other)}"]
                    if self.framed:  # beside the frame, not on its line
                        label = [name, shape_of(other)]
                    for up, line in enumerate(reversed(label)):
                        c.text(356, self.y - 32 - 15 * up, line, "shape right")
                    c.line((356, self.y - 22), (356, self.y), (edge + self.side, self.y))
            self._put(part, middle, self.width)
            self.y += self.height / 2
        add = self.y + (14 if self.small else 20)
        c.line((middle, self.y), (middle, add), (self.stream + 11 * self.side, add))
        c.line((self.stream, top), (self.stream, add - 11), kind="stream", tip=False)
        c.plus(self.stream, add)
        self.y = add + 10

    def _down(self, by: float) -> None:
        end = (self.stream, self.y + by)
        self.canvas.line((self.stream, self.y), end, kind="stream", tip=False)
        self.y += by

    def _put(self, part: Event, x: float, width: float) -> None:
        name = type(part.part).__name__
        kind = "weights" if part.num_weights else "plain"
        if {name, part.own_name} & {*self.lit}:
            kind += " lit"
        put(
            self.canvas, part, x, self.y, width, self.height, kind,
            note=not self.small, href=self.links.get(name, ""),
        )  # fmt: skip


def put(canvas: Canvas, part: Event, x, y, width, height, kind, *, note=True, href="") -> None:
    """A part in its box: its own name, and how many weights it has."""
    count = part.num_weights
    canvas.box(
        x,
        y,
        width,
        height,
        part.own_name,
        kind,
        note=_amount(count) if note and count else "",
        said=f"{part.name}: {type(part.part).__name__}, {count:,} weights",
        href=href,
    )


def shape_of(x: Tensor) -> str:
    """A tensor's shape as it stands on an arrow: "(2, 10, 512)".

    Raises:
        ValueError: if `x` is no tensor.
    """
    checks.tensor(x=x)
    return f"({', '.join(map(str, x.shape))})"


def weights_said(parts: Sequence[Event]) -> str:
    """How many weights each part has, in words."""
    return " ".join(f"{p.own_name} has {p.num_weights:,} weights." for p in parts if p.num_weights)


def _amount(count: int) -> str:
    for size, unit in ((1_000_000, "M"), (10_000, "K")):
        if count >= size:
            return f"{count / (1000 if unit == 'K' else size):.3g} {unit} weights"
    return f"{count:,} weights"
